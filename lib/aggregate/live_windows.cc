#include "aggregate/live_windows.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>

#include "aggregate/measures_wire.h"
#include "base/proto_time.h"
#include "base/status.h"
#include "window/pane_tree.h"
#include "window/reads.h"

namespace surgewatch::aggregate {
namespace {

using Values = std::vector<std::string>;

// A key in one source.
struct Place {
  std::size_t source = 0;
  window::SlotId slot = window::kNoSlot;
  std::uint32_t generation = 0;
};
// By the values of all dimensions: the same key in several sources counts once.
using Keys = std::map<Values, std::vector<Place>>;

// A window of measures is one of each of them.
template <typename Combine>
struct EachMeasure {
  using Value = WideMeasures;
  static Value identity() {
    Value value;
    value.values.fill(Combine::identity());
    return value;
  }
  static Value combine(const Value& a, const Value& b) {
    Value value;
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      value.values[i] = Combine::combine(a.values[i], b.values[i]);
    }
    return value;
  }
};

// "2:SG6:Hopper": texts may hold any character.
std::string to_token(const Values& values) {
  std::string token;
  for (const std::string& value : values) token += fmt::format("{}:{}", value.size(), value);
  return token;
}

absl::StatusOr<Values> from_token(std::string_view token, std::size_t count) {
  Values values;
  while (!token.empty() && values.size() < count) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), size);
    const auto read = static_cast<std::size_t>(end - token.data());
    if (error != std::errc{} || read == token.size() || token[read] != ':' ||
        size > token.size() - read - 1) {
      break;
    }
    values.emplace_back(token.substr(read + 1, size));
    token.remove_prefix(read + 1 + size);
  }
  if (!token.empty() || values.size() != count) {
    return invalid_argument(
        "page_token: not one for these parameters; pass next_page_token as it came");
  }
  return values;
}

// Only what the series measures.
void set_measured(const WideMeasures& values, const std::vector<Measure>& measured,
                  v1::Measures* out) {
  WideMeasures shown;
  for (const Measure measure : measured) {
    shown.values[static_cast<std::size_t>(measure)] = values[measure];
  }
  set_measures(shown, out);
}

void set_bounded_time(Micros time, google::protobuf::Timestamp* out) {
  set_time(std::clamp(time, kMinTime, kMaxTime), out);
}

class Answer {
 public:
  Answer(const config::Config& config, std::span<const LiveSource> sources, const LiveQuery& query)
      : config_(config), series_(config.series.at(query.series)), query_(query) {
    for (const LiveSource& source : sources) {
      if (source.id.topic == series_.event) sources_.push_back(source);
    }
    std::ranges::sort(sources_, {}, &LiveSource::id);
    for (std::size_t i = 0; i < query.series; ++i) {
      series_in_window_ += config.series[i].event == series_.event ? 1 : 0;
    }
  }

  absl::StatusOr<v1::LiveWindows> make();

 private:
  absl::Status check() const;
  absl::Status place_windows();
  void describe();
  absl::Status select();
  absl::Status check_reads() const;
  void add_row(const Values& subject, const Keys& keys);
  void read_key(const std::vector<Place>& places);
  void mark_complete();

  const config::Config& config_;
  const config::Series& series_;
  const LiveQuery& query_;
  std::vector<LiveSource> sources_;
  std::uint32_t series_in_window_ = 0;  // windows know the series of their topic
  v1::LiveWindows answer_;

  std::optional<PaneIndex> newest_;  // that an event has been seen in
  Micros watermark_ = INT64_MAX;     // of all sources
  bool has_windows_ = false;
  PaneIndex first_ = 0, last_ = -1;  // panes of all windows
  std::map<Values, Keys> subjects_;  // of this page, and perhaps one beyond

  // Of the row at hand, by pane from first_ on.
  std::vector<WideMeasures> sums_;
  std::vector<std::uint8_t> touched_;  // by the key at hand
};

absl::StatusOr<v1::LiveWindows> Answer::make() {
  SW_RETURN_IF_ERROR(check());
  describe();
  SW_RETURN_IF_ERROR(place_windows());
  if (!has_windows_) return std::move(answer_);
  SW_RETURN_IF_ERROR(select());
  const bool has_more = static_cast<std::int64_t>(subjects_.size()) > query_.rows;
  if (has_more) subjects_.erase(std::prev(subjects_.end()));
  SW_RETURN_IF_ERROR(check_reads());
  for (const auto& [subject, keys] : subjects_) add_row(subject, keys);
  if (has_more) answer_.set_next_page_token(to_token(std::prev(subjects_.end())->first));
  mark_complete();
  return std::move(answer_);
}

