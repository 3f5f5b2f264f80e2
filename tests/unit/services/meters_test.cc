// Who counts what, across a border between an earlier owner's records and new ones.
#include "aggregator/meters.h"

#include <gtest/gtest.h>

#include <sstream>

namespace surgewatch::services {
namespace {

constexpr SourceId kSource{Topic::kInvoices, 0};

aggregate::SourceStats stats(std::uint64_t consumed, std::uint64_t duplicate = 0) {
  aggregate::SourceStats stats;
  stats.consumed = consumed;
  stats.counted = consumed - duplicate;
  stats.duplicate = duplicate;
  stats.rejected_by_reason.resize(v1::RejectReason_ARRAYSIZE);
  return stats;
}

class OfMeters : public ::testing::Test {
 protected:
  double value(const std::string& name) const {
    std::istringstream lines(telemetry_.expose());
    double sum = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("surgewatch_" + name + "{")) {
        sum += std::stod(line.substr(line.rfind(' ') + 1));
      }
    }
    return sum;
  }
  void expect(double reread, double consumed, double duplicate) const {
    EXPECT_EQ(value("events_reread_total"), reread);
    EXPECT_EQ(value("events_consumed_total"), consumed);
    EXPECT_EQ(value("events_duplicate_total"), duplicate);
  }

  telemetry::Telemetry telemetry_{"test", 1'000};
  AggregatorMeters meters_{&telemetry_};
};

TEST_F(OfMeters, AFirstLifeCountsAll) {
  const InputState input;
  meters_.source(kSource, input, stats(10, 3));
  meters_.source(kSource, input, stats(15, 4));
  expect(0, 15, 4);
}

TEST_F(OfMeters, BelowTheBorderEverythingIsReread) {
  const InputState input(100);
  meters_.source(kSource, input, stats(10, 3));
  meters_.source(kSource, input, stats(60, 5));
  expect(60, 0, 0);
}

TEST_F(OfMeters, BeyondItIsNews) {
  InputState input(100);
  meters_.source(kSource, input, stats(60, 5));
  input.border.pass(stats(100, 8));
  meters_.source(kSource, input, stats(130, 10));
  meters_.source(kSource, input, stats(140, 11));
  expect(100, 40, 3);
}

// The figures were taken before the border was passed, and are told after it.
TEST_F(OfMeters, FiguresOfBeforeTheBorderTakeNothingBack) {
  InputState input(100);
  const auto before = stats(80, 5);
  input.border.pass(stats(100, 8));
  meters_.source(kSource, input, before);
  expect(100, 0, 0);
  meters_.source(kSource, input, stats(130, 10));
  expect(100, 30, 2);
  meters_.source(kSource, input, stats(120, 9));  // another thread's, late
  meters_.source(kSource, input, stats(131, 10));
  expect(100, 31, 2);
}

TEST_F(OfMeters, TheNextLifeOfASourceBeginsAnewAndTheLastOneIsHeardNoMore) {
  const InputState first;
  meters_.source(kSource, first, stats(10));
  InputState second(10);
  meters_.source(kSource, second, stats(4));
  meters_.source(kSource, first, stats(12));
  second.border.pass(stats(10));
  meters_.source(kSource, second, stats(11));
  expect(10, 11, 0);
}

}  // namespace
}  // namespace surgewatch::services
