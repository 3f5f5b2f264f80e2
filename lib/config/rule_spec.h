// What a rule type declares of itself: its name, and what its rules take beyond what every rule
// does. From this come the checks of a rule and their errors, `surgewatch rules types`, and the
// table on the type's page in docs/rules. No type is known here: detect/rules has one folder each,
// and whoever reads a configuration passes what they declare.
//
// Threads: any; what is declared never changes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "config/config.h"
#include "statistics/ranges.h"

namespace surgewatch::orders {
struct FinderType;
}

namespace surgewatch::config {

// A figure of fire_at and clear_at, of those that types may use.
struct Figure {
  std::string_view name;
  std::optional<double> Thresholds::*member;
  double high;  // the highest that makes sense; every figure is above 0
};
inline constexpr double kUnboundedFigure = 1e12;
// Whole dollars and plain counts; as micros, dollars just fit 64 bits.
inline constexpr double kMaxObserved = 9e12;
// All in one hand.
inline constexpr double kMaxHhi = 10'000;
inline constexpr auto kFigures = std::to_array<Figure>({
    {"ratio", &Thresholds::ratio, kUnboundedFigure},
    {"excess_over_total", &Thresholds::excess_over_total, kUnboundedFigure},
    {"z", &Thresholds::z, kUnboundedFigure},
    {"points", &Thresholds::points, 100},
    {"divergence", &Thresholds::divergence, 1},
    {"observed", &Thresholds::observed, kMaxObserved},
    {"orders", &Thresholds::orders, kMaxObserved},
    {"units", &Thresholds::units, kMaxObserved},
    {"chips", &Thresholds::chips, kMaxObserved},
    {"hhi", &Thresholds::hhi, kMaxHhi},
    {"change", &Thresholds::change, kMaxHhi},
    {"score", &Thresholds::score, kUnboundedFigure},
});

// Where the value of a parameter goes, and what it may be.
template <typename Into>
struct WholeNumberOf {
  statistics::Range<std::int64_t> range;
  std::int64_t Into::*into;
};
template <typename Into>
struct NumberOf {
  statistics::Range<double> range;
  double Into::*into;
};
template <typename Into>
struct WordOf {
  std::vector<std::string> words;
  std::string_view what;  // "a method"
  void (*take)(std::size_t word, Into* into);
};
// Of types that learn, and of those that compare flows.
using WholeNumber = WholeNumberOf<Learning>;
using Number = NumberOf<Learning>;
using Word = WordOf<Learning>;
using AssumedWholeNumber = WholeNumberOf<Assumptions>;
using AssumedNumber = NumberOf<Assumptions>;
using AssumedWord = WordOf<Assumptions>;
// What has a structure of its own, and checks: `reference`, `against`, `rollup`, `accepted`,
// `baseline`. Here is what it looks like.
struct Structure {
  std::string_view shape;
};

struct Parameter {
  std::string_view name;  // as in YAML, and in RuleConfig
  std::string_view unit;  // "windows"; empty of words and of what has units inside
  std::string_view meaning;
  std::string_view fallback;  // what is taken where it is not given; "required"
  std::variant<WholeNumber, Number, Word, Structure, AssumedWholeNumber, AssumedNumber, AssumedWord>
      kind;

  std::string range() const;  // "1 to 10,000", "up, down, both"
};

// How a type uses a figure of fire_at and clear_at.
struct FigureUse {
  std::string_view name;  // of kFigures
  std::string_view meaning;
  double fallback = 0;  // the line where fire_at is not given; 0: there is none then
};

struct RuleSpec {
  std::string_view name;
  std::string_view says;     // "more than usual"
  std::string_view against;  // "what earlier windows have taught"
  int wire = 0;              // its number in v1::RuleType
  // Its number in content addresses: never another's, and never changed.
  int address = 0;
  std::vector<Parameter> parameters;
  std::vector<FigureUse> figures;
  bool needs_figure = true;  // nothing else says when it fires
  // Why it needs `per`, as part of an error; empty of types that don't.
  std::string_view per_because = {};
  // What clear_at.ratio is where no line is given, at the most: of types whose law says when they
  // are calm. The others end at a part of fire_at.
  std::optional<double> calm_ratio = std::nullopt;
  // Fills in what is taken where nothing is given; `learning` has the method already, the window is
  // in micros. Null of types that don't learn.
  void (*defaults)(Micros window, Learning* learning) = nullptr;
  // Of types that compare flows: what is taken where nothing is given.
  std::optional<Assumptions> assumes = std::nullopt;
  // The window where none is given; empty: a rule has to give one.
  std::string_view window = {};
  // Which of its parameters names the dimension whose values are told apart in each subject, and
  // what that is where it is not given; empty of types that tell none apart.
  std::string_view parts_parameter = {}, parts_fallback = {};
  // Each subject is a country: `per` is one dimension, of countries.
  bool by_country = false;
  // The table of capacities decides what is said.
  bool reads_capacities = false;

  // Of order types: who finds in orders what their rules count (lib/orders/finders.h).
  const orders::FinderType* finder = nullptr;

  // Adds up what other rules find, by Rule::typology. What these say is a series of the rule's
  // name.
  bool weighs_findings = false;

  // Whether a series of the rule's name is made for it: such a rule takes none.
  bool has_own_series() const { return finder != nullptr || weighs_findings; }
  bool learns() const { return defaults != nullptr; }
  const Parameter* parameter(std::string_view of) const;
  bool uses_figure(std::string_view of) const;
};

// `surge` for RULE_TYPE_SURGE: every type that the schema has, built here or not.
std::vector<std::string> rule_type_names_of_schema();

}  // namespace surgewatch::config
