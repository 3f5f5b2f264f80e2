#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <optional>

#include "base/status.h"

namespace surgewatch {
namespace {

struct Unit {
  std::string_view name;
  Micros length;
};
// Longest first, so that formatting takes the largest unit that fits; "ms" before "m" and "s".
constexpr std::array<Unit, 6> kUnits{{{"d", kMicrosPerDay},
                                      {"h", 3'600 * kMicrosPerSecond},
                                      {"m", 60 * kMicrosPerSecond},
                                      {"s", kMicrosPerSecond},
                                      {"ms", 1'000},
                                      {"us", 1}}};
constexpr Micros kMaxDuration = 10'000 * kMicrosPerDay;

const Unit* find_unit(std::string_view name) {
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::chrono::year_month_day date_of(Micros time) {
  return std::chrono::year_month_day{
      std::chrono::sys_days{std::chrono::days{floor_div(time, kMicrosPerDay)}}};
}

std::optional<int> parse_int(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Micros wall_clock_micros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

absl::StatusOr<Micros> parse_duration(std::string_view text) {
  const auto bad = [text] {
    return invalid_argument(
        "'{}' is not a duration; write a number with ms, s, m, h or d, such as 100ms, 1h30m or 7d",
        text);
  };
  if (text.empty()) return bad();
  Micros total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t digits = rest.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos) return bad();
    Micros count = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + digits, count);
    if (parsed.ec != std::errc{}) return bad();
    rest.remove_prefix(digits);
    const std::size_t letters = rest.find_first_of("0123456789");
    const Unit* unit = find_unit(rest.substr(0, letters));
    if (unit == nullptr) return bad();
    Micros part = 0;
    if (__builtin_mul_overflow(count, unit->length, &part) ||
        __builtin_add_overflow(total, part, &total) || total > kMaxDuration) {
      return invalid_argument("the duration '{}' is longer than 10000d", text);
    }
    rest.remove_prefix(letters == std::string_view::npos ? rest.size() : letters);
  }
  return total;
}

absl::StatusOr<Micros> parse_date(std::string_view text) {
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    const auto year = parse_int(text.substr(0, 4));
    const auto month = parse_int(text.substr(5, 2));
    const auto day = parse_int(text.substr(8, 2));
    if (year && month && day && *year >= 1 && *month >= 1 && *day >= 1) {
      const std::chrono::year_month_day date{std::chrono::year{*year},
                                             std::chrono::month{static_cast<unsigned>(*month)},
                                             std::chrono::day{static_cast<unsigned>(*day)}};
      if (date.ok()) {
        return std::chrono::sys_days{date}.time_since_epoch().count() * kMicrosPerDay;
      }
    }
  }
  return invalid_argument("'{}' is not a date; write it as 2023-05-01", text);
}

std::string format_date(Micros time) {
  const auto date = date_of(time);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string format_time(Micros time) {
  const Micros in_day = time - floor_div(time, kMicrosPerDay) * kMicrosPerDay;
  const Micros seconds = in_day / kMicrosPerSecond;
  std::string text = fmt::format("{}T{:02}:{:02}:{:02}", format_date(time), seconds / 3'600,
                                 seconds / 60 % 60, seconds % 60);
  if (const Micros fraction = in_day % kMicrosPerSecond; fraction != 0) {
    text += fraction % 1'000 == 0 ? fmt::format(".{:03}", fraction / 1'000)
                                  : fmt::format(".{:06}", fraction);
  }
  return text + "Z";
}

std::string format_duration(Micros span) {
  if (span == 0) return "0s";
  std::string text;
  for (const Unit& unit : kUnits) {
    if (const Micros count = span / unit.length; count != 0) {
      text += fmt::format("{}{}", count, unit.name);
      span %= unit.length;
    }
  }
  return text;
}

}  // namespace surgewatch