absl::Status Answer::check() const {
  const auto in_range = [](std::string_view name, std::int64_t value, std::int64_t most) {
    if (value >= 1 && value <= most) return absl::OkStatus();
    return invalid_argument("{}: {} is not from 1 to {}", name, value, most);
  };
  SW_RETURN_IF_ERROR(in_range("window (in panes)", query_.window, kMaxLivePanes));
  SW_RETURN_IF_ERROR(in_range("step (in panes)", query_.step, kMaxLivePanes));
  SW_RETURN_IF_ERROR(in_range("windows", query_.windows, kMaxLiveWindows));
  SW_RETURN_IF_ERROR(in_range("limit", query_.rows, kMaxLiveFigures));
  const std::int64_t panes = (query_.windows - 1) * query_.step + query_.window;
  if (panes > kMaxLivePanes) {
    return invalid_argument(
        "windows: {} of them reach over {} panes of {}, more than {}; ask for fewer, or in several "
        "requests with an `end` each",
        query_.windows, panes, format_duration(series_.pane_length), kMaxLivePanes);
  }
  if (query_.rows * query_.windows > kMaxLiveFigures) {
    return invalid_argument(
        "limit: {} rows of {} windows are more than {} figures; ask for at most {} rows and turn "
        "pages with page_token",
        query_.rows, query_.windows, kMaxLiveFigures, kMaxLiveFigures / query_.windows);
  }
  return absl::OkStatus();
}

// Progress first: what is read later reflects it.
void Answer::describe() {
  answer_.set_series(series_.name);
  answer_.set_window(format_duration(query_.window * series_.pane_length));
  answer_.set_step(format_duration(query_.step * series_.pane_length));
  answer_.set_pane(format_duration(series_.pane_length));
  for (const std::size_t position : query_.per) {
    answer_.add_per(std::string(config::dimension_name(series_.group_by[position])));
  }
  if (sources_.empty()) watermark_ = INT64_MIN;
  for (const LiveSource& source : sources_) {
    const window::Progress progress = source.panes->progress();
    v1::LiveSource* out = answer_.add_sources();
    out->set_topic(std::string(topic_name(source.id.topic)));
    out->set_partition(source.id.partition);
    out->set_next_offset(progress.next_offset);
    out->set_caught_up(source.caught_up);
    watermark_ = std::min(watermark_, progress.watermark.value_or(INT64_MIN));
    if (!progress.watermark) continue;
    set_bounded_time(*progress.watermark, out->mutable_watermark());
    const PaneIndex pane =
        pane_of(*progress.watermark + config_.event_time.out_of_orderness, series_.pane_length);
    newest_ = std::max(newest_.value_or(pane), pane);
  }
}

absl::Status Answer::place_windows() {
  const auto shape = window::WindowShape::hopping(query_.window, query_.step);
  PaneIndex begin = 0;
  if (query_.end) {
    begin = shape.begin_of_last(pane_of(*query_.end, series_.pane_length) - 1);
  } else if (newest_) {
    begin = shape.begin_of_last(*newest_ + query_.step - 1);
  } else {
    return absl::OkStatus();
  }
  has_windows_ = true;
  last_ = begin + query_.window - 1;
  first_ = begin - (query_.windows - 1) * query_.step;
  if (first_ < floor_div(kMinTime, series_.pane_length)) {
    return invalid_argument("end: the first of the windows would begin before the year 1");
  }
  for (std::int64_t i = 0; i < query_.windows; ++i) {
    v1::LiveWindow* out = answer_.add_windows();
    const Micros start = (first_ + i * query_.step) * series_.pane_length;
    const Micros end = start + query_.window * series_.pane_length;
    set_bounded_time(start, out->mutable_start());
    set_bounded_time(end, out->mutable_end());
    out->set_closed(watermark_ >= end);
  }
  return absl::OkStatus();
}

