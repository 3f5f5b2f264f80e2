// Reads series from CSV and writes what a method answers.
//
// Input: a header, then rows `time,value[,series]`, in the order of time within each series. The
// time column may be named t, time or timestamp. What it holds goes by its first row: whole or
// decimal numbers, dates (2024-01-31; if all fall on the same day of the month, months), or
// anything else, which is taken as a label. Numbers and dates must rise, and where they do so in
// steps, a step that is not there is a missing row. Labels must differ.
//
// Errors: INVALID_ARGUMENT with file:line:column of every row that is missing, repeated, out of
// order, or whose value is not a number, or is negative. If lenient, such a row counts as a window
// without a value (NA); a bad header stays an error. Limits: kMaxWindows.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "config/problems.h"
#include "methods/registry.h"

namespace surgewatch::services {

struct SeriesCsvOptions {
  std::string file;         // for messages
  std::string time_column;  // empty: t, time or timestamp, whichever is there
  std::string value_column = "value";
  bool lenient = false;
};

struct SeriesCsv {
  static constexpr std::size_t kMaxWindows = 10'000'000;
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

}  // namespace surgewatch::services
