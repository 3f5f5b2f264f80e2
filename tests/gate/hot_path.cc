// What the gate counts instructions of: the stages that an event passes, one after another, each
// on the same invoices. Runs by itself too, and then counts nothing; see gate.py.
#ifdef SURGEWATCH_CALLGRIND
#include <valgrind/callgrind.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "aggregate/source.h"
#include "base/check.h"
#include "base/proto_json.h"
#include "bench/sales.h"
#include "json/event_transcoder.h"
#include "observe/decode.h"
#include "observe/observer.h"
#include "surgewatch/v1/events.pb.h"
#include "window/window.h"

namespace surgewatch::gate {
namespace {

constexpr int kEvents = 40'000;
constexpr std::size_t kBatch = 4'096;
constexpr std::size_t kLines = 2'000;  // of JSON, which takes long to write
const bench::Sales kSales{};

// Runs `work` with counting on, and prints what its count is to be divided by.
template <typename Work>
void stage(const char* name, Work&& work) {
#ifdef CALLGRIND_ZERO_STATS
  CALLGRIND_ZERO_STATS;
#endif
  const std::size_t units = work();
#ifdef CALLGRIND_DUMP_STATS_AT
  CALLGRIND_DUMP_STATS_AT(name);
#endif
  std::printf("%s %zu\n", name, units);
}

[[gnu::noinline]] std::size_t decode(std::span<const aggregate::Record> records) {
  observe::Document document;
  for (const aggregate::Record& record : records) {
    SW_CHECK(observe::decode(Topic::kInvoices, record.payload, &document));
  }
  return records.size();
}

[[gnu::noinline]] std::size_t observe(std::span<const aggregate::Record> records,
                                      const observe::Observer& observer) {
  observe::Observation observation;
  observe::Rejection rejection;
  for (const aggregate::Record& record : records) {
    SW_CHECK(observer.observe(record.payload, record.record_timestamp, &observation, &rejection));
  }
  return records.size();
}

[[gnu::noinline]] std::size_t transcode(std::span<const std::string> lines,
                                        json::EventTranscoder* transcoder) {
  json::EventTranscoder::Event event;
  observe::Rejection rejection;
  for (const std::string_view line : lines) {
    SW_CHECK(transcoder->transcode(line.substr(0, line.size() - json::EventTranscoder::kPadding),
                                   &event, &rejection));
  }
  return lines.size();
}

// The events as lines of JSON, padded.
std::vector<std::string> lines_of(std::span<const aggregate::Record> records) {
  std::vector<std::string> lines;
  for (const aggregate::Record& record : records) {
    v1::Event event;
    SW_CHECK(event.mutable_invoice()->ParseFromString(std::string(record.payload)));
    lines.push_back(to_json(event) + std::string(json::EventTranscoder::kPadding, '\0'));
  }
  return lines;
}

[[gnu::noinline]] std::size_t process(std::span<const aggregate::Record> records,
                                      aggregate::Source* source) {
  std::vector<aggregate::Aside> aside;
  for (auto left = records; !left.empty();) {
    const std::size_t count = std::min(kBatch, left.size());
    source->process(left.first(count), &aside);
    left = left.subspan(count);
  }
  SW_CHECK(aside.empty());
  return records.size();
}

[[gnu::noinline]] std::size_t flush(aggregate::Source* source) {
  std::vector<v1::JournalRecord> journal;
  source->flush(&journal);
  std::size_t panes = 0;
  for (const v1::JournalRecord& record : journal) {
    panes += static_cast<std::size_t>(record.panes().updates_size());
  }
  SW_CHECK(panes > 0);
  source->recycle(&journal);
  return panes;
}

// To the panes of 100 keys, in turns of a minute.
[[gnu::noinline]] std::size_t add(window::Window* window, std::span<const window::SlotId> slots) {
  for (int i = 0; i < kEvents; ++i) {
    window->begin_event();
    const Micros time = bench::kStart + i * Micros{4'000};
    window->advance(time);
    window->add(slots[static_cast<std::size_t>(i * 7) % slots.size()], time, {{1, 2, 3, 4, 5}}, i);
    window->publish(i + 1);
  }
  return kEvents;
}

void run() {
#ifdef __clang__
  std::printf("compiler Clang-%d\n", __clang_major__);
#else
  std::printf("compiler GNU-%d\n", __GNUC__);
#endif
  // The first of each pair warms up: memory that grows, texts and keys that are new.
  const bench::Topic133 warm(kSales, kEvents), topic(kSales, kEvents, kEvents);
  stage("decode", [&] { return decode(topic.records()); });

  const std::vector<std::string> lines = lines_of(std::span(topic.records()).first(kLines));
  json::EventTranscoder transcoder;
  transcode(std::span(lines).first(1), &transcoder);
  stage("transcode", [&] { return transcode(lines, &transcoder); });

  const auto tables = bench::reference_tables(kSales);
  const observe::ReferenceIndex index(tables.get());
  const observe::Observer observer(Topic::kInvoices, &index, {});
  stage("observe", [&] { return observe(topic.records(), observer); });

  aggregate::Source bare(SourceId{}, bench::sales_config(kSales), {.remembers_documents = false});
  process(warm.records(), &bare);
  stage("process_without_documents", [&] { return process(topic.records(), &bare); });

  aggregate::Source source(SourceId{}, bench::sales_config(kSales));
  process(warm.records(), &source);
  flush(&source);
  stage("process", [&] { return process(topic.records(), &source); });
  stage("flush", [&] { return flush(&source); });

  window::Window window({{.pane_length = bench::kMinute, .dimensions = 2, .max_keys = 1'000}},
                        {.allowed_lateness = bench::kMinute, .out_of_orderness = bench::kMinute});
  std::vector<window::SlotId> slots;
  for (int i = 0; i < 100; ++i) {
    const window::KeyValues key{window.dictionary().intern(bench::country(i)),
                                window.dictionary().intern(bench::sku(i))};
    slots.push_back(window.slot(0, key, {}).slot);
  }
  stage("window_add", [&] { return add(&window, slots); });
}

}  // namespace
}  // namespace surgewatch::gate

int main() { surgewatch::gate::run(); }
