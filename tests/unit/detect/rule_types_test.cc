// What every rule type owes: see lib/detect/rules/rule_type.h. That its page has what it declares
// is in tests/cli/rules_test.py.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>

#include "base/status.h"
#include "detect/rules/rule_type.h"
#include "detect/rules/table.h"
#include "surgewatch/v1/alert.pb.h"
#include "surgewatch/v1/config.pb.h"

namespace surgewatch::detect {
namespace {

using config::Learning;
using config::Parameter;
using config::RuleSpec;

// The number that a text begins with, if it does.
std::optional<double> leading_number(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double number = std::strtod(copy.c_str(), &end);
  return end == copy.c_str() ? std::nullopt : std::optional(number);
}

std::optional<double> value_of(const Parameter& parameter, const Learning& learning) {
  if (const auto* whole = std::get_if<config::WholeNumber>(&parameter.kind)) {
    return static_cast<double>(learning.*whole->into);
  }
  if (const auto* number = std::get_if<config::Number>(&parameter.kind)) {
    return learning.*number->into;
  }
  return std::nullopt;
}

TEST(RuleTypes, SayWhatTheirFiguresAreAgainst) {
  for (const RuleType* type : rule_types()) {
    EXPECT_FALSE(type->traits.against.empty()) << type->spec.name;
    EXPECT_EQ(type->traits.unit == "share", type->traits.shares) << type->spec.name;
  }
}

TEST(RuleTypes, DeclareTheDefaultsThatTheyTake) {
  int looked_at = 0;
  for (const RuleSpec* spec : rule_specs()) {
    if (!spec->learns()) continue;
    Learning learning;
    learning.method = config::Method::kSurge;  // alone, which is what a text begins with
    spec->defaults(7 * kMicrosPerDay, &learning);
    for (const Parameter& parameter : spec->parameters) {
      const auto declared = leading_number(parameter.fallback);
      const auto taken = value_of(parameter, learning);
      if (!declared || !taken) continue;
      EXPECT_EQ(*taken, *declared) << spec->name << " " << parameter.name;
      ++looked_at;
    }
  }
  EXPECT_GT(looked_at, 10);
}

TEST(RuleTypes, TakeDefaultsThatAreWithinTheirRanges) {
  for (const RuleSpec* spec : rule_specs()) {
    if (!spec->learns()) continue;
    for (const Micros window : {kMicrosPerDay / 24, kMicrosPerDay, 7 * kMicrosPerDay,
                                91 * kMicrosPerDay, 1'000 * kMicrosPerDay}) {
      Learning learning;
      spec->defaults(window, &learning);
      for (const Parameter& parameter : spec->parameters) {
        if (const auto* whole = std::get_if<config::WholeNumber>(&parameter.kind)) {
          EXPECT_TRUE(whole->range.holds(learning.*whole->into)) << spec->name << parameter.name;
        } else if (const auto* number = std::get_if<config::Number>(&parameter.kind)) {
          EXPECT_TRUE(number->range.holds(learning.*number->into)) << spec->name << parameter.name;
        }
      }
    }
  }
}

// Of those that compare flows, too.
TEST(RuleTypes, DeclareTheAssumptionsThatTheyTake) {
  int looked_at = 0;
  for (const RuleSpec* spec : rule_specs()) {
    for (const Parameter& parameter : spec->parameters) {
      const auto declared = leading_number(parameter.fallback);
      if (const auto* whole = std::get_if<config::AssumedWholeNumber>(&parameter.kind)) {
        ASSERT_TRUE(spec->assumes.has_value()) << spec->name;
        const std::int64_t taken = (*spec->assumes).*whole->into;
        EXPECT_EQ(declared, static_cast<double>(taken)) << spec->name << " " << parameter.name;
        EXPECT_TRUE(whole->range.holds(taken)) << spec->name << " " << parameter.name;
        ++looked_at;
      } else if (const auto* number = std::get_if<config::AssumedNumber>(&parameter.kind)) {
        ASSERT_TRUE(spec->assumes.has_value()) << spec->name;
        const double taken = (*spec->assumes).*number->into;
        EXPECT_EQ(declared, taken) << spec->name << " " << parameter.name;
        EXPECT_TRUE(number->range.holds(taken)) << spec->name << " " << parameter.name;
        ++looked_at;
      }
    }
  }
  EXPECT_GT(looked_at, 1);
}

TEST(RuleTypes, AreKnownByNamesAndNumbersOfTheirOwn) {
  std::set<std::string_view> names;
  std::set<int> wires, addresses;
  for (const RuleSpec* spec : rule_specs()) {
    EXPECT_TRUE(names.insert(spec->name).second) << spec->name;
    EXPECT_TRUE(wires.insert(spec->wire).second) << spec->name;
    EXPECT_TRUE(addresses.insert(spec->address).second) << spec->name;
    std::string of_schema = "RULE_TYPE_";
    for (const char c : spec->name) of_schema += static_cast<char>(std::toupper(c));
    EXPECT_EQ(v1::RuleType_Name(static_cast<v1::RuleType>(spec->wire)), of_schema);
    EXPECT_EQ(&rule_type(*spec).spec, spec);
  }
}

// The numbers are in the version of every rule that has been published: see canonical.cc.
TEST(RuleTypes, KeepTheNumbersThatTheyHave) {
  std::set<std::pair<std::string_view, int>> numbers;
  for (const RuleSpec* spec : rule_specs()) numbers.emplace(spec->name, spec->address);
  EXPECT_THAT(numbers, testing::IsSupersetOf({std::pair<std::string_view, int>("surge_since", 0),
                                              {"surge", 1},
                                              {"divergence", 2},
                                              {"share_shift", 3},
                                              {"ramp", 4},
                                              {"new_entity", 5}}));
}

TEST(RuleTypes, TakeWhatTheSchemaHas) {
  for (const RuleSpec* spec : rule_specs()) {
    for (const Parameter& parameter : spec->parameters) {
      EXPECT_NE(v1::RuleConfig::descriptor()->FindFieldByName(std::string(parameter.name)), nullptr)
          << spec->name << " " << parameter.name;
    }
  }
}

TEST(RuleTypes, HaveAnExampleInTheirFolder) {
  for (const RuleSpec* spec : rule_specs()) {
    const std::string path = std::string(SURGEWATCH_SOURCE_DIR "/lib/detect/rules/") +
                             std::string(spec->name) + "/example.yaml";
    const auto config = config::load(path, rule_specs());
    ASSERT_TRUE(config.ok()) << config.status();
    // Behind those that it weighs, if it does.
    ASSERT_EQ((*config)->rules.size() == 1, !spec->weighs_findings) << path;
    EXPECT_EQ((*config)->rules.back().type, spec) << path;
  }
}

TEST(RuleTypes, DeclareFiguresThatLinesCanBeDrawnAt) {
  for (const RuleSpec* spec : rule_specs()) {
    EXPECT_FALSE(spec->figures.empty()) << spec->name;
    for (const config::FigureUse& figure : spec->figures) {
      EXPECT_NE(std::ranges::find(config::kFigures, figure.name, &config::Figure::name),
                config::kFigures.end())
          << spec->name << " " << figure.name;
    }
  }
}

}  // namespace
}  // namespace surgewatch::detect
