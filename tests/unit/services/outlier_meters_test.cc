// What an on-call person is told of the records that a watermark does not follow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aggregator/meters.h"
#include "telemetry/telemetry.h"
#include "unit/aggregate/builders.h"

namespace surgewatch::services {
namespace {

using ::testing::HasSubstr;

TEST(OutlierMeters, NameTheRecordThatIsFurthestAhead) {
  telemetry::Telemetry telemetry("aggregator", 100);
  AggregatorMeters meters(&telemetry);
  const SourceId source{Topic::kInvoices, 3};
  const InputState input;
  aggregate::SourceStats stats;
  stats.watermark = test::kNewYear;
  meters.source(source, input, stats);
  const auto expect = [&](const std::string& outliers, const std::string& offset,
                          const std::string& seconds) {
    const std::string where = "{partition=\"3\",topic=\"invoices\"} ";
    const std::string text = telemetry.expose();
    EXPECT_THAT(text, HasSubstr("surgewatch_watermark_outliers" + where + outliers + "\n"));
    EXPECT_THAT(text, HasSubstr("surgewatch_watermark_outlier_offset" + where + offset + "\n"));
    EXPECT_THAT(text,
                HasSubstr("surgewatch_watermark_outlier_ahead_seconds" + where + seconds + "\n"));
  };
  expect("0", "-1", "0");
  stats.outliers = 2;
  stats.furthest_outlier = {.offset = 0, .time = test::kNewYear + 30 * test::kDay};
  meters.source(source, input, stats);
  expect("2", "0", "2592000");
  meters.release_all_but({});
  expect("0", "-1", "0");
}

}  // namespace
}  // namespace surgewatch::services
