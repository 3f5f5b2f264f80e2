// Parameters of a method: how each is declared, and how what a person writes (key=value) becomes
// checked values.
//
// Threads: plain values. Errors: INVALID_ARGUMENT for an unknown name (the nearest is offered), for
// text that is no value of the parameter's kind, and for a value out of range (the range is given).
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace surgewatch::methods {

enum class Kind : std::uint8_t {
  kNumber,
  kInteger,
  kChoice,  // one of `choices`
  kFlag,    // true or false
  kText,    // checked by the method itself
};

struct Parameter {
  std::string_view name = {};
  Kind kind = Kind::kNumber;
  std::string_view fallback = {};  // the default, as a person would write it; never empty
  std::string_view unit = {};      // empty: a plain number
  std::string_view what = {};
  // Of numbers and integers. An open end excludes its bound.
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;
  bool high_open = false;
  std::vector<std::string_view> choices = {};
  // A word beside numbers whose meaning `what` explains, such as "auto". Settings::has() is then
  // false, and number() and integer() may not be asked.
  std::string_view word = {};
};

// "a probability in (0, 1)" and so on: for errors, and for the list of methods.
std::string range_of(const Parameter& parameter);

// Declared alike by every method that has them.
Parameter alpha_parameter(std::string_view fallback);
Parameter period_parameter();
Parameter first_t_parameter();

using NamedTexts = std::vector<std::pair<std::string, std::string>>;

class Settings {
 public:
  // Defaults for those that aren't given. The later of two settings of one name is refused too.
  static absl::StatusOr<Settings> parse(std::string_view method,
                                        const std::vector<Parameter>& parameters,
                                        const NamedTexts& given);

  // A name that the method doesn't declare, or a kind that is not its own, is a programming error.
  double number(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  const std::string& choice(std::string_view name) const { return text(name); }
  const std::string& text(std::string_view name) const;
  bool flag(std::string_view name) const;
  // False if the parameter is at its `word`.
  bool has(std::string_view name) const;

 private:
  struct Value {
    std::string_view name;
    std::string text;
    double number = 0;
    bool is_word = false;
  };
  const Value& value(std::string_view name) const;

  std::vector<Value> values_;
};

}  // namespace surgewatch::methods
