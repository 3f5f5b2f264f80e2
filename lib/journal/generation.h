// The figures that one generation gives: for each series, key and pane the sum over all sources,
// and how far each source has come.
//
//   total(series, key, pane) = Σ over sources of the newest absolute value + Σ corrections
//
// What is applied, and what changes nothing:
// - A pane update, if its batch's stamp (next_offset) is not below the stamp last applied to that
//   source, series, key and pane, nor below the source's last progress record. Equal stamps apply:
//   within one owner's stream the later record knows more, and the same value again moves nothing.
// - A correction, if its offset and part are beyond the last ones applied for its source.
// - A progress record, if its offset is not below the last one's; but what an owner says of himself
//   replaces what was said in his name before. Watermarks: see watermarks.h.
// - A stamp says what a value reflects at least. So what a new owner says while he reads what those
//   before him had read may be older than their word, or newer: it is held, and counts with his
//   first progress to beyond all that they have said. Till then theirs stands.
//
//     owner ──new owner──► says (197), holds ──► says (300): counts ──progress to 278 or more──►
//       had come to 278                                               what is held counts
//
// The largest document of a pane follows the same rules: see largest_log.h.
//
// A source's absolute value is kept as long as the source can still send another one: its window
// lets a pane go when the watermark has passed its end by the allowed lateness. Here it is one pane
// and the out-of-orderness longer; afterwards only the total is. An absolute value for a pane that
// has been let go of can't be merged exactly; it is counted, not guessed.
//
// A pair (the partitions of one number, and what their orders say) is told of by its owner alone,
// in absolute values; two owners may have read its halves to (80, 90) and (100, 50), and neither is
// ahead. So a new owner's word is gathered beside the old one's, and stands in its place at once
// when it reflects all that the old one did:
//
//   owner ──new owner──► old stands, new is gathered ──progress to both offsets──► new stands
//
// Threads: one.
// Errors: what does not make sense is counted in MergeStats and otherwise passed over.
// Cost: a hash look-up for the key and one in a tree for the value; nothing is copied from the
// record but new keys. A part takes some 65 bytes, a pane of a key 8 and 8 more for each
// measure, a key 24.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "base/measures.h"
#include "base/saturating.h"
#include "config/config.h"
#include "journal/finding_log.h"
#include "journal/key_table.h"
#include "journal/largest_log.h"
#include "journal/pane_log.h"
#include "journal/refusal.h"
#include "journal/watermarks.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::journal {

// A part of the pane's total has moved by after - before: that of updates, or that of corrections.
// Which of the two a contribution belongs to is a function of its source's prefix.
struct Change {
  std::uint32_t series = 0;
  KeyId key = 0;
  PaneIndex pane = 0;
  bool is_correction = false;
  WideMeasures before;
  WideMeasures after;
};

struct MergeStats {
  std::uint64_t pane_updates = 0;   // seen
  std::uint64_t stale_updates = 0;  // of these, not newer than what is known
  std::uint64_t unmergeable = 0;    // of these, for panes whose parts have been let go of
  std::uint64_t corrections = 0;    // seen
  std::uint64_t stale_corrections = 0;
  std::uint64_t unknown_series = 0;  // updates and corrections by another definition of a series
  RefusalCounts refused;             // records, and entries of batches
  std::uint64_t reopened_panes = 0;  // changes to panes that were final
  std::uint64_t overflows = 0;       // changes after which a total does not fit 64 bits
  std::uint64_t former_owners = 0;   // records of those who no longer own their source
  std::uint64_t over_key_limit = 0;  // updates and corrections counted under `other`
  std::uint64_t generations = 0;     // that have taken another's place
};

// How many of each topic; 0: not said.
using Partitions = std::array<std::int32_t, 2>;

class Generation {
 public:
  // `keys`, one for each series, are shared by all generations.
  Generation(std::string name, std::shared_ptr<const config::Config> config,
             std::vector<std::unique_ptr<KeyTable>>* keys, MergeStats* stats);

  const std::string& name() const { return name_; }
  std::string reference_data_version = {};

  // An owner has said how he counts the series of his topic.
  void declare(Topic topic, const v1::Ownership& ownership);
  // Whether the figures of the series are those that the configuration asks for. True while nobody
  // has said otherwise.
  bool covers(std::size_t series) const { return !series_[series].differs; }

