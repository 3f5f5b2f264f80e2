// What an event costs: Source::process on realistic invoices, and the same in parts.
//
//   cmake --preset release && ninja -C build/release source_bench
//   build/release/bin/source_bench --benchmark_format=json
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "aggregate/source.h"
#include "observe/decode.h"
#include "observe/observer.h"
#include "unit/aggregate/builders.h"

namespace surgewatch {
namespace {

constexpr int kEvents = 1 << 18;

// Invoices of one or two lines, 25 ms of event time apart, out of order by up to five minutes. The
// keys of the series are countries (7) by parties.
std::vector<std::string> invoices(int keys, int events) {
  std::mt19937_64 random(1);
  const std::vector<std::string> countries = {"US", "SG", "CN", "TW", "MY", "DE", "JP"};
  const std::vector<std::string> skus = {"H100", "DGX-H100", "B200", "MI308X"};
  std::vector<std::string> payloads;
  for (int i = 0; i < events; ++i) {
    const Micros time =
        test::kNewYear + i * 25'000 + static_cast<Micros>(random() % (300 * kMicrosPerSecond));
    v1::Invoice invoice = test::invoice("INV-2024-" + std::to_string(10'000'000 + i), time);
    const auto key = random() % static_cast<unsigned>(keys);
    invoice.mutable_bill_to()->set_country(countries[key % countries.size()]);
    invoice.mutable_bill_to()->set_party_id("customer-" + std::to_string(key));
    invoice.mutable_ship_to()->set_country(countries[random() % countries.size()]);
    invoice.mutable_lines(0)->set_sku(skus[random() % skus.size()]);
    invoice.mutable_lines(0)->set_quantity(static_cast<std::int64_t>(1 + random() % 64));
    if (random() % 4 == 0) test::add_line(&invoice, skus[random() % skus.size()], 2, 250'000);
    payloads.push_back(invoice.SerializeAsString());
  }
  return payloads;
}

std::shared_ptr<config::Config> config_by_party() {
  auto config = test::config();
  config->series = {test::series("billed", Topic::kInvoices,
                                 {config::Dimension::kBillToId, config::Dimension::kBillTo})};
  return config;
}

void process(benchmark::State& state, std::shared_ptr<config::Config> config, int keys,
             int events_per_flush) {
  const std::vector<std::string> payloads = invoices(keys, kEvents);
  std::size_t bytes = 0;
  std::vector<v1::JournalRecord> records;
  for (auto _ : state) {
    state.PauseTiming();
    auto source = std::make_unique<aggregate::Source>(SourceId{}, config);
    state.ResumeTiming();
    std::int64_t offset = 0;
    for (const std::string& payload : payloads) {
      auto outcome = source->process({.offset = offset++, .payload = payload});
      benchmark::DoNotOptimize(outcome.disposition);
      bytes += payload.size();
      if (offset % events_per_flush == 0) {
        records.clear();
        source->flush(&records);
      }
    }
    state.PauseTiming();
    if (source->stats().counted != payloads.size()) state.SkipWithError("not all were counted");
    source.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

// A flush every 100,000 events, as at a million events a second and the default interval.
void BM_Process(benchmark::State& state) {
  process(state, config_by_party(), static_cast<int>(state.range(0)), 100'000);
}
BENCHMARK(BM_Process)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond);

// Three series, two of them by line, as in the shipped configuration.
void BM_ProcessThreeSeries(benchmark::State& state) {
  auto config = test::config();
  using config::Dimension;
  config->series.push_back(
      test::series("declared", Topic::kInvoices, {Dimension::kBillTo, Dimension::kShipTo}));
  config->series.push_back(test::series(
      "by_class", Topic::kInvoices, {Dimension::kBillTo, Dimension::kControlClass}, test::kHour));
  process(state, config, static_cast<int>(state.range(0)), 100'000);
}
BENCHMARK(BM_ProcessThreeSeries)->Arg(100)->Unit(benchmark::kMillisecond);

void BM_Decode(benchmark::State& state) {
  const std::vector<std::string> payloads = invoices(100, 1 << 12);
  observe::Document document;
  for (auto _ : state) {
    for (const std::string& payload : payloads) {
      benchmark::DoNotOptimize(observe::decode(Topic::kInvoices, payload, &document));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(payloads.size()));
}
BENCHMARK(BM_Decode)->Unit(benchmark::kMicrosecond);

void BM_Observe(benchmark::State& state) {
  const std::vector<std::string> payloads = invoices(100, 1 << 12);
  const auto tables = test::reference_tables();
  const observe::ReferenceIndex index(tables.get());
  const observe::Observer observer(Topic::kInvoices, &index, {});
  observe::Observation observation;
  observe::Rejection rejection;
  for (auto _ : state) {
    for (const std::string& payload : payloads) {
      benchmark::DoNotOptimize(observer.observe(payload, {}, &observation, &rejection));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(payloads.size()));
}
BENCHMARK(BM_Observe)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace surgewatch
