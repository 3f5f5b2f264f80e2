// `surgewatch rules types`: what the rule types declare, for a terminal, and as the tables of
// docs/rules.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/suggestion.h"
#include "config/rule_spec.h"
#include "detect/rules/table.h"
#include "surgewatch/commands.h"

namespace surgewatch::services {
namespace {

using config::FigureUse;
using config::Parameter;
using config::RuleSpec;

std::string line_range(const FigureUse& figure) {
  const auto known = std::ranges::find(config::kFigures, figure.name, &config::Figure::name);
  constexpr double kWorthSaying = 10'000;
  const bool bounded = known != config::kFigures.end() && known->high <= kWorthSaying;
  return bounded ? fmt::format("above 0, at most {}", known->high) : "above 0";
}

// One that lines are drawn at, so that it reads as in YAML.
std::string line_name(const FigureUse& figure) { return fmt::format("fire_at.{}", figure.name); }

std::string line_fallback(const FigureUse& figure) {
  return figure.fallback > 0 ? fmt::format("{}, if no line is given", figure.fallback) : "none";
}

// Of types with a window of their own.
constexpr std::string_view kWindowMeaning = "length of the window", kWindowUnit = "duration",
                           kWindowRange = "a multiple of the series' pane";

void print_parameter(std::string_view name, std::string_view meaning, std::string_view fallback,
                     std::string_view unit, std::string_view range) {
  fmt::print("    {:<26} {} [default {}; {}{}{}]\n", name, meaning, fallback, unit,
             unit.empty() ? "" : ", ", range);
}

void print_text(const RuleSpec& spec) {
  fmt::print("{}\n  {}, against {}\n", spec.name, spec.says, spec.against);
  if (!spec.window.empty()) {
    print_parameter("window", kWindowMeaning, spec.window, kWindowUnit, kWindowRange);
  }
  for (const Parameter& parameter : spec.parameters) {
    print_parameter(parameter.name, parameter.meaning, parameter.fallback, parameter.unit,
                    parameter.range());
  }
  for (const FigureUse& figure : spec.figures) {
    print_parameter(line_name(figure), figure.meaning, line_fallback(figure), "",
                    line_range(figure));
  }
}

void print_markdown(const RuleSpec& spec) {
  fmt::print("| parameter | meaning | unit | default | range |\n|---|---|---|---|---|\n");
  if (!spec.window.empty()) {
    fmt::print("| `window` | {} | {} | {} | {} |\n", kWindowMeaning, kWindowUnit, spec.window,
               kWindowRange);
  }
  for (const Parameter& parameter : spec.parameters) {
    fmt::print("| `{}` | {} | {} | {} | {} |\n", parameter.name, parameter.meaning, parameter.unit,
               parameter.fallback, parameter.range());
  }
  for (const FigureUse& figure : spec.figures) {
    fmt::print("| `{}` | {} | | {} | {} |\n", line_name(figure), figure.meaning,
               line_fallback(figure), line_range(figure));
  }
}

nlohmann::ordered_json json_of(const RuleSpec& spec) {
  nlohmann::ordered_json json{{"name", spec.name}, {"says", spec.says}, {"against", spec.against}};
  json["parameters"] = nlohmann::ordered_json::array();
  if (!spec.window.empty()) {
    json["parameters"].push_back({{"name", "window"},
                                  {"meaning", kWindowMeaning},
                                  {"unit", kWindowUnit},
                                  {"default", spec.window},
                                  {"range", kWindowRange}});
  }
  for (const Parameter& parameter : spec.parameters) {
    json["parameters"].push_back({{"name", parameter.name},
                                  {"meaning", parameter.meaning},
                                  {"unit", parameter.unit},
                                  {"default", parameter.fallback},
                                  {"range", parameter.range()}});
  }
  json["fire_at"] = nlohmann::ordered_json::array();
  for (const FigureUse& figure : spec.figures) {
    json["fire_at"].push_back(
        {{"name", figure.name}, {"meaning", figure.meaning}, {"range", line_range(figure)}});
  }
  return json;
}

absl::StatusOr<std::vector<const RuleSpec*>> chosen(const std::string& name) {
  const config::RuleSpecs all = detect::rule_specs();
  if (name.empty()) return std::vector<const RuleSpec*>(all.begin(), all.end());
  std::vector<std::string> names;
  for (const RuleSpec* spec : all) {
    if (spec->name == name) return std::vector<const RuleSpec*>{spec};
    names.emplace_back(spec->name);
  }
  return not_found("there is no rule type '{}'{}", name, suggestion(name, names, "there are"));
}

}  // namespace

absl::Status list_rule_types(const RuleTypesOptions& options) {
  SW_ASSIGN_OR_RETURN(const std::vector<const RuleSpec*> shown, chosen(options.type));
  if (options.json) {
    auto list = nlohmann::ordered_json::array();
    for (const RuleSpec* spec : shown) list.push_back(json_of(*spec));
    fmt::print("{}\n", list.dump(2));
    return absl::OkStatus();
  }
  for (const RuleSpec* spec : shown) {
    if (spec != shown.front()) fmt::print("\n");
    options.markdown ? print_markdown(*spec) : print_text(*spec);
  }
  return absl::OkStatus();
}

}  // namespace surgewatch::services