  // Append what has changed, and one of each kind of what was refused.
  void apply(SourceId source, const v1::PaneBatch& batch, std::vector<Change>* changes,
             std::vector<Refused>* refused);
  // A progress record.
  void apply(SourceId source, const v1::JournalRecord& record, std::vector<Change>* changes);
  // What a pair's orders say, by name.
  void apply(SourceId source, const v1::FindingBatch& batch, std::vector<Refused>* refused);
  // Somebody new owns the source or the pair, and says all of it again.
  void begin(SourceId source);

  // The owner of the source says how many partitions there are, in place of what he said before.
  void say_partitions(SourceId source, const Partitions& partitions);
  // Somebody who owns nothing does: that counts as long as no owner has said.
  void hear_of_partitions(const Partitions& partitions);
  // As its owners say.
  std::optional<std::int32_t> partitions(Topic topic) const;

  Watermarks& watermarks() { return watermarks_; }
  const Watermarks& watermarks() const { return watermarks_; }

  // Whether every source is at least as far as in `other`.
  bool has_caught_up_with(const Generation& other) const;
  // Appends what moves when this takes the place of `former` (null: of nothing).
  void differences(const Generation* former, std::vector<Change>* changes) const;

  // What the key holds in first … last, in order: corrections are in.
  template <typename Visitor>
  void visit(std::size_t series, KeyId key, PaneIndex first, PaneIndex last,
             Visitor&& visitor) const;
  // As Merger's.
  Largest largest(std::size_t series, KeyId key, PaneIndex first, PaneIndex last) const {
    const std::deque<LargestLog>& logs = series_[series].largest;
    if (!series_[series].largest_of.has_value()) return Largest::nothing_known();
    return key < logs.size() ? logs[key].largest(first, last) : Largest{};
  }
  // As Merger's.
  template <typename Visitor>
  void visit_findings(std::size_t series, PaneIndex first, PaneIndex last, Visitor&& visitor) const;
  void forget_before(std::size_t series, PaneIndex pane);
  // Bytes at the most. Of the panes of so many keys, each in so many: of updates, of corrections if
  // each of them has one, and of the parts of one source.
  struct AtMost {
    Saturating updates, corrections, parts;
  };
  static AtMost at_most(const config::Series& series, Saturating keys, Saturating panes,
                        Saturating part_keys, Saturating part_panes);
  // Panes that a source can still send absolute values of.
  static Saturating kept_parts(const config::EventTimeBounds& bounds, Micros pane_length);
  // Gives up all that it holds, so that keys can go.
  void clear();

 private:
  // One source's newest absolute value.
  struct Part {
    std::int64_t stamp = -1;
    MeasureValues values;
  };
  // What an update says.
  struct Value {
    WideMeasures measures;
    Largest largest;  // of series that keep it
  };
  struct PaneParts {
    // Trees, since hash tables that have just grown are half empty, and there are many.
    absl::btree_map<KeyId, Part> parts;
    absl::btree_map<KeyId, WideMeasures> wide;  // of parts whose values are not all of it
    absl::btree_map<KeyId, Largest> largest;    // of series that keep it
  };
  struct Parts {
    absl::btree_map<PaneIndex, PaneParts> panes;
    absl::btree_map<std::pair<PaneIndex, KeyId>, Value> held;  // of an owner who catches up
    PaneIndex kept_from = INT64_MIN;
  };
  // Of invoices and of shipments.
  using Offsets = std::pair<std::int64_t, std::int64_t>;
  // What one owner has said.
  struct Said {
    std::vector<Parts> series;
    std::vector<FindingLog> findings;  // of a pair, by series; empty before there is any
    Offsets reached;                   // likewise
  };
  struct SourceState : Said {
    // What a pair's former owner has said, as long as it stands.
    std::unique_ptr<Said> former;
    const Said& standing() const {
      if (former != nullptr) return *former;
      return *this;
    }
    std::int64_t progress_offset = -1;
    std::optional<std::int64_t> progress_by;                 // epoch of who said that
    std::pair<std::int64_t, std::int64_t> corrected{-1, 0};  // offset and part
    Micros watermark = INT64_MIN;
    // The furthest that anybody has said of, in a batch or as progress; and what the owner has to
    // come to before he has read all that those before him had: 0 once he has.
    std::int64_t furthest = 0, catches_up_to = 0;
  };
  struct SeriesState {
    Micros pane_length = 0;
    PaneIndex first_pane = 0, last_pane = 0;  // what event time allows
    bool differs = false;                     // counted by another definition
    PaneLog::Columns columns;                 // the series' measures
    std::deque<PaneLog> updates;              // by key
    absl::flat_hash_map<KeyId, PaneLog> corrections;
    WideSums wide_updates, wide_corrections;
    std::optional<Measure> largest_of;  // config::Series::largest_document
    std::deque<LargestLog> largest;     // by key, if that is given
    PaneIndex forgotten_before = INT64_MIN;
  };

