// What an event costs: Source::process on the topic of the comparison with other systems, and the
// same in parts.
//
//   cmake --preset release && ninja -C build/release source_bench
//   build/release/bin/source_bench --benchmark_format=json
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "aggregate/source.h"
#include "bench/sales.h"
#include "observe/decode.h"
#include "observe/observer.h"

namespace surgewatch {
namespace {

constexpr int kEvents = 1 << 20;
constexpr int kEventsForParts = 1 << 12;  // stay in the cache, as what was just fetched does
// What a poll brings, and a flush every 98,304 events, as at a million a second and the default
// interval.
constexpr std::size_t kBatch = 4'096;
constexpr std::size_t kEventsPerFlush = 24 * kBatch;

bench::Sales sales_of(std::int64_t keys) {
  // About 14 events a pane.
  return keys == 384 ? bench::Sales{}
                     : bench::Sales{.countries = 200,
                                    .skus = static_cast<int>(keys / 200),
                                    .apart = 11'520 * 384 / keys};
}

void report(benchmark::State& state, std::int64_t events) {
  state.SetItemsProcessed(state.iterations() * events);
  state.counters["per_event"] =
      benchmark::Counter(static_cast<double>(state.iterations() * events),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void process(benchmark::State& state, const bench::Sales& sales,
             std::shared_ptr<const config::Config> config, aggregate::SourceOptions options) {
  const bench::Topic133 topic(sales, kEvents);
  std::vector<v1::JournalRecord> journal;
  std::vector<aggregate::Aside> aside;
  for (auto _ : state) {
    state.PauseTiming();
    auto source = std::make_unique<aggregate::Source>(SourceId{}, config, options);
    state.ResumeTiming();
    std::size_t flushed = 0;
    std::span<const aggregate::Record> left = topic.records();
    while (!left.empty()) {
      const std::size_t count = std::min(kBatch, left.size());
      source->process(left.first(count), &aside);
      left = left.subspan(count);
      if (flushed += count; flushed >= kEventsPerFlush) {
        flushed = 0;
        source->flush(&journal);
        source->recycle(&journal);
      }
    }
    state.PauseTiming();
    const aggregate::SourceStats stats = source->stats();
    if (stats.counted != topic.records().size()) state.SkipWithError("not all were counted");
    source.reset();
    state.ResumeTiming();
  }
  report(state, kEvents);
  state.counters["bytes/event"] =
      static_cast<double>(topic.bytes()) / static_cast<double>(topic.records().size());
}

void BM_Process(benchmark::State& state) {
  const bench::Sales sales = sales_of(state.range(0));
  process(state, sales, bench::sales_config(sales), {});
}
BENCHMARK(BM_Process)->Arg(384)->Arg(10'000)->Unit(benchmark::kMillisecond);

void BM_ProcessThreeSeries(benchmark::State& state) {
  const bench::Sales sales = sales_of(state.range(0));
  process(state, sales, bench::sales_config(sales, true), {});
}
BENCHMARK(BM_ProcessThreeSeries)->Arg(384)->Unit(benchmark::kMillisecond);

// What the peers do: no duplicates, no corrections.
void BM_ProcessWithoutDocuments(benchmark::State& state) {
  const bench::Sales sales = sales_of(state.range(0));
  process(state, sales, bench::sales_config(sales), {.remembers_documents = false});
}
BENCHMARK(BM_ProcessWithoutDocuments)->Arg(384)->Arg(10'000)->Unit(benchmark::kMillisecond);

void BM_Decode(benchmark::State& state) {
  const bench::Topic133 topic(sales_of(384), kEventsForParts);
  observe::Document document;
  for (auto _ : state) {
    for (const aggregate::Record& record : topic.records()) {
      benchmark::DoNotOptimize(observe::decode(Topic::kInvoices, record.payload, &document));
    }
  }
  report(state, kEventsForParts);
}
BENCHMARK(BM_Decode)->Unit(benchmark::kMicrosecond);

void BM_Observe(benchmark::State& state) {
  const bench::Sales sales = sales_of(384);
  const bench::Topic133 topic(sales, kEventsForParts);
  const auto tables = bench::reference_tables(sales);
  const observe::ReferenceIndex index(tables.get());
  const observe::Observer observer(Topic::kInvoices, &index, {});
  observe::Observation observation;
  observe::Rejection rejection;
  for (auto _ : state) {
    for (const aggregate::Record& record : topic.records()) {
      benchmark::DoNotOptimize(
          observer.observe(record.payload, record.record_timestamp, &observation, &rejection));
    }
  }
  report(state, kEventsForParts);
}
BENCHMARK(BM_Observe)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace surgewatch
