#include "methods/farrington.h"

#include <gtest/gtest.h>

#include <set>

#include "unit/methods/tables.h"

namespace surgewatch::methods {
namespace {

// The windows whose count has a say in the mean of window t.
std::set<int> windows_used(const NamedTexts& settings, const Values& values, std::size_t t) {
  const auto base = answers_of("farrington", settings, values)[t].expected;
  EXPECT_TRUE(base);
  std::set<int> used;
  for (std::size_t i = 0; i <= t; ++i) {
    Values changed = values;
    *changed[i] *= 1.5;
    const auto answer = answers_of("farrington", settings, changed)[t];
    if (answer.expected != base) used.insert(static_cast<int>(i) - static_cast<int>(t));
  }
  return used;
}

NamedTexts plain(NamedTexts more) {
  NamedTexts settings{{"reweight", "false"}, {"trend", "false"}};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

TEST(Farrington, WithOnePeriodItUsesTheSpansAroundTheSameWindowOfEarlierSeasons) {
  const NamedTexts settings = plain(
      {{"b", "2"}, {"w", "1"}, {"no_periods", "1"}, {"past_excluded", "3"}, {"period", "12"}});
  EXPECT_EQ(windows_used(settings, repeated(30, 20), 27),
            (std::set<int>{-25, -24, -23, -13, -12, -11}));
}

TEST(Farrington, TheWindowsBeforeThePresentOneCountUnlessThePastIsLeftOut) {
  NamedTexts settings = plain({{"b", "1"}, {"w", "2"}, {"no_periods", "1"}, {"period", "12"}});
  settings.emplace_back("past_excluded", "0");
  EXPECT_EQ(windows_used(settings, repeated(20, 20), 16),
            (std::set<int>{-14, -13, -12, -11, -10, -2, -1}));
  settings.back().second = "1";
  EXPECT_EQ(windows_used(settings, repeated(20, 20), 16),
            (std::set<int>{-14, -13, -12, -11, -10, -2}));
}

TEST(Farrington, AnswersFromTheFirstWindowWithItsWholeHistory) {
  const NamedTexts settings{
      {"b", "2"}, {"w", "1"}, {"no_periods", "3"}, {"past_excluded", "3"}, {"period", "12"}};
  const auto answers = answers_of("farrington", settings, repeated(30, 20));
  EXPECT_FALSE(answers[24].upper || answers[24].alarm);
  EXPECT_TRUE(answers[25].upper);
}

TEST(Farrington, FewerThanFiveCasesInFourWindowsHaveNoBoundButAPValue) {
  const NamedTexts settings{
      {"b", "2"}, {"w", "1"}, {"no_periods", "1"}, {"past_excluded", "3"}, {"period", "12"}};
  Values values = repeated(40, 2);
  values[36] = values[37] = values[38] = 1;
  values[39] = 1;
  const auto four = answers_of("farrington", settings, values)[39];
  EXPECT_FALSE(four.upper || four.expected);
  EXPECT_EQ(four.alarm, std::optional(false));
  EXPECT_TRUE(four.details[0] && four.details[1]);
  values[39] = 2;
  EXPECT_TRUE(answers_of("farrington", settings, values)[39].upper);
}

TEST(Farrington, AMissingCountInTheLastFourWindowsLeavesThemWithoutBound) {
  Values values = repeated(320, 9);
  values[310] = std::nullopt;
  const auto answers = answers_of("farrington", {}, values);
  EXPECT_TRUE(answers[309].upper);
  for (std::size_t t = 310; t <= 313; ++t) {
    EXPECT_FALSE(answers[t].upper) << t;
    EXPECT_EQ(answers[t].details[0].has_value(), t != 310) << t;
  }
  EXPECT_TRUE(answers[314].upper);
}

TEST(Farrington, APastOutbreakIsWeighedDown) {
  Values values;
  for (int t = 0; t < 320; ++t) values.emplace_back(8 + (t * 7) % 5);
  Values outbreak = values;
  for (std::size_t t = 200; t < 204; ++t) *outbreak[t] += 60;
  const double quiet = *answers_of("farrington", {}, values)[310].upper;
  const double weighed = *answers_of("farrington", {}, outbreak)[310].upper;
  const double plainly = *answers_of("farrington", {{"reweight", "false"}}, outbreak)[310].upper;
  EXPECT_LT(weighed - quiet, (plainly - quiet) / 4);
}

TEST(Farrington, ATrendIsKeptOnlyIfItIsPlainAndPredictsNothingUnseen) {
  Values rising, falling;
  for (int t = 0; t < 320; ++t) {
    rising.emplace_back(20 + t + (t * 7) % 11);
    falling.emplace_back(400 - t + (t * 7) % 11);
  }
  const NamedTexts settings{{"p_threshold_trend", "0.05"}};
  EXPECT_EQ(*answers_of("farrington", settings, falling)[310].details[2], 1);
  EXPECT_EQ(*answers_of("farrington", settings, rising)[310].details[2], 0);
  EXPECT_EQ(*answers_of("farrington", {{"trend", "false"}}, falling)[310].details[2], 0);
  EXPECT_EQ(*answers_of("farrington", {{"b", "2"}}, falling)[310].details[2], 0);
  EXPECT_EQ(*answers_of("farrington", settings, repeated(320, 9))[310].details[2], 0);
}

TEST(Farrington, AllZerosHaveNoAnswerSinceNoModelConverges) {
  const auto answer = answers_of("farrington", {}, repeated(320, 0))[310];
  EXPECT_FALSE(answer.expected || answer.upper || answer.score || answer.alarm);
}

TEST(Farrington, ByDateNeedsDates) {
  const auto answers = run_method("farrington", {{"by_date", "true"}}, one_series(repeated(9, 1)));
  EXPECT_EQ(answers.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Farrington, ByDateASeasonBackIsTheWindowNearestToTheSameDate) {
  FarringtonOptions options;
  options.b = 5;
  options.w = 0;
  options.no_periods = 1;
  options.past_excluded = 0;
  options.reweight = options.trend = false;
  std::vector<std::int64_t> days;
  for (int week = 0; week < 330; ++week) days.push_back(11'323 + 7 * week);  // from 2001-01-01
  Farrington farrington(options, days);
  Values values = repeated(330, 20);
  const auto base = farrington.answer(values, 270).expected;
  std::set<int> used;
  for (std::size_t t = 0; t < 270; ++t) {
    values[t] = 40;
    if (farrington.answer(values, 270).expected != base) used.insert(static_cast<int>(t) - 270);
    values[t] = 20;
  }
  // As R's farringtonFlexible has them with epochAsDate.
  EXPECT_EQ(used, (std::set<int>{-261, -209, -157, -104, -52}));
}

TEST(Farrington, SameSeriesSameBits) {
  Values values;
  for (int t = 0; t < 320; ++t) values.emplace_back((t * t) % 17);
  const auto first = answers_of("farrington", {}, values);
  const auto second = answers_of("farrington", {}, values);
  for (std::size_t t = 0; t < values.size(); ++t) {
    EXPECT_EQ(first[t].expected, second[t].expected);
    EXPECT_EQ(first[t].details, second[t].details);
  }
}

}  // namespace
}  // namespace surgewatch::methods
