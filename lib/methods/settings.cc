#include "methods/settings.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/numbers.h"
#include "base/status.h"
#include "base/suggestion.h"

namespace surgewatch::methods {
namespace {

std::vector<std::string> strings(const std::vector<std::string_view>& views) {
  return {views.begin(), views.end()};
}

// Integers up to here are exact as doubles.
constexpr double kMaxInteger = 9'007'199'254'740'992;

bool in_range(const Parameter& parameter, double value) {
  return std::isfinite(value) &&
         (parameter.low_open ? value > parameter.low : value >= parameter.low) &&
         (parameter.high_open ? value < parameter.high : value <= parameter.high);
}

absl::StatusOr<double> parse_number(std::string_view where, const Parameter& parameter,
                                    std::string_view text) {
  const std::optional<double> value = parse_finite(text);
  const bool whole = parameter.kind == Kind::kInteger;
  if (!value || (whole && (*value != std::floor(*value) || std::abs(*value) > kMaxInteger))) {
    return invalid_argument("{}: '{}' is not {} number; it takes {}", where, text,
                            whole ? "a whole" : "a", range_of(parameter));
  }
  if (!in_range(parameter, *value)) {
    return invalid_argument("{}: {} is out of range; it takes {}", where, text,
                            range_of(parameter));
  }
  return *value;
}

}  // namespace

std::string range_of(const Parameter& parameter) {
  if (parameter.kind == Kind::kChoice) return "one of " + enumerate(strings(parameter.choices));
  if (parameter.kind == Kind::kFlag) return "true or false";
  if (parameter.kind == Kind::kText) return "text";
  std::string text;
  const bool low = std::isfinite(parameter.low);
  const bool high = std::isfinite(parameter.high);
  if (low && high) {
    text = fmt::format("{}{}, {}{}", parameter.low_open ? '(' : '[', parameter.low, parameter.high,
                       parameter.high_open ? ')' : ']');
  } else if (low) {
    text = fmt::format("{} {}", parameter.low_open ? ">" : ">=", parameter.low);
  } else if (high) {
    text = fmt::format("{} {}", parameter.high_open ? "<" : "<=", parameter.high);
  } else {
    text = "any";
  }
  if (parameter.kind == Kind::kInteger) text += ", whole";
  if (!parameter.word.empty()) text += fmt::format(", or {}", parameter.word);
  return text;
}

Parameter alpha_parameter(std::string_view fallback) {
  return {.name = "alpha",
          .fallback = fallback,
          .what = "chance of a false alarm in a window",
          .low = 0,
          .high = 1,
          .low_open = true,
          .high_open = true};
}

Parameter period_parameter() {
  return {.name = "period",
          .kind = Kind::kInteger,
          .fallback = "52",
          .unit = "windows",
          .what = "windows in a season: 52 weeks, 12 months, 7 days, 24 hours",
          .low = 1,
          .high = 1'000'000};
}

Parameter first_t_parameter() {
  return {.name = "first_t",
          .kind = Kind::kInteger,
          .fallback = "auto",
          .unit = "windows",
          .what =
              "the first window with an answer, counted from 1; auto: as soon as the history "
              "suffices",
          .low = 1,
          .high = 1e9,
          .word = "auto"};
}

absl::StatusOr<Settings> Settings::parse(std::string_view method,
                                         const std::vector<Parameter>& parameters,
                                         const NamedTexts& given) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string& name = given[i].first;
    std::vector<std::string> names;
    names.reserve(parameters.size());
    for (const Parameter& parameter : parameters) names.emplace_back(parameter.name);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return invalid_argument("{} has no parameter '{}'{}", method, name,
                              suggestion(name, names, "it has"));
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (given[j].first == name) return invalid_argument("{}: {} is set twice", method, name);
    }
  }
  Settings settings;
  for (const Parameter& parameter : parameters) {
    Value value;
    value.name = parameter.name;
    value.text = parameter.fallback;
    for (const auto& [name, text] : given) {
      if (name == parameter.name) value.text = text;
    }
    const std::string where = fmt::format("{}: {}", method, parameter.name);
    value.is_word = !parameter.word.empty() && value.text == parameter.word;
    if (parameter.kind == Kind::kNumber || parameter.kind == Kind::kInteger) {
      if (!value.is_word) {
        SW_ASSIGN_OR_RETURN(value.number, parse_number(where, parameter, value.text));
      }
    } else if (parameter.kind == Kind::kFlag) {
      if (value.text != "true" && value.text != "false") {
        return invalid_argument("{}: '{}' is neither true nor false", where, value.text);
      }
      value.number = value.text == "true" ? 1 : 0;
    } else if (parameter.kind == Kind::kChoice &&
               std::find(parameter.choices.begin(), parameter.choices.end(), value.text) ==
                   parameter.choices.end()) {
      return invalid_argument("{}: '{}' is not {}{}", where, value.text, range_of(parameter),
                              suggestion(value.text, strings(parameter.choices), ""));
    }
    settings.values_.push_back(std::move(value));
  }
  return settings;
}

const Settings::Value& Settings::value(std::string_view name) const {
  const auto found = std::find_if(values_.begin(), values_.end(),
                                  [name](const Value& value) { return value.name == name; });
  SW_CHECK(found != values_.end());
  return *found;
}

double Settings::number(std::string_view name) const {
  SW_CHECK(!value(name).is_word);
  return value(name).number;
}

std::int64_t Settings::integer(std::string_view name) const {
  return static_cast<std::int64_t>(number(name));
}

const std::string& Settings::text(std::string_view name) const { return value(name).text; }

bool Settings::flag(std::string_view name) const { return value(name).number != 0; }

bool Settings::has(std::string_view name) const { return !value(name).is_word; }

}  // namespace surgewatch::methods
