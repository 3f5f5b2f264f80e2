#include "files/series_csv.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>
#include <unordered_map>

#include "base/numbers.h"
#include "base/status.h"
#include "base/utf8.h"
#include "config/csv.h"
#include "files/series_times.h"

namespace surgewatch::files {
namespace {

using config::CsvTable;
using config::Position;
using config::Problems;

constexpr std::string_view kNa = "NA";
enum : std::size_t { kTime, kValue, kSeries, kKey, kMeasure };  // the table's columns
constexpr std::string_view kPaneTime = "pane_start";

// The name of the time column: that given, or the first of those usual that the header has.
std::string time_column(std::string_view text, const std::string& given) {
  if (!given.empty()) return given;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::string header = fmt::format(",{},", text.substr(0, text.find_first_of("\r\n")));
  for (const std::string_view name : {std::string_view("time"), std::string_view("t"),
                                      std::string_view("timestamp"), kPaneTime}) {
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
        table_(text, options.file,
               {{time_name_},
                {options.value_column},
                {"series", false},
                {"key", false},
                {"measure", false}},
               &problems_),
        has_panes_(time_name_ == kPaneTime && table_.has(kSeries) && table_.has(kKey) &&
                   table_.has(kMeasure)) {}

  absl::StatusOr<SeriesCsv> read();

 private:
  absl::Status refused() const;
  void read_row();
  std::string series_name() const;
  std::size_t series_named(const std::string& name);
  std::optional<double> key_of(const std::string& time, std::size_t series);
  std::optional<double> value_of(std::string_view text);
  void count_in_months();
  absl::Status lay();
  void keep_to_step(double first, double step);
  absl::Status check_size() const;
  void name_windows();
  void place_rows();
  void place_missing(std::size_t series, std::size_t from, std::size_t to);
  void report_missing(const ReadRow& row, std::size_t from, std::size_t to);

  const SeriesCsvOptions& options_;
  std::string time_name_;
  Problems problems_;
  CsvTable table_;
  bool has_panes_;  // what `replay --series` writes: a series is one of series, key and measure
  std::optional<TimeScale> scale_;  // since the first row with a time
  std::vector<ReadRow> rows_;
  std::unordered_map<std::string, std::size_t> series_of_name_;
  std::vector<std::optional<double>> last_key_;  // of each series
  Grid grid_;
  bool rows_are_missing_ = false;
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
  SW_RETURN_IF_ERROR(lay());
  if (!options_.lenient && !problems_.empty()) return refused();
  SW_RETURN_IF_ERROR(check_size());
  name_windows();
  place_rows();
  if (!options_.lenient && !problems_.empty()) return refused();
  csv_.taken_as_na = std::move(problems_);
  return std::move(csv_);
}

absl::Status Reader::refused() const {
  std::vector<std::string> lines = lines_of(problems_.status());
  if (rows_are_missing_) {
    lines.emplace_back(
        "--zeros takes windows without a row as 0, --successive takes rows as they come");
  }
  lines.emplace_back("--lenient takes such rows as NA");
  return status_of_lines(lines);
}

void Reader::read_row() {
  ReadRow row;
  row.time = table_[kTime];
  row.at = table_.place(kTime);
  row.series = series_named(series_name());
  row.value = value_of(table_[kValue]);
  row.key = key_of(row.time, row.series);
  rows_.push_back(std::move(row));
}

std::string Reader::series_name() const {
  if (!has_panes_) return std::string(table_[kSeries]);
  return fmt::format("{};{};{}", table_[kSeries], table_[kKey], table_[kMeasure]);
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
  if (time.empty()) {
    table_.problem(kTime, "the {} is missing", time_name_);
    return std::nullopt;
  }
  if (!scale_) scale_.emplace(options_.successive ? TimeKind::kLabel : kind_of_time(time));
  const auto key = scale_->key_of(time);
  if (!key.ok()) {
    table_.problem(kTime, "{} '{}' {}", time_name_, time, message_of(key.status()));
    return std::nullopt;
  }
  std::optional<double>& last = last_key_[series];
  const std::string whose =
      csv_.has_series_column ? fmt::format(" of series '{}'", csv_.table.series[series].name) : "";
  if (last && *key == *last) {
    table_.problem(kTime, "{} {}{} is repeated", time_name_, time, whose);
    return std::nullopt;
  }
  if (last && *key < *last) {
    const char* const fault = scale_->kind() == TimeKind::kLabel ? "is repeated, or out of order"
                                                                 : "comes after a later one";
    table_.problem(kTime, "{} {}{} {}", time_name_, time, whose, fault);
    return std::nullopt;
  }
  last = *key;
  return *key;
}

// Months are not evenly many days apart.
void Reader::count_in_months() {
  std::vector<std::optional<double>*> keys;
  for (ReadRow& row : rows_) keys.push_back(&row.key);
  scale_->count_in_months(keys);
}

absl::Status Reader::lay() {
  if (!scale_) scale_.emplace(TimeKind::kLabel);  // no row has a time
  double step = 0;
  if (options_.step.empty()) {
    count_in_months();
  } else {
    const auto given = scale_->step_of(options_.step);
    if (!given.ok()) return invalid_argument("--step: {}", message_of(given.status()));
    step = *given;
  }
  double least = std::numeric_limits<double>::infinity();
  std::vector<double> keys;
  std::vector<std::optional<double>> last(csv_.table.series.size());
  for (const ReadRow& row : rows_) {
    if (!row.key) continue;
    keys.push_back(*row.key);
    if (last[row.series]) least = std::min(least, *row.key - *last[row.series]);
    last[row.series] = row.key;
  }
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  if (step > 0 && !keys.empty()) {
    const double first = keys.front();
    keep_to_step(first, step);
    std::erase_if(keys, [&](double key) { return !is_on_step(key, first, step); });
  }
  const std::string span = keys.empty() || scale_->kind() == TimeKind::kLabel
                               ? ""
                               : fmt::format("from {} to {} ", scale_->time_of(keys.front()),
                                             scale_->time_of(keys.back()));
  auto grid = lay_grid(std::move(keys), least, step, *scale_, SeriesCsv::kMaxWindows);
  if (!grid.ok()) {
    return invalid_argument("{}: {}{}; --step sets them, --successive takes rows as they come",
                            options_.file, span, message_of(grid.status()));
  }
  grid_ = *std::move(grid);
  return absl::OkStatus();
}

void Reader::keep_to_step(double first, double step) {
  for (ReadRow& row : rows_) {
    if (!row.key || is_on_step(*row.key, first, step)) continue;
    problems_.add(options_.file, row.at, "{} {} is no whole number of steps of {} from {}",
                  time_name_, row.time, options_.step, scale_->time_of(first));
    row.key.reset();
  }
}

absl::Status Reader::check_size() const {
  const std::size_t series = csv_.table.series.size();
  if (grid_.keys.size() <= SeriesCsv::kMaxValues / series) return absl::OkStatus();
  return invalid_argument(
      "{}: {} windows of each of {} series are more than {} values; give fewer series at a time",
      options_.file, grid_.keys.size(), series, SeriesCsv::kMaxValues);
}

// As the first row of each writes it; one that no row names as its time is written.
void Reader::name_windows() {
  methods::SeriesTable& table = csv_.table;
  table.times.resize(grid_.keys.size());
  for (const ReadRow& row : rows_) {
    if (!row.key) continue;
    std::string& time = table.times[grid_.window_of(*row.key)];
    if (time.empty()) time = row.time;
  }
  for (std::size_t i = 0; i < grid_.keys.size(); ++i) {
    if (table.times[i].empty()) table.times[i] = scale_->time_of(grid_.keys[i]);
    if (const auto day = scale_->day_of(grid_.keys[i])) table.days.push_back(*day);
  }
  if (table.days.size() != table.times.size()) table.days.clear();
}

void Reader::place_rows() {
  std::vector<methods::SeriesTable::Series>& series = csv_.table.series;
  const std::size_t windows = grid_.keys.size();
  for (methods::SeriesTable::Series& one : series) one.values.resize(windows);
  std::vector<std::optional<std::size_t>> last(series.size());
  for (const ReadRow& row : rows_) {
    if (!row.key) {
      csv_.rows.push_back({row.time, row.series, SeriesCsv::kNone});
      continue;
    }
    const std::size_t window = grid_.window_of(*row.key);
    const std::size_t next = last[row.series] ? *last[row.series] + 1 : 0;
    if (window < next) {  // two on the same step, as near as steps are told apart
      problems_.add(options_.file, row.at, "{} {} is repeated", time_name_, row.time);
      csv_.rows.push_back({row.time, row.series, SeriesCsv::kNone});
      continue;
    }
    if (next < window && (last[row.series] || options_.zeros)) {
      if (!options_.zeros) report_missing(row, next, window);
      place_missing(row.series, next, window);
    }
    last[row.series] = window;
    series[row.series].values[window] = row.value;
    csv_.rows.push_back({row.time, row.series, window});
  }
  if (!options_.zeros) return;
  for (std::size_t i = 0; i < series.size(); ++i) {
    place_missing(i, last[i] ? *last[i] + 1 : 0, windows);
  }
}

void Reader::place_missing(std::size_t series, std::size_t from, std::size_t to) {
  for (std::size_t window = from; window < to; ++window) {
    if (options_.zeros) csv_.table.series[series].values[window] = 0;
    csv_.rows.push_back({csv_.table.times[window], series, window});
  }
}

void Reader::report_missing(const ReadRow& row, std::size_t from, std::size_t to) {
  const std::vector<std::string>& times = csv_.table.times;
  const std::string span =
      to - from == 1 ? times[from] : fmt::format("{} to {}", times[from], times[to - 1]);
  problems_.add(options_.file, row.at, "{} {} before this row: {} {}",
                to - from == 1 ? "a row" : fmt::format("{} rows", to - from),
                to - from == 1 ? "is missing" : "are missing", time_name_, span);
  rows_are_missing_ = true;
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

}  // namespace surgewatch::files
