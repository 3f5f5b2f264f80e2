#include "journal/generation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/at_most.h"

namespace surgewatch::journal {
namespace {

// A pane would need 2^33 documents of the largest amount that 64 bits can hold for more. Of so many
// panes as are ever kept the sum fits 128 bits.
constexpr std::int64_t kMaxHigh = std::int64_t{1} << 32;

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

}  // namespace

Generation::Generation(std::string name, std::shared_ptr<const config::Config> config,
                       std::vector<std::unique_ptr<KeyTable>>* keys, MergeStats* stats)
    : name_(std::move(name)), config_(std::move(config)), keys_(keys), stats_(*stats) {
  series_.resize(config_->series.size());
  for (std::size_t i = 0; i < series_.size(); ++i) {
    const config::Series& series = config_->series[i];
    series_[i].pane_length = series.pane_length;
    series_[i].first_pane = pane_of(kMinEventTime, series.pane_length);
    series_[i].last_pane = pane_of(kMaxEventTime, series.pane_length);
    series_[i].columns = series.measures;
    if (series.measures.empty()) {
      for (std::size_t m = 0; m < kMeasureCount; ++m) {
        series_[i].columns.push_back(static_cast<Measure>(m));
      }
    }
    series_[i].largest_of = series.largest_document;
    series_by_name_[series.name] = i;
  }
}

void Generation::declare(Topic topic, const v1::Ownership& ownership) {
  if (reference_data_version.empty()) reference_data_version = ownership.reference_data_version();
  for (std::size_t i = 0; i < series_.size(); ++i) {
    const config::Series& series = config_->series[i];
    if (series.event != topic) continue;
    const auto same = [&](const v1::SeriesRef& ref) {
      return ref.name() == series.name && ref.definition() == series.definition;
    };
    series_[i].differs = std::ranges::none_of(ownership.series(), same);
  }
}

Generation::SourceState& Generation::state_of(SourceId source) {
  SourceState& state = sources_[source];
  if (state.series.empty()) state.series.resize(series_.size());
  return state;
}

// ---- partitions and progress -------------------------------------------------------------------

void Generation::say_partitions(SourceId source, const Partitions& partitions) {
  stated_[source] = partitions;
  for (const Topic topic : kInputTopics) {
    if (const auto now = this->partitions(topic)) watermarks_.set_partitions(topic, *now);
  }
}

void Generation::hear_of_partitions(const Partitions& partitions) {
  for (const Topic topic : kInputTopics) {
    if (this->partitions(topic).has_value()) continue;
    watermarks_.set_partitions(topic, partitions[static_cast<std::size_t>(topic)]);
  }
}

std::optional<std::int32_t> Generation::partitions(Topic topic) const {
  std::int32_t most = 0;
  for (const auto& [source, said] : stated_) {
    most = std::max(most, said[static_cast<std::size_t>(topic)]);
  }
  return most == 0 ? std::nullopt : std::optional<std::int32_t>(most);
}

void Generation::apply(SourceId source, const v1::JournalRecord& record,
                       std::vector<Change>* changes) {
  const v1::Progress& progress = record.progress();
  SourceState& state = state_of(source);
  if (progress.next_offset() < state.catches_up_to) return;
  if (state.catches_up_to > 0) take_held(source, &state, changes);
  const bool is_his_own = record.has_epoch() && state.progress_by == record.epoch();
  if (progress.next_offset() < state.progress_offset && !is_his_own) return;
  state.progress_offset = progress.next_offset();
  state.furthest = std::max(state.furthest, progress.next_offset());
  state.progress_by =
      record.has_epoch() ? std::optional<std::int64_t>(record.epoch()) : std::nullopt;
  if (source.topic == Topic::kOrders) {
    state.reached = {progress.pair().invoices_next_offset(),
                     progress.pair().shipments_next_offset()};
    replace_former(source, &state, changes);
    return;
  }
  const auto in_range = [](Micros time) { return std::clamp(time, kMinEventTime, kMaxEventTime); };
  if (progress.has_watermark_micros()) {
    const Micros watermark = in_range(progress.watermark_micros());
    state.watermark = std::max(state.watermark, watermark);
    std::optional<Micros> first;
    if (progress.has_first_watermark_micros()) first = in_range(progress.first_watermark_micros());
    watermarks_.advance(source, watermark, first);
  }
  if (progress.ended()) watermarks_.end(source);

  const config::EventTimeBounds& bounds = config_->event_time;
  for (std::size_t i = 0; i < series_.size(); ++i) {
    if (state.watermark == INT64_MIN) break;
    const Micros length = series_[i].pane_length;
    const Micros retained = bounds.allowed_lateness + bounds.out_of_orderness + length;
    Parts& parts = state.series[i];
    const PaneIndex kept_from = pane_of(state.watermark - retained, length);
    if (kept_from <= parts.kept_from) continue;
    let_go(i, &parts, kept_from);
  }
}

void Generation::let_go(std::size_t series, Parts* parts, PaneIndex kept_from) {
  parts->kept_from = kept_from;
  const auto end = parts->panes.lower_bound(kept_from);
  const SeriesState& state = series_[series];
  for (auto it = parts->panes.begin(); it != end; ++it) {
    if (state.largest_of.has_value() && it->first >= state.forgotten_before) {
      for (const auto& [key, largest] : it->second.largest) {
        largest_of(series, keys(series).counts_as(key)).at(it->first).settled.merge(largest);
      }
    }
    for (const auto& [key, part] : it->second.parts) keys(series).unrefer(key);
  }
  parts->panes.erase(parts->panes.begin(), end);
  while (!parts->held.empty() && parts->held.begin()->first.first < kept_from) {
    keys(series).unrefer(parts->held.begin()->first.second);
    parts->held.erase(parts->held.begin());
  }
}

// ---- findings ----------------------------------------------------------------------------------

void Generation::apply(SourceId source, const v1::FindingBatch& batch,
                       std::vector<Refused>* refused) {
  SourceState& state = state_of(source);
  refused_ = refused;
  if (source.topic != Topic::kOrders) {
    refuse(source, Refusal::kSeriesMismatch, "findings, which only pairs have");
    return;
  }
  if (batch.next_offset() < state.progress_offset) return;
  read_series(batch.series());
  state.findings.resize(series_.size());
  for (const v1::OrderFinding& given : batch.findings()) {
    const std::optional<std::size_t> series = series_of(given, source);
    if (!series.has_value()) continue;
    if (given.first_time_micros() < kMinEventTime || given.first_time_micros() > kMaxEventTime) {
      refuse(source, Refusal::kImpossibleTime, "a finding");
      continue;
    }
    const auto is_text = [](const std::string& text) { return text.size() <= kMaxKeyTextBytes; };
    if (!is_text(given.order_id()) || !is_text(given.kind()) ||
        given.documents_size() > kMaxDocumentsNamed ||
        !std::ranges::all_of(given.documents(), is_text)) {
      refuse(source, Refusal::kKeyMismatch, "a finding with names that no order has");
      continue;
    }
    OrderFinding finding{.first_time = given.first_time_micros(),
                         .order_id = given.order_id(),
                         .key = {given.key().begin(), given.key().end()},
                         .kind = given.kind(),
                         .units = given.units(),
                         .chips = given.chips(),
                         .documents = {given.documents().begin(), given.documents().end()}};
    if (given.holds()) {
      state.findings[*series].put(std::move(finding));
    } else {
      state.findings[*series].erase(finding);
    }
  }
}

// ---- panes -------------------------------------------------------------------------------------

void Generation::apply(SourceId source, const v1::PaneBatch& batch, std::vector<Change>* changes,
                       std::vector<Refused>* refused) {
  SourceState& state = state_of(source);
  refused_ = refused;
  stats_.pane_updates += static_cast<std::uint64_t>(batch.updates_size());
  stats_.corrections += static_cast<std::uint64_t>(batch.corrections_size());
  if (batch.next_offset() < state.progress_offset && state.catches_up_to == 0) {
    stats_.stale_updates += static_cast<std::uint64_t>(batch.updates_size());
    stats_.stale_corrections += static_cast<std::uint64_t>(batch.corrections_size());
    return;
  }
  state.furthest = std::max(state.furthest, batch.next_offset());

  read_series(batch.series());
  for (const v1::PaneUpdate& update : batch.updates()) {
    apply_update(source, &state, batch.next_offset(), update, changes);
  }
  for (const v1::PaneCorrection& correction : batch.corrections()) {
    if (!is_offset(correction.offset())) {
      refuse(source, Refusal::kImpossibleOffset,
             fmt::format("a correction at offset {}", correction.offset()));
      continue;
    }
    const std::pair<std::int64_t, std::int64_t> place(correction.offset(), correction.part());
    if (place <= state.corrected) {
      ++stats_.stale_corrections;
      continue;
    }
    state.corrected = place;
    apply_correction(source, correction, changes);
  }
}

void Generation::read_series(const google::protobuf::RepeatedPtrField<v1::SeriesRef>& series) {
  batch_series_.clear();
  for (const v1::SeriesRef& ref : series) {
    const auto found = series_by_name_.find(ref.name());
    const bool same = found != series_by_name_.end() &&
                      config_->series[found->second].definition == ref.definition();
    batch_series_.push_back(same ? std::optional<std::size_t>(found->second) : std::nullopt);
  }
}

void Generation::refuse(SourceId source, Refusal reason, const std::string& what) {
  ++stats_.refused[reason];
  if (std::ranges::find(*refused_, reason, &Refused::reason) != refused_->end()) return;
  refused_->push_back(
      {reason, fmt::format("of {}/{}: {}", topic_name(source.topic), source.partition, what)});
}

template <typename Entry>
std::optional<std::size_t> Generation::series_of(const Entry& entry, SourceId source) {
  if (entry.series() >= batch_series_.size()) {
    refuse(source, Refusal::kSeriesMismatch,
           fmt::format("series {} of {}", entry.series(), batch_series_.size()));
    return std::nullopt;
  }
  const std::optional<std::size_t> found = batch_series_[entry.series()];
  if (!found.has_value()) {
    ++stats_.unknown_series;
    return std::nullopt;
  }
  const config::Series& definition = config_->series[*found];
  if (definition.event != source.topic) {
    refuse(source, Refusal::kSeriesMismatch, fmt::format("series '{}'", definition.name));
    return std::nullopt;
  }
  if (static_cast<std::size_t>(entry.key_size()) != definition.group_by.size()) {
    refuse(source, Refusal::kKeyMismatch,
           fmt::format("{} values for {} dimensions of series '{}'", entry.key_size(),
                       definition.group_by.size(), definition.name));
    return std::nullopt;
  }
  for (const std::string& text : entry.key()) {
    if (text.size() <= kMaxKeyTextBytes) continue;
    refuse(source, Refusal::kKeyMismatch,
           fmt::format("a value of {} bytes in series '{}'", text.size(), definition.name));
    return std::nullopt;
  }
  return found;
}

template <typename Entry>
std::optional<std::size_t> Generation::series_of_pane(const Entry& entry, SourceId source) {
  const std::optional<std::size_t> found = series_of(entry, source);
  if (!found.has_value()) return found;
  const SeriesState& series = series_[*found];
  if (entry.pane_index() >= series.first_pane && entry.pane_index() <= series.last_pane) {
    return found;
  }
  refuse(source, Refusal::kImpossibleTime,
         fmt::format("pane {} of series '{}'", entry.pane_index(), config_->series[*found].name));
  return std::nullopt;
}

void Generation::apply_update(SourceId source, SourceState* state, std::int64_t stamp,
                              const v1::PaneUpdate& update, std::vector<Change>* changes) {
  const std::optional<std::size_t> series = series_of_pane(update, source);
  if (!series.has_value()) return;
  Parts& parts = state->series[*series];
  if (update.pane_index() < parts.kept_from) {
    // A pair says even what nobody needs any more, and who catches up what was said before him.
    const bool is_known = source.topic == Topic::kOrders || stamp < state->catches_up_to;
    ++(is_known ? stats_.stale_updates : stats_.unmergeable);
    return;
  }
  Value value;
  if (!read_values(update.measures(), &value.measures)) {
    refuse(source, Refusal::kImpossibleSum, "an update");
    return;
  }
  if (series_[*series].largest_of.has_value()) value.largest = journal::largest_of(update);
  const KeyId key = intern(*series, update.key());
  const std::pair place(update.pane_index(), key);
  if (stamp < state->catches_up_to) {
    const auto [held, is_new] = parts.held.insert_or_assign(place, value);
    if (is_new) keys(*series).refer(key);
    return;
  }
  take(source, state, stamp, *series, update.pane_index(), key, value, changes);
  if (parts.held.erase(place) > 0) keys(*series).unrefer(key);
}

void Generation::take_held(SourceId source, SourceState* state, std::vector<Change>* changes) {
  const std::int64_t stamp = std::exchange(state->catches_up_to, 0);
  for (std::size_t series = 0; series < series_.size(); ++series) {
    for (const auto& [place, value] : state->series[series].held) {
      take(source, state, stamp, series, place.first, place.second, value, changes);
    }
    drop_held(series, &state->series[series]);
  }
}

void Generation::drop_held(std::size_t series, Parts* parts) {
  for (const auto& [place, value] : parts->held) keys(series).unrefer(place.second);
  parts->held.clear();
}

void Generation::take(SourceId source, SourceState* state, std::int64_t stamp, std::size_t series,
                      PaneIndex index, KeyId key, const Value& value,
                      std::vector<Change>* changes) {
  PaneParts& pane = state->series[series].panes[index];
  const auto [entry, is_new] = pane.parts.try_emplace(key);
  if (is_new) keys(series).refer(key);
  Part& part = entry->second;
  const WideMeasures& values = value.measures;
  const auto wide = pane.wide.empty() ? pane.wide.end() : pane.wide.find(key);
  const WideMeasures before = wide != pane.wide.end() ? wide->second : WideMeasures(part.values);
  bool is_same = values == before;
  if (series_[series].largest_of.has_value()) is_same &= value.largest == pane.largest[key];
  if (stamp < part.stamp || (stamp == part.stamp && is_same)) {
    ++stats_.stale_updates;
    return;
  }
  part.stamp = stamp;
  update_largest(series, key, index, value.largest, &pane);
  if (values == before) return;
  part.values = values.saturated();
  if (!values.is_narrow()) {
    pane.wide[key] = values;
  } else if (wide != pane.wide.end()) {
    pane.wide.erase(wide);
  }
  if (state->former != nullptr) return;  // what the former owner has said stands
  move(source,
       {.series = static_cast<std::uint32_t>(series),
        .key = keys(series).counts_as(key),
        .pane = index,
        .is_correction = false,
        .before = before,
        .after = values},
       changes);
}

void Generation::apply_correction(SourceId source, const v1::PaneCorrection& correction,
                                  std::vector<Change>* changes) {
  const std::optional<std::size_t> series = series_of_pane(correction, source);
  if (!series.has_value()) return;
  if (source.topic == Topic::kOrders) {
    refuse(source, Refusal::kSeriesMismatch, "a correction, which no pair has");
    return;
  }
  WideMeasures values;
  if (!read_values(correction.measures(), &values)) {
    refuse(source, Refusal::kImpossibleSum, "a correction");
    return;
  }
  SeriesState& state = series_[*series];
  const KeyId key = keys(*series).counts_as(intern(*series, correction.key()));
  if (state.largest_of.has_value() && correction.pane_index() >= state.forgotten_before) {
    // What is positive is a credit note that was taken out.
    const std::int64_t taken = -std::max(values.saturated()[*state.largest_of], -INT64_MAX);
    std::int64_t& most = largest_of(*series, key).at(correction.pane_index()).taken;
    most = std::max(most, taken);
  }
  move(source,
       {.series = static_cast<std::uint32_t>(*series),
        .key = key,
        .pane = correction.pane_index(),
        .is_correction = true,
        .before = {},
        .after = values},
       changes);
}

// The parts that sources have let go of are in `settled`: with those that are left, that is all.
void Generation::update_largest(std::size_t series, KeyId key, PaneIndex pane, const Largest& now,
                                PaneParts* parts) {
  SeriesState& state = series_[series];
  if (!state.largest_of.has_value() || pane < state.forgotten_before) return;
  const Largest before = std::exchange(parts->largest[key], now);
  const KeyId as = keys(series).counts_as(key);
  LargestLog::Entry& entry = largest_of(series, as).at(pane);
  if (now.known >= before.known && now.bound >= before.bound) {
    entry.newest.merge(now);
    return;
  }
  entry.newest = entry.settled;
  for (const auto& [source, its] : sources_) {
    const auto found = its.series[series].panes.find(pane);
    if (found == its.series[series].panes.end()) continue;
    if (as == key) {
      const auto largest = found->second.largest.find(key);
      if (largest != found->second.largest.end()) entry.newest.merge(largest->second);
      continue;
    }
    for (const auto& [part, largest] : found->second.largest) {
      if (keys(series).counts_as(part) == as) entry.newest.merge(largest);
    }
  }
}

KeyId Generation::intern(std::size_t series,
                         const google::protobuf::RepeatedPtrField<std::string>& values) {
  const KeyId key = keys(series).intern(values);
  if (keys(series).counts_as(key) != key) ++stats_.over_key_limit;
  return key;
}

PaneLog& Generation::updates_of(std::size_t series, KeyId key) {
  std::deque<PaneLog>& logs = series_[series].updates;
  if (key >= logs.size()) logs.resize(key + std::size_t{1});
  return logs[key];
}

LargestLog& Generation::largest_of(std::size_t series, KeyId key) {
  std::deque<LargestLog>& logs = series_[series].largest;
  if (key >= logs.size()) logs.resize(key + std::size_t{1});
  return logs[key];
}

void Generation::move(SourceId source, const Change& change, std::vector<Change>* changes) {
  SeriesState& state = series_[change.series];
  const std::optional<Micros> watermark = watermarks_.combined(Topics::read_by(source.topic));
  const Micros final_at =
      (change.pane + 1) * state.pane_length + config_->event_time.allowed_lateness;
  if (watermark.has_value() && final_at <= *watermark) ++stats_.reopened_panes;
  if (change.pane >= state.forgotten_before) {
    PaneLog& updates = updates_of(change.series, change.key);
    PaneLog& log = change.is_correction ? state.corrections[change.key] : updates;
    if (log.empty()) keys(change.series).refer(change.key);
    WideSums& wide = change.is_correction ? state.wide_corrections : state.wide_updates;
    if (!log.move(change.key, change.pane, change.before, change.after, state.columns, &wide)) {
      ++stats_.overflows;
    }
  }
  if (changes != nullptr) changes->push_back(change);
}

void Generation::forget_before(std::size_t series, PaneIndex pane) {
  SeriesState& state = series_[series];
  if (pane <= state.forgotten_before) return;
  state.forgotten_before = pane;
  for (std::size_t key = 0; key < state.updates.size(); ++key) {
    PaneLog& log = state.updates[key];
    if (log.empty()) continue;
    log.forget_before(pane, state.columns);
    if (log.empty()) keys(series).unrefer(static_cast<KeyId>(key));
  }
  absl::erase_if(state.corrections, [&](auto& entry) {
    entry.second.forget_before(pane, state.columns);
    if (!entry.second.empty()) return false;
    keys(series).unrefer(entry.first);
    return true;
  });
  for (WideSums* wide : {&state.wide_updates, &state.wide_corrections}) {
    absl::erase_if(*wide, [&](const auto& entry) { return entry.first.second < pane; });
  }
  for (LargestLog& log : state.largest) log.forget_before(pane);
  if (config_->series[series].event != Topic::kOrders) return;
  // The owner of a pair may say any of its panes again; those before it are said to nobody.
  const auto forget = [&](Said& said) {
    if (said.series[series].kept_from < pane) let_go(series, &said.series[series], pane);
    if (said.findings.empty()) return;
    said.findings[series].forget_before(pane > state.last_pane ? INT64_MAX
                                                               : pane * state.pane_length);
  };
  for (auto& [source, its] : sources_) {
    if (source.topic != Topic::kOrders) continue;
    forget(its);
    if (its.former != nullptr) forget(*its.former);
  }
}

Generation::AtMost Generation::at_most(const config::Series& series, Saturating keys,
                                       Saturating panes, Saturating part_keys,
                                       Saturating part_panes) {
  const std::size_t columns = series.measures.empty() ? kMeasureCount : series.measures.size();
  const bool has_largest = series.largest_document.has_value();
  AtMost most;
  most.updates = at_most::deque(keys, sizeof(PaneLog)) + keys * PaneLog::at_most(panes, columns);
  most.corrections = at_most::flat_hash(keys, sizeof(std::pair<const KeyId, PaneLog>)) +
                     keys * PaneLog::at_most(panes, columns);
  using Held = std::pair<const std::pair<PaneIndex, KeyId>, Value>;
  most.parts = part_panes * at_most::btree(part_keys, sizeof(std::pair<const KeyId, Part>)) +
               at_most::btree(part_panes * part_keys, sizeof(Held)) +
               at_most::btree(part_panes, sizeof(std::pair<const PaneIndex, PaneParts>));
  if (has_largest) {
    most.updates += at_most::deque(keys, sizeof(LargestLog)) + keys * LargestLog::at_most(panes);
    most.parts += part_panes * at_most::btree(part_keys, sizeof(std::pair<const KeyId, Largest>));
  }
  return most;
}

Saturating Generation::kept_parts(const config::EventTimeBounds& bounds, Micros pane_length) {
  // As far back as progress lets go of them, and ahead of the watermark by the out-of-orderness.
  return (bounds.allowed_lateness + 2 * bounds.out_of_orderness) / pane_length + 4;
}

void Generation::clear() {
  for (std::size_t series = 0; series < series_.size(); ++series) {
    forget_before(series, INT64_MAX);
    for (auto& [source, state] : sources_) {
      if (!state.series.empty()) let_go(series, &state.series[series], INT64_MAX);
      if (state.former != nullptr) let_go(series, &state.former->series[series], INT64_MAX);
    }
  }
}

}  // namespace surgewatch::journal
