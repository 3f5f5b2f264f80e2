// The rule types of this version, and what each takes beyond what every rule does.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace surgewatch::config {

// A figure of fire_at and clear_at.
struct Figure {
  std::string_view name;
  std::optional<double> Thresholds::*member;
  double high;  // the highest that makes sense; every figure is above 0
};
inline constexpr double kUnboundedFigure = 1e12;
// Whole dollars and plain counts; as micros, dollars just fit 64 bits.
inline constexpr double kMaxObserved = 9e12;
inline constexpr std::array<Figure, 6> kFigures{{
    {"ratio", &Thresholds::ratio, kUnboundedFigure},
    {"excess_over_total", &Thresholds::excess_over_total, kUnboundedFigure},
    {"z", &Thresholds::z, kUnboundedFigure},
    {"points", &Thresholds::points, 100},
    {"divergence", &Thresholds::divergence, 1},
    {"observed", &Thresholds::observed, kMaxObserved},
}};

inline constexpr std::array<std::string_view, 15> kFieldsOfTypes{
    "reference", "baseline", "against",
    "method",    "period",   "guard",
    "warm_up",   "alpha",    "false_discovery_rate",
    "kappa",     "h",        "odds_ratio",
    "direction", "rollup",   "accepted"};

struct RuleTypeTraits {
  RuleType type;
  std::string_view name;
  std::vector<std::string> fields;   // of kFieldsOfTypes
  std::vector<std::string> figures;  // of kFigures
  bool needs_figure = true;          // nothing else says when it fires
};
const std::vector<RuleTypeTraits>& rule_types();

// `surge` for RULE_TYPE_SURGE: every type that the schema has, built here or not.
std::vector<std::string> rule_type_names_of_schema();

}  // namespace surgewatch::config
