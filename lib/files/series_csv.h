// Reads series from CSV and writes what a method answers.
//
// Input: a header, then rows `time,value[,series]`, in the order of time within each series. The
// time column may be named time, t, timestamp or pane_start. What `replay --series` writes is read
// as it is: a series for each of its series, keys and measures, named `billed;bill_to=SG;units`.
// What times are goes by the first row, and which windows they name by series_times.h. Numbers,
// dates and instants must rise, and a window between two rows of a series that has none is a
// missing row; labels must differ.
//
// With zeros: a window without a row is 0, in every series, from the first window of all to the
// last. Successive: times are labels, whatever they look like.
//
// Errors: INVALID_ARGUMENT with file:line:column of every row that is missing, repeated, out of
// order, off the step that was given, or whose value is not a number, or is negative. If lenient,
// such a row counts as a window without a value (NA); a bad header stays an error. Limits:
// kMaxWindows, kMaxValues.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "config/problems.h"
#include "methods/registry.h"

namespace surgewatch::files {

struct SeriesCsvOptions {
  std::string file;         // for messages
  std::string time_column;  // empty: time, t, timestamp or pane_start, whichever is there
  std::string value_column = "value";
  std::string step;  // from window to window: TimeScale::step_of(); empty: as the times tell
  bool successive = false;
  bool zeros = false;
  bool lenient = false;
};

struct SeriesCsv {
  static constexpr std::size_t kMaxWindows = 10'000'000;
  static constexpr std::size_t kMaxValues = 50'000'000;  // of all series
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  // What is written, in this order: the rows read and, in their place, those that were missing.
  struct Row {
    std::string time;    // as read
    std::size_t series;  // of the table
    std::size_t window;  // kNone: a row that repeats another or has no place in time
  };

  methods::SeriesTable table;
  bool has_series_column = false;
  std::vector<Row> rows;
  config::Problems taken_as_na;  // what lenience passed over
};

absl::StatusOr<SeriesCsv> read_series_csv(std::string_view text, const SeriesCsvOptions& options);

// time,value,expected,upper,score,alarm[,series][,details]; NA where there is no answer. Numbers
// are the shortest that read back as the same.
std::string answers_header(const SeriesCsv& csv, const std::vector<std::string_view>& details);
std::string answer_line(const SeriesCsv& csv, const SeriesCsv::Row& row,
                        const methods::Answers& answers, std::size_t details);

}  // namespace surgewatch::files
