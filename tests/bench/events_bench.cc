// What it costs to get events out of a file: each one's bytes in the wire format, decoded.
//
//   events_bench ndjson|binpb|protobuf FILE RUNS
//
// The first two are the readers that `surgewatch replay` has; `protobuf` parses the lines of an
// NDJSON file with protobuf's own JSON parser on two threads, as a reference. Prints a line of JSON
// with the best of the runs, and the CPU time of that run: all threads, the reading of the file
// included.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "files/event_file.h"
#include "observe/decode.h"
#include "support/from_json.h"

namespace surgewatch {
namespace {

constexpr int kThreads = 2;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t read(const std::string& path, files::EventFormat format) {
  auto reader = files::EventReader::open(path, format);
  SW_CHECK(reader.ok());
  files::EventBatch batch;
  observe::Document document;
  while (true) {
    const auto more = (*reader)->next(&batch);
    SW_CHECK(more.ok());
    if (!*more) return batch.end;
    SW_CHECK(batch.unreadable.empty());
    for (const Topic topic : {Topic::kInvoices, Topic::kShipments}) {
      for (const aggregate::Record& record : batch.of(topic)) {
        SW_CHECK(observe::decode(topic, record.payload, &document));
      }
    }
  }
}

std::uint64_t read_lines_with_protobuf(std::string_view lines) {
  v1::Event event;
  std::string payload;
  observe::Document document;
  std::uint64_t count = 0;
  for (; !lines.empty(); ++count) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    SW_CHECK(from_json(line, &event));
    const Topic topic = event.has_invoice() ? Topic::kInvoices : Topic::kShipments;
    SW_CHECK(event.has_invoice() ? event.invoice().SerializeToString(&payload)
                                 : event.shipment().SerializeToString(&payload));
    SW_CHECK(observe::decode(topic, payload, &document));
  }
  return count;
}

std::uint64_t read_with_protobuf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::string_view lines = text;
  std::array<std::uint64_t, kThreads> counts{};
  std::vector<std::thread> threads;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < kThreads; ++i) {
    const std::size_t end =
        i + 1 == kThreads ? lines.size() : lines.find('\n', lines.size() / kThreads) + 1;
    threads.emplace_back([part = lines.substr(begin, end - begin), &count = counts[i]] {
      count = read_lines_with_protobuf(part);
    });
    begin = end;
  }
  for (std::thread& thread : threads) thread.join();
  return counts[0] + counts[1];
}

int run(const std::string& way, const std::string& path, int runs) {
  double best = 0, cpu_of_best = 0;
  std::uint64_t events = 0;
  for (int i = 0; i < runs; ++i) {
    const double cpu = cpu_seconds();
    const auto start = std::chrono::steady_clock::now();
    events = way == "protobuf" ? read_with_protobuf(path)
                               : read(path, way == "binpb" ? files::EventFormat::kBinpb
                                                           : files::EventFormat::kNdjson);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (best != 0 && took.count() >= best) continue;
    best = took.count();
    cpu_of_best = cpu_seconds() - cpu;
  }
  fmt::print(
      "{{\"way\": \"{}\", \"events\": {}, \"runs\": {}, \"seconds\": {:.3f}, "
      "\"events_per_second\": {:.0f}, \"cpu_ns_an_event\": {:.0f}}}\n",
      way, events, runs, best, static_cast<double>(events) / best,
      cpu_of_best * 1e9 / static_cast<double>(events));
  return 0;
}

}  // namespace
}  // namespace surgewatch

int main(int argc, char** argv) {
  const std::string way = argc == 4 ? argv[1] : "";
  if (way != "ndjson" && way != "binpb" && way != "protobuf") {
    std::fputs("usage: events_bench ndjson|binpb|protobuf FILE RUNS\n", stderr);
    return 2;
  }
  return surgewatch::run(way, argv[2], std::stoi(argv[3]));
}
