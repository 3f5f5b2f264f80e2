// Pane updates a second through the detector: merged, judged by the story's rules, said.
//
// One iteration is a journal of a year: each day every key of every source is updated four times,
// in batches of 1,000, and the watermarks move on. Rules: surge_since, surge, share_shift and
// divergence on one series, all per bill_to.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

constexpr PaneIndex kDays = 365;
constexpr int kFlushesADay = 4;
constexpr int kBatch = 1'000;

config::Config rules() {
  config::Config config = test::two_series();
  config.event_time = {};
  config::Rule since = test::rule("surge_since", 91);
  since.name = "since";
  since.reference = test::days(0, 90);
  since.fire_at.ratio = 4;
  since.fire_at.excess_over_total = 2;
  config::Rule surge = test::learning_rule("surge", 7);
  surge.name = "surge";
  surge.measure = Measure::kRevenueUsd;
  surge.learning->guard = surge.learning->warm_up = 12;
  surge.fire_at.ratio = 1.5;
  config::Rule share = test::rule("share_shift", 91);
  share.name = "share";
  share.reference = since.reference;
  share.fire_at.points = 10;
  config::Rule divergence = test::rule("divergence", 91);
  divergence.name = "divergence";
  divergence.against_series = 0;
  divergence.against_position = 1;
  divergence.fire_at.divergence = 0.99;
  config.rules = {since, surge, share, divergence};
  return config;
}

std::vector<v1::JournalRecord> journal(int countries, int sources) {
  std::vector<v1::JournalRecord> records;
  std::vector<std::int64_t> offset(static_cast<std::size_t>(sources));
  for (PaneIndex day = 0; day < kDays; ++day) {
    for (int flush = 1; flush <= kFlushesADay; ++flush) {
      for (int s = 0; s < sources; ++s) {
        const SourceId source{Topic::kInvoices, s};
        const std::int64_t stamp = offset[static_cast<std::size_t>(s)] += 100;
        test::Batch batch(source, stamp, "billed");
        int size = 0;
        for (int a = 0; a < countries; ++a) {
          for (int b = 0; b < 10; ++b) {
            const std::int64_t amount = flush * (1'000 + 37 * a + 11 * b + day % 7) * test::kDollar;
            batch.update({{"C" + std::to_string(a), "C" + std::to_string(b)}, day, amount, flush});
            if (++size % kBatch == 0) {
              records.push_back(batch);
              batch = test::Batch(source, stamp, "billed");
            }
          }
        }
        if (size % kBatch != 0) records.push_back(batch);
        records.push_back(test::progress(source, stamp, day * kMicrosPerDay));
      }
    }
  }
  return records;
}

// Arguments: subjects (times ten keys), sources.
void BM_Detector(benchmark::State& state) {
  const auto records = journal(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  std::uint64_t updates = 0;
  std::uint64_t evaluations = 0;
  for (auto _ : state) {
    test::World world(rules());
    for (const v1::JournalRecord& record : records) {
      world.apply(record);
      world.take();
    }
    updates += world.detector.stats().pane_updates;
    evaluations += world.detector.stats().evaluations;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(updates));
  state.counters["evaluations"] =
      benchmark::Counter(static_cast<double>(evaluations), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Detector)->Args({30, 1})->Args({30, 8})->Args({250, 4})->Unit(benchmark::kMillisecond);

// One rule that learns, on documents in windows of a day: subject-windows a second, everything from
// the merge to the points included. With `late`, yesterday is amended every day, so that each
// window is judged, weighed and folded again.
void BM_Learning(benchmark::State& state) {
  const auto subjects = static_cast<int>(state.range(0));
  const bool late = state.range(1) != 0;
  config::Config config = test::two_series();
  config.rules = {test::learning_rule("surge")};
  config.rules[0].learning->guard = config.rules[0].learning->period = 7;
  config.rules[0].learning->warm_up = 26;
  constexpr PaneIndex kLearningDays = 120;
  std::vector<v1::JournalRecord> records;
  std::int64_t offset = 0;
  const auto day_of = [&](PaneIndex day, int more) {
    test::Batch batch(test::kInvoices0, ++offset, "billed");
    for (int a = 0; a < subjects; ++a) {
      const std::int64_t count = 10 + (a * 31 + day * 17) % 23 + more;
      batch.update({{"C" + std::to_string(a), "US"}, day, count * test::kDollar, count});
    }
    records.push_back(batch);
  };
  for (PaneIndex day = 0; day < kLearningDays; ++day) {
    if (late && day > 0) day_of(day - 1, 1);
    day_of(day, 0);
    records.push_back(test::progress(test::kInvoices0, offset, (day + 1) * kMicrosPerDay));
  }
  for (auto _ : state) {
    test::World world(config);
    for (const v1::JournalRecord& record : records) {
      world.apply(record);
      world.take();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kLearningDays * subjects);
}
BENCHMARK(BM_Learning)
    ->Args({100, 0})
    ->Args({100, 1})
    ->Args({1'000, 0})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace surgewatch
