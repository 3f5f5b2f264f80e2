// What another worker brings.
//
//   workers_bench memory OUTPUT.json      the same sources on one and on two threads, from memory
//   workers_bench kafka OUTPUT.json       an aggregator with one and with two workers, real Kafka
//
// From memory: kSources sources, each with records of its own; a worker processes those that it
// owns in batches; a flusher reads all of them every 100 ms and makes the journal's bytes, as in
// the aggregator, and once more at the end. So many workers have so many CPUs, one each, and the
// flusher runs on these too: its work is in both times, and `scaling`, their ratio by the clock,
// says what another core with a worker on it brings. A stream has no end: so the pace is that until
// the first worker is through, and the last flush counts as if its work were spread over the CPUs
// like that of the others. Best of several runs, taken in turn. On a machine that does something
// else as well, CPU time says more: work that does not grow with the number of threads scales
// (`scaling_by_cpu`, workers and flusher).
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <fstream>
#include <mutex>
#include <span>
#include <vector>

#include "aggregate/source.h"
#include "base/affinity.h"
#include "base/proto_json.h"
#include "bench/live_system.h"
#include "bench/sales.h"

namespace surgewatch::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSources = 4;
constexpr int kEventsPerSource = 250'000;
constexpr int kRuns = 5;
constexpr std::size_t kBatch = 512;  // the aggregator's poll
constexpr std::chrono::milliseconds kFlushInterval{100};

constexpr char kYaml[] = R"(
event_time: {out_of_orderness: 5m, allowed_lateness: 1h, future_bound: 10000d}
reference_data: {}
series:
  - name: by_party
    event: invoice
    group_by: [bill_to, ship_to]
    measures: [documents, units]
    pane: 1m
)";

struct Figures {
  double seconds = 1e9;
  double cpu_seconds = 1e9;      // of the workers; with Kafka, of the process
  double flusher_seconds = 1e9;  // CPU of the flusher; 0 with Kafka, where it is in the above
  std::uint64_t flushed = 0;     // panes in the journal

  double all_cpu() const { return cpu_seconds + flusher_seconds; }
};

double cpu_seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

Figures run_from_memory(int workers, const std::vector<std::unique_ptr<Topic133>>& topics,
                        const std::shared_ptr<const config::Config>& config) {
  std::vector<std::unique_ptr<aggregate::Source>> sources;
  for (int i = 0; i < kSources; ++i) {
    sources.push_back(std::make_unique<aggregate::Source>(SourceId{Topic::kInvoices, i}, config));
  }
  const std::vector<int> allowed = allowed_cpus();
  const std::span<const int> cpus = allowed;
  services::Stop stop;
  double last_flush = 0;
  Figures figures{.seconds = 0, .cpu_seconds = 0, .flusher_seconds = 0};
  std::thread flusher([&] {
    pthread_setname_np(pthread_self(), "flusher");
    const OnCpus pinned(cpus.first(std::min(cpus.size(), static_cast<std::size_t>(workers))));
    std::vector<v1::JournalRecord> journal;
    std::size_t bytes = 0;
    // Once more at the end, so that it has the same work whatever the workers' number.
    double before_last = 0;
    for (bool is_last = false; !is_last;) {
      is_last = stop.wait_for(kFlushInterval);
      before_last = cpu_seconds_of(CLOCK_THREAD_CPUTIME_ID);
      for (const auto& source : sources) {
        source->flush(&journal);
        for (const v1::JournalRecord& record : journal) {
          bytes += to_bytes(record).size();
          figures.flushed += static_cast<std::uint64_t>(record.panes().updates_size());
        }
        source->recycle(&journal);
      }
    }
    if (bytes == 0) give_up("nothing was flushed");
    figures.flusher_seconds = cpu_seconds_of(CLOCK_THREAD_CPUTIME_ID);
    last_flush = figures.flusher_seconds - before_last;
  });
  std::barrier begin(workers + 1);
  std::vector<double> cpu(static_cast<std::size_t>(workers));
  std::atomic<std::uint64_t> processed{0};
  // When the first worker was through, and what all had done by then.
  std::once_flag first;
  Clock::time_point first_at;
  std::uint64_t by_then = 0;
  std::vector<std::thread> threads;
  for (int worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      const OnCpus pinned(one_of(cpus, static_cast<std::size_t>(worker)));
      begin.arrive_and_wait();
      std::vector<aggregate::Aside> asides;
      // Its sources in turn, batch by batch, as polls bring them.
      for (std::size_t at = 0; at < kEventsPerSource; at += kBatch) {
        for (int i = worker; i < kSources; i += workers) {
          const auto index = static_cast<std::size_t>(i);
          const std::span<const aggregate::Record> all = topics[index]->records();
          const auto batch = all.subspan(at, std::min(kBatch, all.size() - at));
          sources[index]->process(batch, &asides);
          processed.fetch_add(batch.size(), std::memory_order_relaxed);
        }
      }
      std::call_once(first, [&] {
        first_at = Clock::now();
        by_then = processed.load();
      });
      cpu[static_cast<std::size_t>(worker)] = cpu_seconds_of(CLOCK_THREAD_CPUTIME_ID);
    });
  }
  begin.arrive_and_wait();
  const auto start = Clock::now();
  for (std::thread& thread : threads) thread.join();
  stop.request();
  flusher.join();
  const std::chrono::duration<double> took = first_at - start;
  for (const auto& source : sources) {
    if (source->stats().counted != kEventsPerSource) give_up("not all were counted");
  }
  const double part = static_cast<double>(by_then) / (double{kSources} * kEventsPerSource);
  figures.seconds = took.count() / part + last_flush / workers;
  for (const double one : cpu) figures.cpu_seconds += one;
  return figures;
}

