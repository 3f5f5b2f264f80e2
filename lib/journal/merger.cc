#include "journal/merger.h"

#include <algorithm>
#include <utility>

namespace surgewatch::journal {
namespace {

constexpr std::int64_t kMaxHigh = std::int64_t{1} << 56;

// False if they contradict the schema.
bool read_values(const v1::Measures& measures, WideMeasures* values) {
  MeasureValues narrow;
  narrow[Measure::kDocuments] = measures.documents();
  narrow[Measure::kUnits] = measures.units();
  narrow[Measure::kChips] = measures.chips();
  narrow[Measure::kRevenueUsd] = measures.revenue_usd_micros();
  narrow[Measure::kTpp] = measures.tpp();
  *values = narrow;
  if (measures.exact_size() == 0) return true;
  if (measures.exact_size() != static_cast<int>(kMeasureCount)) return false;
  for (std::size_t i = 0; i < kMeasureCount; ++i) {
    const v1::WideSum& sum = measures.exact(static_cast<int>(i));
    // A source would need 2^56 contributions for more; and sums of sums keep room.
    if (sum.high() >= kMaxHigh || sum.high() < -kMaxHigh) return false;
    values->values[i] =
        static_cast<WideMeasures::Sum>(sum.high()) * (WideMeasures::Sum{1} << 64) + sum.low();
  }
  return true;
}

Largest largest_of(const v1::PaneUpdate& update) {
  return update.has_largest_document() ? Largest::decoded(update.largest_document())
                                       : Largest::nothing_known();
}

std::optional<Topic> topic_from_name(std::string_view name) {
  for (const Topic topic : {Topic::kInvoices, Topic::kShipments}) {
    if (topic_name(topic) == name) return topic;
  }
  return std::nullopt;
}

// Keys may hold any bytes, so each value goes in with its length.
template <typename Key>
void encode_key(const Key& key, std::string* bytes) {
  bytes->clear();
  for (const std::string& value : key) {
    const auto size = static_cast<std::uint32_t>(value.size());
    bytes->append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes->append(value);
  }
}

}  // namespace

Merger::Merger(std::shared_ptr<const config::Config> config) : config_(std::move(config)) {
  series_.resize(config_->series.size());
  for (std::size_t i = 0; i < series_.size(); ++i) {
    const config::Series& series = config_->series[i];
    series_[i].pane_length = series.pane_length;
    series_[i].first_pane = pane_of(kMinEventTime, series.pane_length);
    series_[i].last_pane = pane_of(kMaxEventTime, series.pane_length);
    series_[i].largest_of = series.largest_document;
    series_by_name_[series.name] = i;
  }
}

std::span<const Change> Merger::apply(const v1::JournalRecord& record) {
  changes_.clear();
  if (record.kind_case() == v1::JournalRecord::kTopology) {
    apply_topology(record.topology());
    return changes_;
  }
  const std::optional<SourceId> source = source_of(record);
  if (!source.has_value() || record.kind_case() == v1::JournalRecord::KIND_NOT_SET) {
    ++stats_.malformed;
    return changes_;
  }
  state_of(*source);
  watermarks_.add_source(*source);
  switch (record.kind_case()) {
    case v1::JournalRecord::kPanes:
      apply_panes(*source, record.panes());
      break;
    case v1::JournalRecord::kProgress:
      apply_progress(*source, record.progress());
      break;
    case v1::JournalRecord::kIdle:
      if (!watermarks_.mark_idle(*source, record.idle().idle(), record.idle().owner_epoch())) {
        ++stats_.ignored_idle_marks;
      }
      break;
    default:
      break;
  }
  return changes_;
}

std::optional<SourceId> Merger::source_of(const v1::JournalRecord& record) {
  const std::optional<Topic> topic = topic_from_name(record.source().topic());
  const std::int32_t partition = record.source().partition();
  if (!topic.has_value() || partition < 0 || partition >= kMaxPartitions) return std::nullopt;
  return SourceId{*topic, partition};
}

Merger::SourceState& Merger::state_of(SourceId source) {
  SourceState& state = sources_[source];
  if (state.series.empty()) state.series.resize(series_.size());
  return state;
}

void Merger::apply_topology(const v1::Topology& topology) {
  for (const v1::Topology::Topic& topic : topology.topics()) {
    const std::optional<Topic> known = topic_from_name(topic.name());
    if (!known.has_value() || topic.partitions() < 0 || topic.partitions() > kMaxPartitions) {
      ++stats_.malformed;
      continue;
    }
    watermarks_.add_partitions(*known, topic.partitions());
  }
}

void Merger::apply_progress(SourceId source, const v1::Progress& progress) {
  SourceState& state = sources_[source];
  if (progress.next_offset() < state.progress_offset) return;
  state.progress_offset = progress.next_offset();
  if (progress.has_watermark_micros()) {
    const Micros watermark =
        std::clamp<Micros>(progress.watermark_micros(), kMinEventTime, kMaxEventTime);
    state.watermark = std::max(state.watermark, watermark);
    watermarks_.advance(source, watermark);
  }
  if (progress.ended()) watermarks_.end(source);

  const config::EventTimeBounds& bounds = config_->event_time;
  for (std::size_t i = 0; i < series_.size(); ++i) {
    if (state.watermark == INT64_MIN) break;
    const Micros length = series_[i].pane_length;
    const Micros retained =
        kRetentionFactor * (bounds.allowed_lateness + bounds.out_of_orderness + length);
    Parts& parts = state.series[i];
    const PaneIndex kept_from = pane_of(state.watermark - retained, length);
    if (kept_from <= parts.kept_from) continue;
    let_go(i, &parts, kept_from);
  }
}

void Merger::let_go(std::size_t series, Parts* parts, PaneIndex kept_from) {
  parts->kept_from = kept_from;
  const auto end = parts->panes.lower_bound(kept_from);
  SeriesState& state = series_[series];
  if (state.largest_of.has_value()) {
    for (auto it = parts->panes.lower_bound(state.forgotten_before); it != end; ++it) {
      for (const auto& [key, part] : it->second) {
        state.largest[key].at(it->first).settled.merge(part.largest);
      }
    }
  }
  parts->panes.erase(parts->panes.begin(), end);
}

void Merger::apply_panes(SourceId source, const v1::PaneBatch& batch) {
  SourceState& state = sources_[source];
  stats_.pane_updates += static_cast<std::uint64_t>(batch.updates_size());
  stats_.corrections += static_cast<std::uint64_t>(batch.corrections_size());
  if (batch.next_offset() < state.progress_offset) {
    stats_.stale_updates += static_cast<std::uint64_t>(batch.updates_size());
    stats_.stale_corrections += static_cast<std::uint64_t>(batch.corrections_size());
    return;
  }

  batch_series_.clear();
  for (const v1::SeriesRef& ref : batch.series()) {
    const auto found = series_by_name_.find(ref.name());
    const bool same = found != series_by_name_.end() &&
                      config_->series[found->second].definition == ref.definition();
    batch_series_.push_back(same ? std::optional<std::size_t>(found->second) : std::nullopt);
  }

  for (const v1::PaneUpdate& update : batch.updates()) {
    apply_update(source, &state, batch.next_offset(), update);
  }

  for (const v1::PaneCorrection& correction : batch.corrections()) {
    const std::pair at{correction.offset(), correction.part()};
    if (at <= state.corrected_to) {
      ++stats_.stale_corrections;
      continue;
    }
    state.corrected_to = at;
    apply_correction(source, correction);
  }
}

template <typename Record>
std::optional<std::size_t> Merger::series_of(SourceId source, const Record& record) {
  if (record.series() >= batch_series_.size()) {
    ++stats_.malformed;
    return std::nullopt;
  }
  const std::optional<std::size_t> index = batch_series_[record.series()];
  if (!index.has_value()) {
    ++stats_.unknown_series;
    return std::nullopt;
  }
  const SeriesState& series = series_[*index];
  const config::Series& definition = config_->series[*index];
  if (definition.event != source.topic ||
      static_cast<std::size_t>(record.key_size()) != definition.group_by.size() ||
      record.pane_index() < series.first_pane || record.pane_index() > series.last_pane) {
    ++stats_.malformed;
    return std::nullopt;
  }
  return index;
}

void Merger::apply_update(SourceId source, SourceState* state, std::int64_t stamp,
                          const v1::PaneUpdate& update) {
  const std::optional<std::size_t> series = series_of(source, update);
  if (!series.has_value()) return;
  Parts& parts = state->series[*series];
  if (update.pane_index() < parts.kept_from) {
    ++stats_.unmergeable;
    return;
  }
  WideMeasures values;
  if (!read_values(update.measures(), &values)) {
    ++stats_.malformed;
    return;
  }
  const KeyId key = intern(&series_[*series], update.key());
  Contribution& part = parts.panes[update.pane_index()][key];
  const bool keeps_largest = series_[*series].largest_of.has_value();
  const bool is_same =
      values == part.values && (!keeps_largest || largest_of(update) == part.largest);
  if (stamp < part.stamp || (stamp == part.stamp && is_same)) {
    ++stats_.stale_updates;
    return;
  }
  part.stamp = stamp;
  update_largest(*series, key, update.pane_index(), update, &part);
  if (values == part.values) return;
  const WideMeasures before = std::exchange(part.values, values);
  move(source, *series, key, update.pane_index(), before, values);
}

void Merger::apply_correction(SourceId source, const v1::PaneCorrection& correction) {
  const std::optional<std::size_t> series = series_of(source, correction);
  if (!series.has_value()) return;
  WideMeasures values;
  if (!read_values(correction.measures(), &values)) {
    ++stats_.malformed;
    return;
  }
  SeriesState& state = series_[*series];
  const KeyId key = intern(&state, correction.key());
  if (state.largest_of.has_value() && correction.pane_index() >= state.forgotten_before) {
    // What is positive is a credit note that was taken out.
    const std::int64_t taken = -std::max(values.saturated()[*state.largest_of], -INT64_MAX);
    std::int64_t& most = state.largest[key].at(correction.pane_index()).taken;
    most = std::max(most, taken);
  }
  move(source, *series, key, correction.pane_index(), WideMeasures{}, values);
}

// The parts that sources have let go of are in `settled`: with those that are left, that is all.
void Merger::update_largest(std::size_t series, KeyId key, PaneIndex pane,
                            const v1::PaneUpdate& update, Contribution* part) {
  SeriesState& state = series_[series];
  if (!state.largest_of.has_value() || pane < state.forgotten_before) return;
  const Largest before = std::exchange(part->largest, largest_of(update));
  LargestLog::Entry& entry = state.largest[key].at(pane);
  if (part->largest.known >= before.known && part->largest.bound >= before.bound) {
    entry.newest.merge(part->largest);
    return;
  }
  entry.newest = entry.settled;
  for (const auto& [source, its] : sources_) {
    const auto parts = its.series[series].panes.find(pane);
    if (parts == its.series[series].panes.end()) continue;
    const auto found = parts->second.find(key);
    if (found != parts->second.end()) entry.newest.merge(found->second.largest);
  }
}

template <typename Key>
KeyId Merger::intern(SeriesState* series, const Key& key) {
  encode_key(key, &key_bytes_);
  if (const auto found = series->ids.find(key_bytes_); found != series->ids.end()) {
    return found->second;
  }
  const auto id = static_cast<KeyId>(series->keys.size());
  series->ids.emplace(key_bytes_, id);
  series->keys.emplace_back(key.begin(), key.end());
  series->logs.emplace_back();
  if (series->largest_of.has_value()) series->largest.emplace_back();
  return id;
}

void Merger::move(SourceId source, std::size_t series, KeyId key, PaneIndex pane,
                  const WideMeasures& before, const WideMeasures& after) {
  SeriesState& state = series_[series];
  const std::optional<Micros> passed = watermarks_.passed(source.topic);
  const Micros final_at = (pane + 1) * state.pane_length + config_->event_time.allowed_lateness;
  if (passed.has_value() && final_at <= *passed) ++stats_.reopened_panes;
  if (pane >= state.forgotten_before && !state.logs[key].move(pane, before, after)) {
    ++stats_.overflows;
  }
  changes_.push_back({static_cast<std::uint32_t>(series), key, pane, before, after});
}

void Merger::forget_before(std::size_t series, PaneIndex pane) {
  SeriesState& state = series_[series];
  if (pane <= state.forgotten_before) return;
  state.forgotten_before = pane;
  for (PaneLog& log : state.logs) log.forget_before(pane);
  for (LargestLog& log : state.largest) log.forget_before(pane);
}

}  // namespace surgewatch::journal
