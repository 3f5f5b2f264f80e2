#include "surgewatch/series_csv.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>
#include <unordered_map>

#include "base/numbers.h"
#include "base/status.h"
#include "base/time.h"
#include "config/csv.h"

namespace surgewatch::services {
namespace {

using config::CsvTable;
using config::Position;
using config::Problems;

constexpr std::string_view kNa = "NA";
constexpr std::size_t kTime = 0, kValue = 1, kSeries = 2;  // of the table's columns

enum class TimeKind : std::uint8_t { kNumber, kDate, kLabel };

std::optional<std::int64_t> parse_day(std::string_view text) {
  const auto date = parse_date(text);
  if (!date.ok()) return std::nullopt;
  return floor_div(*date, kMicrosPerDay);
}

TimeKind kind_of(std::string_view text) {
  if (parse_finite(text)) return TimeKind::kNumber;
  return parse_day(text) ? TimeKind::kDate : TimeKind::kLabel;
}

// The name of the time column: that given, or the first of those usual that the header has.
std::string time_column(std::string_view text, const std::string& given) {
  if (!given.empty()) return given;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::string header = fmt::format(",{},", text.substr(0, text.find_first_of("\r\n")));
  for (const std::string_view name : {"time", "t", "timestamp"}) {
    if (header.find(fmt::format(",{},", name)) != std::string::npos ||
        header.find(fmt::format(",\"{}\",", name)) != std::string::npos) {
      return std::string(name);
    }
  }
  return "time";
}

// A row as read, before it has a place among the windows.
struct ReadRow {
  std::string time;
  Position at;
  std::size_t series;
  std::optional<double> key;  // what it is ordered by; absent: the row has no window
  std::optional<double> value;
};

class Reader {
 public:
  Reader(std::string_view text, const SeriesCsvOptions& options)
      : options_(options),
        time_name_(time_column(text, options.time_column)),
        table_(text, options.file, {{time_name_}, {options.value_column}, {"series", false}},
               &problems_) {}

  absl::StatusOr<SeriesCsv> read();

 private:
  absl::Status refused() const;
  void read_row();
  std::size_t series_named(const std::string& name);
  std::optional<double> key_of(const std::string& time, std::size_t series);
  std::optional<double> key_of_time(const std::string& time);
  std::optional<double> value_of(std::string_view text);
  void count_in_months();
  absl::Status lay_grid();
  bool is_regular(double step) const;
  std::size_t window_of(double key) const;
  std::string time_of(double key) const;
  void place_rows();
  void place_missing(const ReadRow& row, std::size_t from, std::size_t to);