  SourceState& state_of(SourceId source);
  void apply_update(SourceId source, SourceState* state, std::int64_t stamp,
                    const v1::PaneUpdate& update, std::vector<Change>* changes);
  void take(SourceId source, SourceState* state, std::int64_t stamp, std::size_t series,
            PaneIndex index, KeyId key, const Value& value, std::vector<Change>* changes);
  void take_held(SourceId source, SourceState* state, std::vector<Change>* changes);
  void drop_held(std::size_t series, Parts* parts);
  void begin_pair(SourceId source);
  void apply_correction(SourceId source, const v1::PaneCorrection& correction,
                        std::vector<Change>* changes);
  void let_go(std::size_t series, Parts* parts, PaneIndex kept_from);
  void replace_former(SourceId source, SourceState* state, std::vector<Change>* changes);
  void update_largest(std::size_t series, KeyId key, PaneIndex pane, const Largest& now,
                      PaneParts* parts);
  void read_series(const google::protobuf::RepeatedPtrField<v1::SeriesRef>& series);
  // Of an update, a correction or a finding, if it can be one.
  template <typename Entry>
  std::optional<std::size_t> series_of(const Entry& entry, SourceId source);
  template <typename Entry>
  std::optional<std::size_t> series_of_pane(const Entry& entry, SourceId source);
  void refuse(SourceId source, Refusal reason, const std::string& what);
  KeyId intern(std::size_t series, const google::protobuf::RepeatedPtrField<std::string>& values);
  void move(SourceId source, const Change& change, std::vector<Change>* changes);
  PaneLog& updates_of(std::size_t series, KeyId key);
  LargestLog& largest_of(std::size_t series, KeyId key);
  KeyTable& keys(std::size_t series) const { return *(*keys_)[series]; }

  const std::string name_;
  const std::shared_ptr<const config::Config> config_;
  std::vector<std::unique_ptr<KeyTable>>* keys_;
  MergeStats& stats_;
  std::vector<SeriesState> series_;
  absl::flat_hash_map<std::string, std::size_t> series_by_name_;
  absl::flat_hash_map<SourceId, SourceState> sources_;
  Watermarks watermarks_;
  absl::flat_hash_map<SourceId, Partitions> stated_;      // by the owner of each
  std::vector<std::optional<std::size_t>> batch_series_;  // reused
  std::vector<Refused>* refused_ = nullptr;               // of the batch at hand
};

template <typename Visitor>
void Generation::visit_findings(std::size_t series, PaneIndex first, PaneIndex last,
                                Visitor&& visitor) const {
  const Micros length = series_[series].pane_length;
  std::vector<OrderFinding> all;
  for (const auto& [source, state] : sources_) {
    const std::vector<FindingLog>& logs = state.standing().findings;
    if (series >= logs.size()) continue;
    logs[series].visit(first * length, (last + 1) * length,
                       [&](const OrderFinding& finding) { all.push_back(finding); });
  }
  std::sort(all.begin(), all.end());
  for (const OrderFinding& finding : all) visitor(finding);
}

template <typename Visitor>
void Generation::visit(std::size_t series, KeyId key, PaneIndex first, PaneIndex last,
                       Visitor&& visitor) const {
  const SeriesState& state = series_[series];
  if (key >= state.updates.size()) return;
  const auto corrected = state.corrections.find(key);
  if (corrected == state.corrections.end()) {
    state.updates[key].visit(first, last, state.columns, visitor);
    return;
  }
  // Few keys have corrections.
  absl::btree_map<PaneIndex, WideMeasures> sums;
  const auto add = [&](const WideSums& wide) {
    return [&](const PaneLog::Entry& entry) {
      const auto exact = wide.find({key, entry.pane});
      sums[entry.pane].add(exact == wide.end() ? WideMeasures(entry.values) : exact->second);
    };
  };
  state.updates[key].visit(first, last, state.columns, add(state.wide_updates));
  corrected->second.visit(first, last, state.columns, add(state.wide_corrections));
  for (const auto& [pane, sum] : sums) visitor(PaneLog::Entry{pane, sum.saturated()});
}

}  // namespace surgewatch::journal
