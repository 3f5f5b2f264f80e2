// The ends of what configurations and journals may say: nothing there ends the process.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "detect/rules/table.h"
#include "unit/detect/all_rules.h"

namespace surgewatch {
namespace {

using test::Batch;
using test::by;

std::shared_ptr<const config::Config> learning(const std::string& window, const std::string& more) {
  const auto parsed = config::parse(
      fmt::format("event_time: {{out_of_orderness: 0s, allowed_lateness: 0s, "
                  "correction_horizon: 0s}}\nseries:\n"
                  "  - {{name: billed, event: invoice, group_by: [bill_to], measures: [units, "
                  "documents], pane: {}}}\nrules:\n"
                  "  - {{name: r, series: billed, measure: units, per: [bill_to], window: {}, {}}}",
                  window, window, more),
      "extremes.yaml", detect::rule_specs());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *parsed : nullptr;
}

// Some windows of two subjects, the second of them from the third on.
void run(const std::shared_ptr<const config::Config>& config) {
  ASSERT_NE(config, nullptr);
  const config::Series& series = config->series[0];
  const PaneIndex first = pane_of(*parse_date("2024-01-01"), series.pane_length);
  detect::Detector detector(config);
  detect::Emissions out;
  for (std::int64_t i = 1; i < 9; ++i) {
    Batch batch(test::kInvoices0, i, "billed", series.definition);
    batch.update({{"SG"}, first + i, 10 * i, i});
    if (i > 2) batch.update({{"US"}, first + i, i, i});
    detector.apply(batch, &out);
    detector.apply(test::progress(test::kInvoices0, i,
                                  std::min(kMaxEventTime, (first + i + 1) * series.pane_length)),
                   &out);
  }
  EXPECT_EQ(detector.stats().refused.total(), 0u);
}

TEST(Extremes, EveryWindowCanBeLearned) {
  for (const char* window :
       {"1s", "2s", "5s", "7s", "8s", "9s", "1m", "1h", "5h", "1d", "3d", "7d", "91d", "366d"}) {
    for (const char* type : {"surge", "ramp", "share_shift", "new_entity"}) {
      SCOPED_TRACE(fmt::format("{} of {}", type, window));
      const std::string more = std::string(type) == "ramp" ? ", warm_up: 4, guard: 1" : "";
      run(learning(window, fmt::format("type: {}{}", type, more)));
    }
  }
}

TEST(Extremes, EveryParameterThatMayBeSetCanBeLearnedWith) {
  for (const char* window : {"1h", "1d", "7d"}) {
    for (const char* method : {"surge", "ramp", "surge+ramp"}) {
      for (const char* more :
           {"period: 1, guard: 1, warm_up: 4, alpha: 1e-12, h: 0.5, kappa: 1.01",
            "period: 2, guard: 400, warm_up: 400, alpha: 0.5, h: 50, kappa: 20",
            "period: 3, guard: 1, warm_up: 4, alpha: 1e-12, h: 50, kappa: 1.01",
            "period: 10000, guard: 400, warm_up: 4, alpha: 0.5, h: 0.5, kappa: 20"}) {
        SCOPED_TRACE(fmt::format("{} of {}: {}", method, window, more));
        run(learning(window, fmt::format("type: surge, method: {}, {}", method, more)));
      }
    }
    for (const char* more : {"odds_ratio: 1.05, h: 0.5, guard: 1, warm_up: 4",
                             "odds_ratio: 100, h: 50, guard: 400, warm_up: 400"}) {
      run(learning(window, fmt::format("type: share_shift, {}", more)));
    }
    for (const char* alpha : {"1e-12", "0.5"}) {
      run(learning(window, fmt::format("type: new_entity, warm_up: 4, alpha: {}", alpha)));
    }
  }
}

// Of an owner whose events say so: the largest sums that are taken, and as many negative ones.
TEST(Extremes, TheLargestSumsOverflowNothing) {
  detect::Detector detector(std::make_shared<const config::Config>(test::all_rules()));
  detect::Emissions out;
  std::int64_t offset = 0;
  for (PaneIndex day = 0; day < 60; ++day) {
    Batch billed(test::kInvoices0, ++offset, "billed");
    Batch shipped(test::kShipments0, offset, "shipped");
    const std::int64_t sign = day % 7 == 3 ? -1 : 1;
    for (const char* region : {"SG", "US", "MY"}) {
      billed.update({{region, "US"}, day, sign * INT64_MAX, INT64_MAX});
      shipped.update({{region}, day, INT64_MIN, INT64_MIN});
    }
    for (auto* batch : {&billed, &shipped}) {
      for (auto& update : *batch->record().mutable_panes()->mutable_updates()) {
        if (day % 2 == 0) continue;
        for (std::size_t i = 0; i < kMeasureCount; ++i) {
          v1::WideSum* sum = update.mutable_measures()->add_exact();
          sum->set_high(sign * ((std::int64_t{1} << 32) - 1));
          sum->set_low(UINT64_MAX);
        }
      }
      detector.apply(*batch, &out);
    }
    for (const SourceId source : {test::kInvoices0, test::kShipments0}) {
      detector.apply(test::progress(source, offset, (day + 1) * kMicrosPerDay), &out);
    }
  }
  EXPECT_EQ(detector.stats().refused.total(), 0u);
  EXPECT_GT(detector.stats().overflows, 0u);
  EXPECT_FALSE(test::as_text(out).empty());
}

}  // namespace
}  // namespace surgewatch
