#include "base/measures.h"

#include <gtest/gtest.h>

namespace surgewatch {
namespace {

TEST(MeasureValues, SaysWhenASumDoesNotFitAndSaturates) {
  MeasureValues a;
  a[Measure::kUnits] = INT64_MAX - 1;
  MeasureValues one;
  one[Measure::kUnits] = 1;
  EXPECT_TRUE(a.add(one));
  EXPECT_FALSE(a.add(one));
  EXPECT_EQ(a[Measure::kUnits], INT64_MAX);
  EXPECT_TRUE(a.add(one.negated()));
  EXPECT_EQ(a[Measure::kUnits], INT64_MAX - 1);
}

TEST(MeasureNames, AreThoseOfTheContract) {
  EXPECT_EQ(measure_from_name("revenue_usd"), Measure::kRevenueUsd);
  EXPECT_EQ(measure_from_name("revenue"), std::nullopt);
  EXPECT_EQ(measure_name(Measure::kTpp), "tpp");
}

}  // namespace
}  // namespace surgewatch
