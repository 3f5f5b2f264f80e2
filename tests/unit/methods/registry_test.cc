#include "methods/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "unit/methods/tables.h"

namespace surgewatch::methods {
namespace {

using ::testing::HasSubstr;

std::string error_of(std::string_view method, const NamedTexts& settings) {
  return std::string(run_method(method, settings, {}).status().message());
}

TEST(Registry, NamesAreUniqueAndEveryMethodSaysWhatItIs) {
  std::set<std::string_view> names;
  for (const MethodSpec& method : methods()) {
    EXPECT_TRUE(names.insert(method.name).second) << method.name;
    EXPECT_NE(method.run, nullptr) << method.name;
    for (const std::string_view text : {method.what, method.formula, method.source, method.score}) {
      EXPECT_FALSE(text.empty()) << method.name;
    }
    for (const Parameter& parameter : method.parameters) {
      EXPECT_FALSE(parameter.what.empty()) << method.name << ' ' << parameter.name;
    }
  }
}

TEST(Registry, DefaultsOfEveryMethodAreWithinTheirOwnRanges) {
  for (const MethodSpec& method : methods()) {
    const auto settings = Settings::parse(method.name, method.parameters, {});
    EXPECT_TRUE(settings.ok()) << settings.status();
    for (const Parameter& parameter : method.parameters) {
      const auto explicitly =
          Settings::parse(method.name, method.parameters,
                          {{std::string(parameter.name), std::string(parameter.fallback)}});
      EXPECT_TRUE(explicitly.ok()) << explicitly.status();
    }
  }
}

TEST(Registry, EveryMethodAnswersInTheShapeOfItsTableAndNeverWithNanOrInfinity) {
  SeriesTable table;
  for (int t = 0; t < 330; ++t) table.times.push_back(std::to_string(t));
  for (const double level : {0.0, 3.0, 1e12, 1e300}) {
    SeriesTable::Series series{std::to_string(level), {}};
    for (int t = 0; t < 330; ++t) {
      if (t % 53 == 7) {
        series.values.emplace_back();
      } else {
        series.values.emplace_back(level + (t % 7) * (level > 0 ? 1 : 0) + (t == 320 ? 50 : 0));
      }
    }
    table.series.push_back(std::move(series));
  }
  const auto finite = [](const std::optional<double>& value) {
    return !value || std::isfinite(*value);
  };
  for (const MethodSpec& method : methods()) {
    auto answers = run_method(method.name, {}, table);
    if (!answers.ok()) {
      // Beyond what a method can hold it may refuse, with the range.
      EXPECT_THAT(std::string(answers.status().message()), HasSubstr("out of range"));
      SeriesTable lower = table;
      lower.series.pop_back();
      answers = run_method(method.name, {}, lower);
      ASSERT_TRUE(answers.ok()) << answers.status();
      answers->emplace_back(table.times.size());
    }
    ASSERT_EQ(answers->size(), table.series.size()) << method.name;
    for (const std::vector<Answer>& series : *answers) {
      ASSERT_EQ(series.size(), table.times.size()) << method.name;
      for (const Answer& answer : series) {
        EXPECT_TRUE(finite(answer.expected) && finite(answer.upper) && finite(answer.score));
        for (const auto& detail : answer.details) EXPECT_TRUE(finite(detail)) << method.name;
        EXPECT_TRUE(answer.details.empty() || answer.details.size() == method.details.size());
      }
    }
  }
}

TEST(Registry, ATableOfNothingHasNothingWrongWithIt) {
  for (const MethodSpec& method : methods()) {
    const auto answers = run_method(method.name, {}, {});
    EXPECT_TRUE(answers.ok()) << answers.status();
  }
}

TEST(Registry, UnknownNamesAreAnsweredWithTheNearest) {
  EXPECT_THAT(error_of("farington", {}), HasSubstr("did you mean 'farrington'?"));
  EXPECT_THAT(error_of("nonsense", {}), HasSubstr("there are"));
  EXPECT_THAT(error_of("ears", {{"varaint", "C1"}}), HasSubstr("did you mean 'variant'?"));
  EXPECT_THAT(error_of("ears", {{"qqqqqqqqq", "1"}}), HasSubstr("it has variant"));
}

TEST(Settings, ValuesOutOfRangeAreAnsweredWithTheRange) {
  for (const char* alpha : {"0", "1", "-0.1", "2"}) {
    EXPECT_THAT(error_of("ears", {{"alpha", alpha}}), HasSubstr("(0, 1)")) << alpha;
  }
  EXPECT_EQ(error_of("ears", {{"alpha", "0.999"}}), "");
  EXPECT_THAT(error_of("ears", {{"baseline", "1"}}), HasSubstr("[2, 10000], whole"));
  EXPECT_EQ(error_of("ears", {{"baseline", "2"}}), "");
  EXPECT_THAT(error_of("ears", {{"min_sigma", "-1"}}), HasSubstr(">= 0"));
  EXPECT_THAT(error_of("ears", {{"variant", "C4"}}), HasSubstr("C1, C2 and C3"));
  EXPECT_THAT(error_of("farrington", {{"reweight", "yes"}}), HasSubstr("neither true nor false"));
}

TEST(Settings, WhatIsNoNumberIsRefused) {
  for (const char* text : {"", "x", "7x", " 7", "nan", "inf", "1e400"}) {
    EXPECT_THAT(error_of("ears", {{"baseline", text}}), HasSubstr("not a whole number")) << text;
  }
  EXPECT_THAT(error_of("ears", {{"baseline", "7.5"}}), HasSubstr("not a whole number"));
  EXPECT_EQ(error_of("ears", {{"baseline", "1e3"}}), "");
}

TEST(Settings, ASettingGivenTwiceIsRefused) {
  EXPECT_THAT(error_of("ears", {{"baseline", "7"}, {"baseline", "8"}}), HasSubstr("set twice"));
}

TEST(Settings, ThoseThatDontFitTogetherAreRefusedBeforeAnyData) {
  EXPECT_THAT(error_of("farrington", {{"w", "3"}, {"period", "6"}}),
              HasSubstr("2 w + 1 <= period"));
  EXPECT_EQ(error_of("farrington", {{"w", "3"}, {"period", "7"}, {"no_periods", "1"}}), "");
  EXPECT_THAT(error_of("farrington", {{"no_periods", "47"}}), HasSubstr("[1, 46]"));
  EXPECT_EQ(error_of("farrington", {{"no_periods", "46"}}), "");
  for (const char* limit : {"5", "5/", "/4", "5/0", "-1/4", "5/4/3", "a/b", "5/4 "}) {
    EXPECT_THAT(error_of("farrington", {{"limit54", limit}}), HasSubstr("CASES/WINDOWS")) << limit;
  }
}

TEST(Settings, RangesReadAsAPersonWouldWriteThem) {
  EXPECT_EQ(range_of(alpha_parameter("0.05")), "(0, 1)");
  EXPECT_EQ(range_of(first_t_parameter()), "[1, 1000000000], whole, or auto");
  EXPECT_EQ(range_of({.name = "x", .fallback = "0", .low = 0, .low_open = true}), "> 0");
  EXPECT_EQ(range_of({.name = "x", .fallback = "0"}), "any");
}

}  // namespace
}  // namespace surgewatch::methods
