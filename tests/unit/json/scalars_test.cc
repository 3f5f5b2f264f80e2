#include "json/scalars.h"

#include <gtest/gtest.h>

namespace surgewatch::json {
namespace {

TEST(IntegerOfText, IsDigitsWithOrWithoutASign) {
  EXPECT_EQ(integer_of_text("0"), 0);
  EXPECT_EQ(integer_of_text("+7"), 7);
  EXPECT_EQ(integer_of_text("-007"), -7);
  EXPECT_EQ(integer_of_text("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(integer_of_text("-9223372036854775808"), INT64_MIN);
  for (const std::string_view text : {"", "-", "+", "+-1", "--1", " 1", "1 ", "1e3", "2.0", "0x1",
                                      "9223372036854775808", "-9223372036854775809"}) {
    EXPECT_EQ(integer_of_text(text), std::nullopt) << text;
  }
}

TEST(IntegerOfNumber, IsAnIntegerOfJson) {
  EXPECT_EQ(integer_of_number("-0"), 0);
  EXPECT_EQ(integer_of_number("120"), 120);
  for (const std::string_view number : {"", "-", "+1", "01", "-01", "1.", "1e3"}) {
    EXPECT_EQ(integer_of_number(number), std::nullopt) << number;
  }
}

TEST(IntegerOfDouble, IsNeverAFraction) {
  EXPECT_EQ(integer_of_double(1e3), 1'000);
  EXPECT_EQ(integer_of_double(-0.0), 0);
  EXPECT_EQ(integer_of_double(-9223372036854775808.0), INT64_MIN);
  for (const double number : {0.5, -1.25, 9223372036854775808.0, -9223372036854777856.0, 1e300}) {
    EXPECT_EQ(integer_of_double(number), std::nullopt) << number;
  }
}

void expect_time(std::string_view text, std::int64_t seconds, std::int32_t nanos) {
  const auto time = time_of_text(text);
  ASSERT_TRUE(time) << text;
  EXPECT_EQ(time->seconds, seconds) << text;
  EXPECT_EQ(time->nanos, nanos) << text;
}

TEST(TimeOfText, IsRfc3339WithOffsetsAndFractions) {
  expect_time("1970-01-01T00:00:00Z", 0, 0);
  expect_time("2024-02-29T23:59:59.000000001Z", 1'709'251'199, 1);
  expect_time("2024-01-10T12:00:00.5+08:00", 1'704'859'200, 500'000'000);
  expect_time("2024-01-10T00:00:00-03:30", 1'704'857'400, 0);
  expect_time("1969-12-31T23:59:59.25Z", -1, 250'000'000);
  expect_time("0001-01-01T00:00:00Z", -62'135'596'800, 0);
  expect_time("9999-12-31T23:59:59.999999999Z", 253'402'300'799, 999'999'999);
  expect_time("2024-01-10T12:00:00.1234567899Z", 1'704'888'000, 123'456'789);
}

TEST(TimeOfText, IsADateOfTheCalendar) {
  for (const std::string_view text : {"",
                                      "2024-01-10",
                                      "2024-01-10T12:00:00",
                                      "2024-01-10 12:00:00Z",
                                      "2024-01-10t12:00:00Z",
                                      "2024-01-10T12:00:00z",
                                      "2024-01-10T12:00Z",
                                      "2023-02-29T00:00:00Z",
                                      "2024-04-31T00:00:00Z",
                                      "2024-13-01T00:00:00Z",
                                      "0000-01-01T00:00:00Z",
                                      "10000-01-01T00:00:00Z",
                                      "2024-01-10T24:00:00Z",
                                      "2024-01-10T12:60:00Z",
                                      "2024-01-10T12:00:60Z",
                                      "2024-01-10T12:00:00.Z",
                                      "2024-01-10T12:00:00+24:00",
                                      "2024-01-10T12:00:00+0800",
                                      "2024-01-10T12:00:00ZZ",
                                      "2024-01-10T12:00:00+2-09:48",
                                      "2024-01-10T12:00:00+-02:00",
                                      "2024-01-10T12:00:00+",
                                      "-2024-01-10T12:00:00Z"}) {
    EXPECT_FALSE(time_of_text(text)) << text;
  }
}

}  // namespace
}  // namespace surgewatch::json
