#include "statistics/multiple_testing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace surgewatch::statistics {
namespace {

using ::testing::ElementsAre;

// The fifteen p-values of Benjamini and Hochberg's own example: four discoveries at .05.
const std::vector<double> kPaper = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                                    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000};

TEST(BenjaminiHochberg, FindsFourInThePapersExample) {
  const Discoveries found = benjamini_hochberg(kPaper, 0.05);
  EXPECT_EQ(found.count, 4U);
  EXPECT_EQ(found.threshold, 0.0095);
  EXPECT_TRUE(found.chosen[3]);
  EXPECT_FALSE(found.chosen[4]);
}

TEST(BenjaminiHochberg, ALaterSmallEnoughValueTakesTheEarlierAlong) {
  // .04 alone fails .05/3, but all three are below .05.
  EXPECT_THAT(benjamini_hochberg(std::vector<double>{0.04, 0.045, 0.05}, 0.05).chosen,
              ElementsAre(true, true, true));
  EXPECT_EQ(benjamini_hochberg(std::vector<double>{0.04, 0.045, 0.0501}, 0.05).count, 0U);
}

TEST(BenjaminiYekutieli, IsStricter) {
  EXPECT_EQ(benjamini_yekutieli(kPaper, 0.05).count, 3U);
  EXPECT_EQ(benjamini_yekutieli(std::vector<double>{0.05}, 0.05).count, 1U);
}

TEST(EBh, KeepsThoseWhoseEValueIsLargeEnoughForTheirRank) {
  // n = 4, q = .1: the first needs 40, two need 20 each.
  EXPECT_THAT(e_bh(std::vector<double>{25, 1, 22, 0}, 0.1).chosen,
              ElementsAre(true, false, true, false));
  EXPECT_EQ(e_bh(std::vector<double>{39, 1, 3, 0}, 0.1).count, 0U);
  EXPECT_EQ(e_bh(std::vector<double>{40, 1, 3, 0}, 0.1).count, 1U);
}

TEST(StepUp, ChoosesWhatBenjaminiHochbergDoesWhileValuesComeAndGo) {
  std::mt19937_64 random(3);
  std::vector<double> values;
  StepUp step_up;
  const double q = 0.2;
  for (int i = 0; i < 3'000; ++i) {
    if (!values.empty() && random() % 3 == 0) {
      const std::size_t gone = random() % values.size();
      step_up.remove(values[gone], q);
      values.erase(values.begin() + static_cast<std::ptrdiff_t>(gone));
    } else {
      // Many are alike, and many are small; 0.2 and a little more are at the border.
      const double value = static_cast<double>(random() % 100) / 100;
      values.push_back(random() % 2 == 0 ? value : value * value * value);
      step_up.add(values.back(), q);
    }
    if (values.empty()) continue;
    const Discoveries found = benjamini_hochberg(values, q);
    const double line = step_up.threshold(values.size(), q);
    for (std::size_t k = 0; k < values.size(); ++k) {
      ASSERT_EQ(values[k] <= line, found.chosen[k]) << i << " " << values[k];
    }
    if (random() % 50 == 0) step_up.assign(values, q);
  }
}

TEST(StepUp, ChoosesNothingOfNothing) {
  EXPECT_EQ(StepUp().threshold(0, 0.1), StepUp::kNone);
  EXPECT_EQ(StepUp().threshold(10, 0.1), StepUp::kNone);
}

TEST(MultipleTesting, WhatIsNoNumberIsNoEvidence) {
  EXPECT_THAT(benjamini_hochberg(std::vector<double>{std::nan(""), 0.001, 7}, 0.05).chosen,
              ElementsAre(false, true, false));
  EXPECT_THAT(e_bh(std::vector<double>{std::nan(""), 1e9, -3}, 0.05).chosen,
              ElementsAre(false, true, false));
}

TEST(MultipleTesting, NothingToTestFindsNothing) {
  EXPECT_EQ(benjamini_hochberg({}, 0.05).count, 0U);
  EXPECT_EQ(benjamini_yekutieli({}, 0.05).count, 0U);
  EXPECT_EQ(e_bh({}, 0.05).count, 0U);
}

}  // namespace
}  // namespace surgewatch::statistics
