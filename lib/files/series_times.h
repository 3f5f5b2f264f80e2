// What the times of rows are, and which windows they name.
//
// Each time is turned into a key, a number that rises with it: numbers as they are; dates in days;
// instants (RFC 3339) in microseconds since the first; dates and instants in months where all of
// them fall on the same day of the month, at the same time of day; labels in the order in which
// they first come.
//
// A grid has the windows that keys name. Dates, instants and whole numbers: every step from the
// first to the last, the step being the greatest that fits them all, so that a window without a row
// is not closed up. Other numbers: every step if the least distance between two of a series fits
// all, else those that are there. Labels: those that are there.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "base/time.h"

namespace surgewatch::files {

enum class TimeKind : std::uint8_t { kNumber, kDate, kInstant, kLabel };

// By what a first time looks like.
TimeKind kind_of_time(std::string_view text);

class TimeScale {
 public:
  explicit TimeScale(TimeKind kind) : kind_(kind) {}

  TimeKind kind() const { return kind_; }

  // INVALID_ARGUMENT with what is wrong with it, to be put behind the text: "is not a date, as the
  // first is".
  absl::StatusOr<double> key_of(const std::string& text);

  // Turns keys of dates and instants into months if all fall on the same day and time of day. What
  // has no key stays so.
  void count_in_months(std::span<std::optional<double>* const> keys);

  // Of a window that no row names; not for labels.
  std::string time_of(double key) const;

  // Days since 1970-01-01 if the window begins with a day.
  std::optional<std::int64_t> day_of(double key) const;

  // What --step says: a duration for dates (whole days) and instants, a number for numbers.
  absl::StatusOr<double> step_of(std::string_view text) const;
  std::string step_text(double step) const;

 private:
  Micros instant_of(double key) const;

  TimeKind kind_;
  std::optional<Micros> origin_;  // the first instant
  bool in_months_ = false;
  std::chrono::day day_of_month_{1};
  Micros time_of_day_ = 0;
  std::unordered_map<std::string, double> labels_;
};

struct Grid {
  std::vector<double> keys;  // of each window, rising
  double step = 0;           // 0: not evenly spaced

  std::size_t window_of(double key) const;
};

// `keys`: sorted, each once. `least`: the least distance between two of a series; infinite if there
// are no two. `step`: as given, and every key is on it; 0: found. OUT_OF_RANGE if there would be
// more than `most` windows, with the words behind "from A to B ".
absl::StatusOr<Grid> lay_grid(std::vector<double> keys, double least, double step,
                              const TimeScale& scale, std::size_t most);

// Whether the key is a whole number of steps from the first.
bool is_on_step(double key, double first, double step);

}  // namespace surgewatch::files
