#include "files/pane_csv.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/series_key.h"
#include "base/status.h"
#include "config/csv.h"

namespace surgewatch::files {
namespace {

// Rows are sorted as text, so that any tool's sort agrees.
struct Row {
  std::string key;
  std::string_view measure;
  std::int64_t value = 0;

  auto operator<=>(const Row&) const = default;
};

bool is_zero(const config::Series& series, const MeasureValues& values) {
  return std::ranges::all_of(series.measures,
                             [&](Measure measure) { return values[measure] == 0; });
}

class Writer {
 public:
  Writer(const config::Config& config, TextOutput* output) : config_(config), output_(*output) {}

  // Before anything is taken.
  void want_zeros(const detect::Detector& detector);
  void take(const detect::ClosedPane& pane);
  absl::Status finish();

 private:
  struct Place {
    std::size_t series;
    PaneIndex pane;
    bool operator==(const Place&) const = default;
  };

  // Gives the rows gathered to the output, and the panes without any up to `next`.
  void write_until(std::optional<Place> next);
  void write_rows(Place place);
  void add_rows(const config::Series& series, const std::string& key, const MeasureValues& values);

  const config::Config& config_;
  TextOutput& output_;
  bool zeros_ = false;
  std::map<std::size_t, std::set<std::string>> keys_;  // by series, if zeros are wanted
  std::optional<Place> current_;
  std::map<std::string, MeasureValues> gathered_;  // of the current pane, by key
  std::vector<Row> rows_;
  absl::Status status_;
};

void Writer::want_zeros(const detect::Detector& detector) {
  zeros_ = true;
  detector.for_each_pane([this](const detect::ClosedPane& pane) {
    const config::Series& series = config_.series[pane.series];
    if (is_zero(series, pane.values)) return;
    keys_[pane.series].insert(pane_key(series, pane.key));
  });
}

void Writer::take(const detect::ClosedPane& pane) {
  const config::Series& series = config_.series[pane.series];
  if (is_zero(series, pane.values)) return;
  const Place here{pane.series, pane.pane};
  if (current_ != here) write_until(here);
  gathered_.emplace(pane_key(series, pane.key), pane.values);
}

absl::Status Writer::finish() {
  write_until(std::nullopt);
  return status_;
}

void Writer::write_until(std::optional<Place> next) {
  if (current_) {
    write_rows(*current_);
    gathered_.clear();
    const bool same_series = next && next->series == current_->series;
    if (zeros_ && same_series) {
      for (PaneIndex pane = current_->pane + 1; pane < next->pane; ++pane) {
        write_rows({current_->series, pane});
      }
    }
  }
  current_ = next;
}

void Writer::write_rows(Place place) {
  const config::Series& series = config_.series[place.series];
  rows_.clear();
  for (const auto& [key, values] : gathered_) add_rows(series, key, values);
  if (zeros_) {
    for (const std::string& key : keys_.at(place.series)) {
      if (!gathered_.contains(key)) add_rows(series, key, MeasureValues{});
    }
  }
  std::sort(rows_.begin(), rows_.end());
  const std::string start = format_time(place.pane * series.pane_length);
  for (const Row& row : rows_) {
    if (!status_.ok()) return;
    status_ = output_.line(fmt::format("{},{},{},{},{}", series.name, start,
                                       config::csv_field(row.key), row.measure, row.value));
  }
}

void Writer::add_rows(const config::Series& series, const std::string& key,
                      const MeasureValues& values) {
  for (const Measure measure : series.measures) {
    if (!zeros_ && values[measure] == 0) continue;
    rows_.push_back({key, config::measure_name(series, measure), values[measure]});
  }
}

}  // namespace

std::string pane_key(const config::Series& series, const std::vector<std::string>& values) {
  std::string key;
  for (std::size_t i = 0; i < values.size(); ++i) {
    key += (i == 0 ? "" : ";") + key_part(config::dimension_name(series.group_by[i]), values[i]);
  }
  return key;
}

absl::Status write_panes(const config::Config& config, const detect::Detector& detector, bool zeros,
                         TextOutput* output) {
  SW_RETURN_IF_ERROR(output->line("series,pane_start,key,measure,value"));
  Writer writer(config, output);
  if (zeros) writer.want_zeros(detector);
  detector.for_each_pane([&](const detect::ClosedPane& pane) { writer.take(pane); });
  return writer.finish();
}

}  // namespace surgewatch::files