// The keys of the page: the smallest subjects beyond the token, and one more to know of a next
// page.
absl::Status Answer::select() {
  std::optional<Values> after;
  if (!query_.page_token.empty()) {
    SW_ASSIGN_OR_RETURN(after, from_token(query_.page_token, query_.per.size()));
  }
  window::Reads::Key key;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const window::Reads& panes = *sources_[i].panes;
    const std::uint32_t count = panes.slot_count();
    for (window::SlotId slot = 0; slot < count; ++slot) {
      if (!panes.read_key(slot, &key) || key.series != series_in_window_) continue;
      bool is_asked = true;
      for (std::size_t d = 0; d < query_.key.size(); ++d) {
        is_asked &= !query_.key[d] || *query_.key[d] == key.values[d];
      }
      if (!is_asked) continue;
      Values subject;
      for (const std::size_t position : query_.per) subject.push_back(key.values[position]);
      if (after && subject <= *after) continue;
      subjects_[std::move(subject)][key.values].push_back({i, slot, key.generation});
      if (static_cast<std::int64_t>(subjects_.size()) > query_.rows + 1) {
        subjects_.erase(std::prev(subjects_.end()));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Answer::check_reads() const {
  std::int64_t places = 0;
  for (const auto& [subject, keys] : subjects_) {
    for (const auto& [values, at] : keys) places += static_cast<std::int64_t>(at.size());
  }
  if (const std::int64_t reads = places * (last_ - first_ + 1); reads > kMaxLiveReads) {
    return invalid_argument(
        "limit: {} panes of each of {} keys (a key counts in each source) are {} reads, more than "
        "{}; ask for fewer rows, fewer or shorter windows, or a value of a dimension",
        last_ - first_ + 1, places, reads, kMaxLiveReads);
  }
  return absl::OkStatus();
}

void Answer::add_row(const Values& subject, const Keys& keys) {
  v1::LiveRow* row = answer_.add_rows();
  for (std::size_t i = 0; i < subject.size(); ++i) {
    const auto dimension = config::dimension_name(series_.group_by[query_.per[i]]);
    (*row->mutable_key())[std::string(dimension)] = subject[i];
  }
  const auto panes = static_cast<std::size_t>(last_ - first_ + 1);
  const auto windows = static_cast<std::size_t>(query_.windows);
  sums_.assign(panes, {});
  std::vector<std::int64_t> keys_in(windows);
  for (const auto& [values, places] : keys) {
    touched_.assign(panes, 0);
    read_key(places);
    // How many of the panes up to here the key has touched, and so whether any within a window.
    std::vector<std::size_t> before(panes + 1);
    for (std::size_t i = 0; i < panes; ++i) before[i + 1] = before[i] + touched_[i];
    for (std::size_t i = 0; i < windows; ++i) {
      const std::size_t begin = i * static_cast<std::size_t>(query_.step);
      keys_in[i] += before[begin + static_cast<std::size_t>(query_.window)] > before[begin] ? 1 : 0;
    }
  }
  const window::PaneTree<EachMeasure<window::Sum>> sum(first_, sums_);
  const window::PaneTree<EachMeasure<window::Max>> max(first_, sums_);
  for (std::size_t i = 0; i < windows; ++i) {
    const PaneIndex begin = first_ + static_cast<std::int64_t>(i) * query_.step;
    const PaneIndex end = begin + query_.window - 1;
    v1::LiveFigures* out = row->add_windows();
    set_measured(sum.aggregate(begin, end), series_.measures, out->mutable_sum());
    set_measured(max.aggregate(begin, end), series_.measures, out->mutable_max());
    out->set_keys(keys_in[i]);
  }
}

// Adds to sums_ and touched_.
void Answer::read_key(const std::vector<Place>& places) {
  // Outliers may be anywhere ahead of the watermark.
  const bool has_end = newest_ && config_.event_time.outliers == 0;
  const PaneIndex newest = has_end ? std::min(last_, *newest_) : last_;
  for (const Place& place : places) {
    const window::Reads& panes = *sources_[place.source].panes;
    const PaneIndex oldest = std::max(first_, panes.kept_from(series_.pane_length));
    for (PaneIndex pane = oldest; pane <= newest; ++pane) {
      window::PaneSnapshot snapshot;
      WideMeasures exact;
      if (!panes.read(place.slot, place.generation, pane, &snapshot, &exact)) continue;
      const auto at = static_cast<std::size_t>(pane - first_);
      sums_[at].add(exact);
      if (exact != WideMeasures{}) touched_[at] = 1;
    }
  }
}

// After all reads: a pane that was missed because it has left began before this.
void Answer::mark_complete() {
  PaneIndex kept_from = INT64_MIN;
  for (const LiveSource& source : sources_) {
    kept_from = std::max(kept_from, source.panes->kept_from(series_.pane_length));
  }
  if (kept_from != INT64_MIN) {
    set_bounded_time(kept_from * series_.pane_length, answer_.mutable_kept_from());
  }
  for (std::int64_t i = 0; i < query_.windows; ++i) {
    answer_.mutable_windows(static_cast<int>(i))
        ->set_complete(first_ + i * query_.step >= kept_from);
  }
}

}  // namespace

absl::StatusOr<v1::LiveWindows> live_windows(const config::Config& config,
                                             std::span<const LiveSource> sources,
                                             const LiveQuery& query) {
  return Answer(config, sources, query).make();
}

}  // namespace surgewatch::aggregate
