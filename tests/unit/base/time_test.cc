#include "base/time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace surgewatch {
namespace {

using ::testing::HasSubstr;

TEST(PaneOf, RoundsTowardsMinusInfinity) {
  EXPECT_EQ(pane_of(0, 10), 0);
  EXPECT_EQ(pane_of(9, 10), 0);
  EXPECT_EQ(pane_of(10, 10), 1);
  EXPECT_EQ(pane_of(-1, 10), -1);
  EXPECT_EQ(pane_of(-10, 10), -1);
  EXPECT_EQ(pane_of(-11, 10), -2);
}

TEST(ParseDuration, ReadsEachUnitAndTheirSums) {
  EXPECT_EQ(*parse_duration("100ms"), 100'000);
  EXPECT_EQ(*parse_duration("30s"), 30 * kMicrosPerSecond);
  EXPECT_EQ(*parse_duration("1h30m"), 5'400 * kMicrosPerSecond);
  EXPECT_EQ(*parse_duration("7d"), 7 * kMicrosPerDay);
  EXPECT_EQ(*parse_duration("0s"), 0);
}

TEST(ParseDuration, SaysWhatItExpected) {
  for (const char* text : {"", "5", "h", "5x", "-1h", "1.5h", "1h 30m", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text).ok()) << text;
  }
  EXPECT_THAT(std::string(parse_duration("5x").status().message()), HasSubstr("1h30m"));
  EXPECT_THAT(std::string(parse_duration("10001d").status().message()), HasSubstr("10000d"));
}

TEST(FormatDuration, IsReadBackToTheSameSpan) {
  for (Micros span :
       {Micros{0}, Micros{1}, Micros{100'000}, 5'400 * kMicrosPerSecond, 91 * kMicrosPerDay}) {
    EXPECT_EQ(*parse_duration(format_duration(span)), span);
  }
  EXPECT_EQ(format_duration(91 * kMicrosPerDay), "91d");
}

TEST(ParseDate, KnowsTheCalendar) {
  EXPECT_EQ(*parse_date("1970-01-02"), kMicrosPerDay);
  EXPECT_EQ(*parse_date("2023-05-01"), 1'682'899'200 * kMicrosPerSecond);
  EXPECT_TRUE(parse_date("2024-02-29").ok());
  for (const char* text :
       {"2023-02-29", "2023-13-01", "2023-5-1", "01-05-2023", "", "2023-05-0a"}) {
    EXPECT_FALSE(parse_date(text).ok()) << text;
  }
}

TEST(FormatTime, WritesAFractionOnlyWhereThereIsOne) {
  EXPECT_EQ(format_time(1'704'067'200 * kMicrosPerSecond), "2024-01-01T00:00:00Z");
  EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_time(500'000), "1970-01-01T00:00:00.500Z");
  EXPECT_EQ(format_time(kMinTime), "0001-01-01T00:00:00Z");
  EXPECT_EQ(format_time(kMaxTime), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_time(kMinEventTime), "0101-01-01T00:00:00Z");
  EXPECT_EQ(format_time(kMaxEventTime), "9899-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace surgewatch
