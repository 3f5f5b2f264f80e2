#include <gtest/gtest.h>

#include <cmath>

#include "methods/distributions.h"
#include "unit/methods/tables.h"

namespace surgewatch::methods {
namespace {

constexpr double kZ001 = 3.090232306167813;  // of alpha 0.001
constexpr double kZ025 = 1.959963984540054;  // of alpha 0.025

const Values kCounts{4, 6, 5, 7, 3, 5, 5, 12, 9, 40, 6};

TEST(EarsC1, BoundIsMeanAndDeviationOfTheSevenWindowsBefore) {
  const auto answers = answers_of("ears", {}, kCounts);
  for (std::size_t t = 0; t < 7; ++t) {
    EXPECT_FALSE(answers[t].upper || answers[t].expected || answers[t].alarm) << t;
  }
  const double sd = std::sqrt((1 + 1 + 0 + 4 + 4 + 0 + 0) / 6.0);
  EXPECT_DOUBLE_EQ(*answers[7].expected, 5);
  EXPECT_NEAR(*answers[7].upper, 5 + kZ001 * sd, 1e-12);
  EXPECT_NEAR(*answers[7].score, 7 / sd, 1e-12);
  EXPECT_TRUE(*answers[7].alarm);
  EXPECT_FALSE(*answers[10].alarm);
}

TEST(EarsC2, LeavesOutTheTwoWindowsBefore) {
  const auto answers = answers_of("ears", {{"variant", "C2"}}, kCounts);
  EXPECT_FALSE(answers[8].upper);
  EXPECT_DOUBLE_EQ(*answers[9].expected, 5);
  EXPECT_TRUE(*answers[9].alarm);
}

TEST(EarsC3, CarriesTheExcessOfTheTwoWindowsBefore) {
  Values counts{4, 6, 5, 7, 3, 5, 5, 4, 6};
  counts.insert(counts.end(), {8, 8, 9, 5});
  const auto second = answers_of("ears", {{"variant", "C2"}}, counts);
  const auto third = answers_of("ears", {{"variant", "C3"}}, counts);
  EXPECT_FALSE(third[10].upper);
  const double carried = std::max(0.0, *second[9].score - 1) + std::max(0.0, *second[10].score - 1);
  ASSERT_GT(carried, 0);
  const double sd = (*second[11].upper - *second[11].expected) / kZ001;
  EXPECT_NEAR(*third[11].upper, *third[11].expected + sd * (kZ025 - carried), 1e-12);
  EXPECT_TRUE(*third[11].alarm);
}

TEST(EarsC3, BoundIsNeverBelowZero) {
  Values counts{4, 6, 5, 7, 3, 5, 5, 4, 6, 60, 60, 0};
  const auto answers = answers_of("ears", {{"variant", "C3"}}, counts);
  EXPECT_EQ(*answers[11].upper, 0);
  EXPECT_FALSE(*answers[11].alarm);
}

TEST(Ears, AnAlarmIsAboveTheBoundNotAtIt) {
  Values counts = repeated(7, 3);
  counts.emplace_back(3);
  counts.emplace_back(3.5);
  const auto answers = answers_of("ears", {}, counts);
  EXPECT_EQ(*answers[7].upper, 3);
  EXPECT_FALSE(*answers[7].alarm);
  EXPECT_TRUE(*answers[8].alarm);
}

TEST(Ears, WithoutSpreadTheScoreOfACountAboveIsNotInfinite) {
  Values counts = repeated(7, 3);
  counts.emplace_back(4);
  const auto flat = answers_of("ears", {}, counts);
  EXPECT_TRUE(*flat[7].alarm);
  EXPECT_FALSE(flat[7].score);
  const auto widened = answers_of("ears", {{"min_sigma", "0.5"}}, counts);
  EXPECT_DOUBLE_EQ(*widened[7].score, 2);
  EXPECT_FALSE(*widened[7].alarm);
}

TEST(Ears, AMissingCountLeavesItsWindowAndThoseThatRestOnItWithoutAnswer) {
  Values counts = repeated(30, 3);
  counts[12] = std::nullopt;
  const auto answers = answers_of("ears", {}, counts);
  EXPECT_TRUE(answers[12].upper);
  EXPECT_FALSE(answers[12].alarm || answers[12].score);
  for (std::size_t t = 13; t <= 19; ++t) EXPECT_FALSE(answers[t].upper) << t;
  EXPECT_TRUE(answers[20].upper);
}

TEST(Ears, FirstTCountsFromOne) {
  const auto answers = answers_of("ears", {{"first_t", "10"}}, repeated(12, 3));
  EXPECT_FALSE(answers[8].upper);
  EXPECT_TRUE(answers[9].upper);
}

TEST(Bayes, BoundIsThePredictiveQuantileOfTheWindowsBefore) {
  const auto answers = answers_of("bayes", {}, {2, 3, 1, 4, 2, 0, 9, 3});
  EXPECT_FALSE(answers[5].upper);
  EXPECT_EQ(*answers[6].upper, negative_binomial_upper_quantile(12.5, 6.0 / 7, 0.05));
  EXPECT_EQ(*answers[6].details[0], negative_binomial_tail(12.5, 6.0 / 7, 9));
  EXPECT_TRUE(*answers[6].alarm);
  EXPECT_DOUBLE_EQ(*answers[6].expected, 12.5 / 6);
}

TEST(Bayes, EarlierSeasonsCountFromWBeforeToWAfter) {
  Values counts = repeated(24, 0);
  const NamedTexts settings{{"b", "2"}, {"w", "1"}, {"period", "8"}};
  // Of window 20: 19; 11, 12, 13; 3, 4, 5.
  const auto base = *answers_of("bayes", settings, counts)[20].expected;
  for (std::size_t t = 0; t < 20; ++t) {
    Values changed = counts;
    changed[t] = 1;
    const bool used = t == 19 || (t >= 11 && t <= 13) || (t >= 3 && t <= 5);
    EXPECT_EQ(*answers_of("bayes", settings, changed)[20].expected != base, used) << t;
  }
}

TEST(Bayes, AnswersFromTheFirstWindowWithItsWholeHistory) {
  const auto answers =
      answers_of("bayes", {{"b", "2"}, {"w", "1"}, {"period", "8"}}, repeated(20, 1));
  EXPECT_FALSE(answers[16].upper);
  EXPECT_TRUE(answers[17].upper);
}

TEST(Bayes, MissingCountsAreLeftOutAndAHistoryOfNothingHasNoAnswer) {
  Values counts{2, std::nullopt, 4, 2, 0, 4, 3};
  EXPECT_DOUBLE_EQ(*answers_of("bayes", {}, counts)[6].expected, 12.5 / 5);
  counts.assign(8, std::nullopt);
  const auto answers = answers_of("bayes", {}, counts);
  EXPECT_FALSE(answers[7].upper || answers[7].expected || answers[7].alarm);
}

}  // namespace
}  // namespace surgewatch::methods
