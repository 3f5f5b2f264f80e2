#include "files/series_times.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/numbers.h"
#include "base/status.h"
#include "json/scalars.h"

namespace surgewatch::files {
namespace {

// Keys are whole up to here, 285 years of microseconds.
constexpr double kFarthest = 9'007'199'254'740'992.0;  // 2^53

std::optional<Micros> parse_instant(std::string_view text) {
  const auto time = json::time_of_text(text);
  if (!time) return std::nullopt;
  const Micros instant = time->seconds * kMicrosPerSecond + time->nanos / 1'000;
  if (instant < kMinTime || instant > kMaxTime) return std::nullopt;
  return instant;
}

std::chrono::year_month_day calendar_of(Micros instant) {
  const std::chrono::days days(floor_div(instant, kMicrosPerDay));
  return std::chrono::year_month_day(std::chrono::sys_days(days));
}

Micros time_of_day(Micros instant) {
  return instant - floor_div(instant, kMicrosPerDay) * kMicrosPerDay;
}

bool fits_all(const std::vector<double>& keys, double step) {
  return std::ranges::all_of(keys, [&](double key) { return is_on_step(key, keys.front(), step); });
}

bool are_whole(const std::vector<double>& keys) {
  return std::ranges::all_of(
      keys, [](double key) { return std::abs(key) < kFarthest && key == std::trunc(key); });
}

// Of whole keys. 0 for a single one.
double greatest_step(const std::vector<double>& keys) {
  std::int64_t step = 0;
  for (const double key : keys) step = std::gcd(step, std::llround(key - keys.front()));
  return static_cast<double>(step);
}

double step_of_keys(const std::vector<double>& keys, double least, TimeKind kind) {
  if (kind == TimeKind::kLabel) return 0;
  if (are_whole(keys)) return greatest_step(keys);
  return std::isfinite(least) && fits_all(keys, least) ? least : 0;
}

}  // namespace

TimeKind kind_of_time(std::string_view text) {
  if (parse_finite(text)) return TimeKind::kNumber;
  if (parse_date(text).ok()) return TimeKind::kDate;
  return parse_instant(text) ? TimeKind::kInstant : TimeKind::kLabel;
}

absl::StatusOr<double> TimeScale::key_of(const std::string& text) {
  switch (kind_) {
    case TimeKind::kLabel:
      return labels_.try_emplace(text, static_cast<double>(labels_.size())).first->second;
    case TimeKind::kNumber:
      if (const auto number = parse_finite(text)) return *number;
      return invalid_argument("is not a number, as the first is");
    case TimeKind::kDate:
      if (const auto date = parse_date(text); date.ok()) {
        return static_cast<double>(floor_div(*date, kMicrosPerDay));
      }
      return invalid_argument("is not a date, as the first is");
    case TimeKind::kInstant:
      break;
  }
  const auto instant = parse_instant(text);
  if (!instant) return invalid_argument("is not an RFC 3339 time, as the first is");
  if (!origin_) origin_ = *instant;
  const auto key = static_cast<double>(*instant - *origin_);
  if (std::abs(key) >= kFarthest) return invalid_argument("is 285 years or more from the first");
  return key;
}

void TimeScale::count_in_months(std::span<std::optional<double>* const> keys) {
  if (kind_ != TimeKind::kDate && kind_ != TimeKind::kInstant) return;
  std::optional<Micros> first;
  for (const std::optional<double>* key : keys) {
    if (!*key) continue;
    const Micros instant = instant_of(**key);
    if (!first) first = instant;
    if (calendar_of(instant).day() != calendar_of(*first).day() ||
        time_of_day(instant) != time_of_day(*first)) {
      return;
    }
  }
  if (!first) return;
  for (std::optional<double>* key : keys) {
    if (!*key) continue;
    const auto date = calendar_of(instant_of(**key));
    *key = 12.0 * static_cast<int>(date.year()) + static_cast<unsigned>(date.month()) - 1;
  }
  day_of_month_ = calendar_of(*first).day();
  time_of_day_ = time_of_day(*first);
  in_months_ = true;
}

Micros TimeScale::instant_of(double key) const {
  const auto whole = static_cast<std::int64_t>(std::llround(key));
  if (in_months_) {
    const std::chrono::year_month_day date(
        std::chrono::year(static_cast<int>(floor_div(whole, 12))),
        std::chrono::month(static_cast<unsigned>(whole - floor_div(whole, 12) * 12 + 1)),
        day_of_month_);
    return std::chrono::sys_days(date).time_since_epoch().count() * kMicrosPerDay + time_of_day_;
  }
  return kind_ == TimeKind::kDate ? whole * kMicrosPerDay : origin_.value_or(0) + whole;
}

std::string TimeScale::time_of(double key) const {
  if (kind_ == TimeKind::kNumber) return fmt::format("{}", key);
  const Micros instant = instant_of(key);
  return kind_ == TimeKind::kDate ? format_date(instant) : format_time(instant);
}

std::optional<std::int64_t> TimeScale::day_of(double key) const {
  if (kind_ != TimeKind::kDate && kind_ != TimeKind::kInstant) return std::nullopt;
  const Micros instant = instant_of(key);
  if (time_of_day(instant) != 0) return std::nullopt;
  return floor_div(instant, kMicrosPerDay);
}

absl::StatusOr<double> TimeScale::step_of(std::string_view text) const {
  if (kind_ == TimeKind::kLabel) {
    return invalid_argument("times that are neither numbers nor dates have no step");
  }
  if (kind_ == TimeKind::kNumber) {
    const auto step = parse_finite(text);
    if (step && *step > 0) return *step;
    return invalid_argument("'{}' is not a number above 0, as times are numbers", text);
  }
  SW_ASSIGN_OR_RETURN(const Micros span, parse_duration(text));
  if (span == 0) return invalid_argument("a step is above 0");
  if (kind_ == TimeKind::kInstant) return static_cast<double>(span);
  if (span % kMicrosPerDay != 0) {
    return invalid_argument("'{}' is not a whole number of days, as times are dates", text);
  }
  return static_cast<double>(span / kMicrosPerDay);
}

std::string TimeScale::step_text(double step) const {
  if (in_months_) return fmt::format("{} months", step);
  if (kind_ == TimeKind::kDate) return fmt::format("{}d", step);
  if (kind_ == TimeKind::kInstant) return format_duration(std::llround(step));
  return fmt::format("{}", step);
}

std::size_t Grid::window_of(double key) const {
  if (step > 0) return static_cast<std::size_t>(std::llround((key - keys.front()) / step));
  const auto found = std::ranges::lower_bound(keys, key);
  return static_cast<std::size_t>(found - keys.begin());
}

bool is_on_step(double key, double first, double step) {
  constexpr double kNear = 1e-6;  // decimal times such as 0.1 are not exact
  const double steps = (key - first) / step;
  return std::abs(steps - std::round(steps)) <= kNear;
}

absl::StatusOr<Grid> lay_grid(std::vector<double> keys, double least, double step,
                              const TimeScale& scale, std::size_t most) {
  Grid grid;
  grid.step = step > 0 ? step : step_of_keys(keys, least, scale.kind());
  if (grid.step == 0 || keys.empty()) {
    grid.keys = std::move(keys);
    return grid;
  }
  const double first = keys.front();
  const double windows = std::round((keys.back() - first) / grid.step) + 1;
  if (windows > static_cast<double>(most)) {
    return absl::OutOfRangeError(
        fmt::format("in steps of {} are {} windows; at most {} are allowed",
                    scale.step_text(grid.step), windows, most));
  }
  for (double i = 0; i < windows; ++i) grid.keys.push_back(first + i * grid.step);
  return grid;
}

}  // namespace surgewatch::files