  const SeriesCsvOptions& options_;
  std::string time_name_;
  Problems problems_;
  CsvTable table_;
  std::optional<TimeKind> kind_;
  std::optional<std::chrono::day> day_of_month_;  // if dates are counted in months
  std::vector<ReadRow> rows_;
  std::unordered_map<std::string, std::size_t> series_of_name_;
  std::unordered_map<std::string, double> key_of_label_;
  std::vector<std::optional<double>> last_key_;  // of each series
  double step_ = 0;                              // 0: keys_ are not evenly spaced
  std::vector<double> keys_;                     // of each window
  SeriesCsv csv_;
};

absl::StatusOr<SeriesCsv> Reader::read() {
  if (!problems_.empty()) return problems_.status();
  csv_.has_series_column = table_.has(kSeries);
  while (table_.next()) read_row();
  // A row that can't be read at all would be reported as missing too.
  if (!options_.lenient && !problems_.empty()) return refused();
  if (rows_.empty()) {
    return invalid_argument("{}: there are no rows below the header", options_.file);
  }
  if (kind_ == TimeKind::kDate) count_in_months();
  SW_RETURN_IF_ERROR(lay_grid());
  place_rows();
  if (!options_.lenient && !problems_.empty()) return refused();
  csv_.taken_as_na = std::move(problems_);
  return std::move(csv_);
}

absl::Status Reader::refused() const {
  std::vector<std::string> lines = lines_of(problems_.status());
  lines.emplace_back("--lenient takes such rows as NA");
  return status_of_lines(lines);
}

void Reader::read_row() {
  ReadRow row;
  row.time = table_[kTime];
  row.at = table_.place(kTime);
  row.series = series_named(std::string(table_[kSeries]));
  row.value = value_of(table_[kValue]);
  row.key = key_of(row.time, row.series);
  rows_.push_back(std::move(row));
}

std::size_t Reader::series_named(const std::string& name) {
  const auto [found, is_new] = series_of_name_.try_emplace(name, csv_.table.series.size());
  if (is_new) {
    csv_.table.series.push_back({name, {}});
    last_key_.emplace_back();
  }
  return found->second;
}

std::optional<double> Reader::value_of(std::string_view text) {
  const auto value = parse_finite(text);
  if (value && *value >= 0) return value;
  if (value) {
    table_.problem(kValue, "{} '{}' is negative", options_.value_column, text);
  } else if (text.empty() || text == kNa) {
    table_.problem(kValue, "the {} is missing", options_.value_column);
  } else {
    table_.problem(kValue, "{} '{}' is not a number", options_.value_column, text);
  }
  return std::nullopt;
}

std::optional<double> Reader::key_of(const std::string& time, std::size_t series) {
  const auto key = key_of_time(time);
  if (!key) return std::nullopt;
  std::optional<double>& last = last_key_[series];
  const std::string whose =
      csv_.has_series_column ? fmt::format(" of series '{}'", csv_.table.series[series].name) : "";
  if (last && *key == *last) {
    table_.problem(kTime, "{} {}{} is repeated", time_name_, time, whose);
    return std::nullopt;
  }
  if (last && *key < *last) {
    const char* const fault =
        kind_ == TimeKind::kLabel ? "is repeated, or out of order" : "comes after a later one";
    table_.problem(kTime, "{} {}{} {}", time_name_, time, whose, fault);
    return std::nullopt;
  }
  last = key;
  return key;
}

// Labels are numbered in the order in which they first come.
std::optional<double> Reader::key_of_time(const std::string& time) {
  if (time.empty()) {
    table_.problem(kTime, "the {} is missing", time_name_);
    return std::nullopt;
  }
  if (!kind_) kind_ = kind_of(time);
  if (kind_ == TimeKind::kLabel) {
    return key_of_label_.try_emplace(time, static_cast<double>(key_of_label_.size())).first->second;
  }
  if (kind_ == TimeKind::kNumber) {
    if (const auto number = parse_finite(time)) return number;
    table_.problem(kTime, "{} '{}' is not a number, as the first is", time_name_, time);
    return std::nullopt;
  }
  if (const auto day = parse_day(time)) return static_cast<double>(*day);
  table_.problem(kTime, "{} '{}' is not a date, as the first is", time_name_, time);
  return std::nullopt;
}

std::chrono::year_month_day calendar_of(double day) {
  const std::chrono::days days(static_cast<std::int64_t>(day));
  return std::chrono::year_month_day(std::chrono::sys_days(days));
}

// Months are not evenly many days apart: dates that all fall on the same day of the month, no two
// of a series closer than a month, are counted in months.
void Reader::count_in_months() {
  constexpr double kShortestMonth = 28;
  std::optional<std::chrono::day> day;
  std::vector<std::optional<double>> last(csv_.table.series.size());
  for (const ReadRow& row : rows_) {
    if (!row.key) continue;
    const auto date = calendar_of(*row.key);
    if (!day) day = date.day();
    if (date.day() != *day) return;
    if (last[row.series] && *row.key - *last[row.series] < kShortestMonth) return;
    last[row.series] = row.key;
  }
  day_of_month_ = day;
  if (!day) return;
  for (ReadRow& row : rows_) {
    if (!row.key) continue;
    const auto date = calendar_of(*row.key);
    row.key = 12.0 * static_cast<int>(date.year()) + static_cast<unsigned>(date.month()) - 1;
  }
}

bool Reader::is_regular(double step) const {
  constexpr double kNear = 1e-6;  // decimal times such as 0.1 are not exact
  for (const double key : keys_) {
    const double steps = (key - keys_.front()) / step;
    if (std::abs(steps - std::round(steps)) > kNear) return false;
  }
  return true;
}

// Windows: every step from the first time to the last where times are evenly spaced, else the times
// that are there.
absl::Status Reader::lay_grid() {
  double least = std::numeric_limits<double>::infinity();
  std::vector<std::optional<double>> last(csv_.table.series.size());
  for (const ReadRow& row : rows_) {
    if (!row.key) continue;
    keys_.push_back(*row.key);
    if (last[row.series]) least = std::min(least, *row.key - *last[row.series]);
    last[row.series] = row.key;
  }
  std::sort(keys_.begin(), keys_.end());
  keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  if (kind_ == TimeKind::kLabel || !std::isfinite(least) || !is_regular(least)) {
    return absl::OkStatus();
  }
  const double first = keys_.front();
  const double windows = std::round((keys_.back() - first) / least) + 1;
  if (windows > static_cast<double>(SeriesCsv::kMaxWindows)) {
    return invalid_argument(
        "{}: from {} to {} in steps of {} are {} windows; at most {} are allowed", options_.file,
        time_of(first), time_of(keys_.back()), least, windows, SeriesCsv::kMaxWindows);
  }
  step_ = least;
  keys_.clear();
  for (double i = 0; i < windows; ++i) keys_.push_back(first + i * least);
  return absl::OkStatus();
}

std::size_t Reader::window_of(double key) const {
  if (step_ > 0) return static_cast<std::size_t>(std::llround((key - keys_.front()) / step_));
  const auto found = std::lower_bound(keys_.begin(), keys_.end(), key);
  return static_cast<std::size_t>(found - keys_.begin());
}

// Of a window that no row names.
std::string Reader::time_of(double key) const {
  if (kind_ == TimeKind::kNumber) return fmt::format("{}", key);
  double day = key;
  if (day_of_month_) {
    const auto month = static_cast<int>(key);
    const std::chrono::year_month_day date(
        std::chrono::year(month / 12), std::chrono::month(static_cast<unsigned>(month % 12 + 1)),
        *day_of_month_);
    day = static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count());
  }
  return format_date(static_cast<Micros>(day) * kMicrosPerDay);
}

void Reader::place_rows() {
  methods::SeriesTable& table = csv_.table;
  const std::size_t windows = keys_.size();
  table.times.resize(windows);
  for (const ReadRow& row : rows_) {
    if (row.key && table.times[window_of(*row.key)].empty()) {
      table.times[window_of(*row.key)] = row.time;
    }
  }
  for (std::size_t i = 0; i < windows; ++i) {
    if (table.times[i].empty()) table.times[i] = time_of(keys_[i]);
  }
  if (kind_ == TimeKind::kDate) {
    for (const std::string& time : table.times) table.days.push_back(parse_day(time).value_or(0));
  }
  for (methods::SeriesTable::Series& series : table.series) series.values.resize(windows);
  std::vector<std::optional<std::size_t>> last(table.series.size());
  for (const ReadRow& row : rows_) {
    if (!row.key) {
      csv_.rows.push_back({row.time, row.series, SeriesCsv::kNone});
      continue;
    }
    const std::size_t window = window_of(*row.key);
    if (last[row.series] && *last[row.series] + 1 < window) {
      place_missing(row, *last[row.series] + 1, window);
    }
    last[row.series] = window;
    table.series[row.series].values[window] = row.value;
    csv_.rows.push_back({row.time, row.series, window});
  }
}

void Reader::place_missing(const ReadRow& row, std::size_t from, std::size_t to) {
  const std::vector<std::string>& times = csv_.table.times;
  const std::string span =
      to - from == 1 ? times[from] : fmt::format("{} to {}", times[from], times[to - 1]);
  problems_.add(options_.file, row.at, "{} {} before this row: {} {}",
                to - from == 1 ? "a row" : fmt::format("{} rows", to - from),
                to - from == 1 ? "is missing" : "are missing", time_name_, span);
  for (std::size_t window = from; window < to; ++window) {
    csv_.rows.push_back({times[window], row.series, window});
  }
}

template <typename Value>
std::string text_of(const std::optional<Value>& value) {
  if (!value) return std::string(kNa);
  if constexpr (std::is_same_v<Value, bool>) return *value ? "1" : "0";
  return fmt::format("{}", *value);
}

}  // namespace

