#include "base/numbers.h"

#include <gtest/gtest.h>

namespace surgewatch {
namespace {

TEST(ParseFinite, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_finite("12"), 12.0);
  EXPECT_EQ(parse_finite("-0.5e3"), -500.0);
  EXPECT_EQ(parse_finite(""), std::nullopt);
  EXPECT_EQ(parse_finite("12 "), std::nullopt);
  EXPECT_EQ(parse_finite("x"), std::nullopt);
}

TEST(ParseFinite, RefusesWhatIsNoFiniteNumber) {
  EXPECT_EQ(parse_finite("inf"), std::nullopt);
  EXPECT_EQ(parse_finite("nan"), std::nullopt);
  EXPECT_EQ(parse_finite("1e999"), std::nullopt);
}

TEST(WithCommas, GroupsThousandsBeforeThePoint) {
  EXPECT_EQ(with_commas("0"), "0");
  EXPECT_EQ(with_commas("999"), "999");
  EXPECT_EQ(with_commas("1000"), "1,000");
  EXPECT_EQ(with_commas("-999"), "-999");
  EXPECT_EQ(with_commas("-1234567.8901"), "-1,234,567.8901");
}

}  // namespace
}  // namespace surgewatch
