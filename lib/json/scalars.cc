#include "json/scalars.h"

#include <charconv>
#include <chrono>
#include <cmath>

namespace surgewatch::json {
namespace {

bool is_digit(char c) { return '0' <= c && c <= '9'; }

// Takes a text apart from its start.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool at_end() const { return at_ == end_; }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  // One digit or more, of which at most `width` are taken.
  bool take_number(int width, int min, int max, int* number) {
    if (at_ == end_ || !is_digit(*at_)) return false;
    *number = 0;
    for (; width > 0 && at_ != end_ && is_digit(*at_); --width) {
      *number = *number * 10 + (*at_++ - '0');
    }
    return min <= *number && *number <= max;
  }
  bool take_fraction(std::int32_t* nanos) {
    if (at_ == end_ || !is_digit(*at_)) return false;
    std::int32_t unit = 100'000'000;
    for (; at_ != end_ && is_digit(*at_); ++at_, unit /= 10) *nanos += (*at_ - '0') * unit;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

// Z, or how far the clock is ahead of it.
bool take_zone(Scanner* scanner, int* seconds_ahead) {
  if (scanner->take('Z')) return true;
  const int sign = scanner->take('-') ? -1 : 1;
  if (sign > 0 && !scanner->take('+')) return false;
  int hours = 0, minutes = 0;
  if (!scanner->take_number(2, 0, 23, &hours) || !scanner->take(':') ||
      !scanner->take_number(2, 0, 59, &minutes)) {
    return false;
  }
  *seconds_ahead = sign * (hours * 3'600 + minutes * 60);
  return true;
}

}  // namespace

std::optional<std::int64_t> integer_of_text(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

std::optional<std::int64_t> integer_of_number(std::string_view number) {
  const std::string_view digits = number.substr(number.starts_with('-') ? 1 : 0);
  if (digits.empty() || !is_digit(digits[0]) || (digits[0] == '0' && digits.size() > 1)) {
    return std::nullopt;
  }
  return integer_of_text(number);
}

std::optional<std::int64_t> integer_of_double(double number) {
  constexpr double kBound = 9'223'372'036'854'775'808.0;  // 2^63
  if (!(number >= -kBound && number < kBound) || number != std::trunc(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::optional<Time> time_of_text(std::string_view text) {
  Scanner scanner(text);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!scanner.take_number(4, 1, 9'999, &year) || !scanner.take('-') ||
      !scanner.take_number(2, 1, 12, &month) || !scanner.take('-') ||
      !scanner.take_number(2, 1, 31, &day) || !scanner.take('T') ||
      !scanner.take_number(2, 0, 23, &hour) || !scanner.take(':') ||
      !scanner.take_number(2, 0, 59, &minute) || !scanner.take(':') ||
      !scanner.take_number(2, 0, 59, &second)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int second_of_day = hour * 3'600 + minute * 60 + second;
  Time time;
  time.seconds = days * 86'400 + second_of_day;
  if (scanner.take('.') && !scanner.take_fraction(&time.nanos)) return std::nullopt;
  int seconds_ahead = 0;
  if (!take_zone(&scanner, &seconds_ahead) || !scanner.at_end()) return std::nullopt;
  time.seconds -= seconds_ahead;
  return time;
}

}  // namespace surgewatch::json