Figures run_on_kafka(const test::KafkaServer& server, int workers,
                     const std::vector<std::unique_ptr<Topic133>>& topics) {
  static int run = 0;
  LiveSystem system(server, fmt::format("workers{}", run++), kSources, workers, kYaml);
  const auto producer = must(kafka::Producer::create({.client = {.brokers = server.brokers()}}));
  for (std::size_t at = 0; at < kEventsPerSource; ++at) {
    for (int partition = 0; partition < kSources; ++partition) {
      const aggregate::Record& record = topics[static_cast<std::size_t>(partition)]->records()[at];
      must(producer->produce(system.topics.invoices, partition, record.key, record.payload, {},
                             *record.record_timestamp / 1'000));
    }
  }
  must(producer->flush(kPatience));

  services::Aggregator aggregator({.config = system.config, .telemetry = &system.telemetry});
  const Running running(&aggregator);
  // From when every worker has its partitions, so that the group's own pace is left out.
  constexpr std::uint64_t kAll = std::uint64_t{kSources} * kEventsPerSource;
  constexpr std::uint64_t kFrom = kAll / 4;
  must_come_true("the first quarter is read",
                 [&] { return aggregator.progress().processed >= kFrom; });
  const std::uint64_t from = aggregator.progress().processed;
  const auto start = Clock::now();
  const double cpu = cpu_seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  while (aggregator.progress().processed < kAll) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (Clock::now() - start > kPatience) give_up("the aggregator does not come to the end");
  }
  const std::chrono::duration<double> took = Clock::now() - start;
  const double part = static_cast<double>(kAll - from) / static_cast<double>(kAll);
  return {.seconds = took.count() / part,
          .cpu_seconds = (cpu_seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu) / part,
          .flusher_seconds = 0};
}

void report(const std::string& mode, const std::string& output, const Figures& one,
            const Figures& two) {
  constexpr double kAll = double{kSources} * kEventsPerSource;
  std::string json;
  for (const auto& [workers, figures] : {std::pair(1, one), std::pair(2, two)}) {
    fmt::print(
        "{:<7} {} workers {:>10.0f} events/s {:>8.3f} CPU s / M events, the flusher {:.3f} with "
        "{:.0f} panes\n",
        mode, workers, kAll / figures.seconds, figures.cpu_seconds / kAll * 1e6,
        figures.flusher_seconds / kAll * 1e6, static_cast<double>(figures.flushed) / kAll * 1e6);
    json += fmt::format(
        "{}{{\"mode\": \"{}\", \"workers\": {}, \"events\": {:.0f}, \"seconds\": {:.4f}, "
        "\"events_per_second\": {:.0f}, \"cpu_seconds_per_million\": {:.4f}, "
        "\"flusher_cpu_seconds_per_million\": {:.4f}}}",
        json.empty() ? "[" : ",\n ", mode, workers, kAll, figures.seconds, kAll / figures.seconds,
        figures.cpu_seconds / kAll * 1e6, figures.flusher_seconds / kAll * 1e6);
  }
  const double by_clock = one.seconds / two.seconds;
  const double by_cpu = 2 * one.all_cpu() / two.all_cpu();
  fmt::print("{:<7} two workers give {:.2f} times one by the clock, {:.2f} by CPU time\n", mode,
             by_clock, by_cpu);
  std::ofstream(output) << json
                        << fmt::format(
                               ",\n {{\"mode\": \"{}\", \"scaling\": {:.3f}, "
                               "\"scaling_by_cpu\": {:.3f}}}]\n",
                               mode, by_clock, by_cpu);
}

int run(const std::string& mode, const std::string& output) {
  const bool on_kafka = mode == "kafka";
  const Sales sales{.countries = 200, .skus = 50, .apart = 400};
  std::vector<std::unique_ptr<Topic133>> topics;
  for (int i = 0; i < kSources; ++i) {
    // Records of its own, as partitions have: but all from the same time on.
    topics.push_back(std::make_unique<Topic133>(sales, kEventsPerSource));
  }
  std::unique_ptr<test::KafkaServer> server;
  if (on_kafka) server = must(test::KafkaServer::start());
  const std::shared_ptr<const config::Config> config = sales_config(sales);
  Figures best[2];
  for (int i = 0; i < (on_kafka ? 2 : kRuns); ++i) {
    for (int workers : {1, 2}) {
      const Figures figures = on_kafka ? run_on_kafka(*server, workers, topics)
                                       : run_from_memory(workers, topics, config);
      Figures& kept = best[workers - 1];
      if (figures.flusher_seconds < kept.flusher_seconds) kept.flushed = figures.flushed;
      kept.flusher_seconds = std::min(kept.flusher_seconds, figures.flusher_seconds);
      kept.seconds = std::min(kept.seconds, figures.seconds);
      kept.cpu_seconds = std::min(kept.cpu_seconds, figures.cpu_seconds);
    }
  }
  report(mode, output, best[0], best[1]);
  return 0;
}

}  // namespace
}  // namespace surgewatch::bench

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (argc != 3 || (mode != "memory" && mode != "kafka")) {
    fmt::print(stderr, "usage: workers_bench memory|kafka OUTPUT.json\n");
    return 2;
  }
  return surgewatch::bench::run(mode, argv[2]);
}
