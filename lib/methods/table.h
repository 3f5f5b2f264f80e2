// What a detector is given when it is run over whole series, and what it answers.
//
// Threads: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace surgewatch::methods {

// Invariants: every series has as many values as there are times; times are successive windows, so
// that what counts is the position. A value is finite and not negative, or absent (NA).
struct SeriesTable {
  struct Series {
    std::string name;  // empty if there is just one without a name
    std::vector<std::optional<double>> values;
  };

  std::vector<std::string> times;  // as given
  // Days since 1970-01-01, one for each time, if all times are dates; else empty.
  std::vector<std::int64_t> days;
  std::vector<Series> series;
};

// Of one series at one time. Absent means that the method has no answer there (NA): too little
// history, no value, or nothing that a fit could rest on. No figure is ever NaN or infinite.
struct Answer {
  std::optional<double> expected;
  std::optional<double> upper;  // alarm: observed > upper, unless the method says otherwise
  std::optional<double> score;  // what it is, MethodSpec::score says
  std::optional<bool> alarm;
  std::vector<std::optional<double>> details;  // as MethodSpec::details names them, or empty
};

// answers[series][time], in the shape of the table.
using Answers = std::vector<std::vector<Answer>>;

// For methods that look at one series at a time.
using OneSeries = std::function<std::vector<Answer>(const SeriesTable::Series& series)>;
inline Answers each_series(const SeriesTable& table, const OneSeries& run) {
  Answers answers;
  answers.reserve(table.series.size());
  for (const SeriesTable::Series& series : table.series) answers.push_back(run(series));
  return answers;
}

}  // namespace surgewatch::methods