absl::StatusOr<SeriesCsv> read_series_csv(std::string_view text, const SeriesCsvOptions& options) {
  return Reader(text, options).read();
}

std::string answers_header(const SeriesCsv& csv, const std::vector<std::string_view>& details) {
  std::string line = "time,value,expected,upper,score,alarm";
  if (csv.has_series_column) line += ",series";
  for (const std::string_view detail : details) line += fmt::format(",{}", detail);
  return line;
}

std::string answer_line(const SeriesCsv& csv, const SeriesCsv::Row& row,
                        const methods::Answers& answers, std::size_t details) {
  const methods::SeriesTable::Series& series = csv.table.series[row.series];
  const bool placed = row.window != SeriesCsv::kNone;
  const methods::Answer answer = placed ? answers[row.series][row.window] : methods::Answer{};
  const std::optional<double> value = placed ? series.values[row.window] : std::nullopt;
  std::string line = fmt::format("{},{},{},{},{},{}", config::csv_text(row.time), text_of(value),
                                 text_of(answer.expected), text_of(answer.upper),
                                 text_of(answer.score), text_of(answer.alarm));
  if (csv.has_series_column) line += "," + config::csv_text(series.name);
  for (std::size_t i = 0; i < details; ++i) {
    line += ',';
    line += i < answer.details.size() ? text_of(answer.details[i]) : std::string(kNa);
  }
  return line;
}

}  // namespace surgewatch::services
