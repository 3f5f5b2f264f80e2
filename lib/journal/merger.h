// Merges the journal: who says what of which source, and by which generation of figures.
//
//   records ──► possible? ──► the owner's? ──► his generation ──┬─ in force ──► changes
//               (refusal.h)    (owners.h)      gathered beside  │
//                                               one another     └─ others, until they have caught
//                                               up
//
// Ownership is an order in the journal: see owners.h. What bears the epoch of a former owner is
// ignored and counted; what nobody can have said who ever owned the source is refused, counted by
// its reason, and named (refused()).
//
// The topology is what the owners of a generation say it is: of partitions that none of them knows
// nobody is waited for. As long as none has said any (files, journals that are older than this) it
// is what anybody says.
//
// A generation is what decides figures: definitions, reference data, bounds. One is in force; the
// figures of others, as long as somebody owns a source by them, are gathered beside it. The newest
// that is as far as the one in force on every source takes its place, at once: the changes are then
// all that differs. Till then the old figures stand.
//
// Threads: one.
// Errors: what does not make sense is counted in MergeStats and otherwise passed over; whatever it
// is, what owners say afterwards counts as if it had not been there.
// Cost: as Generation's, times the generations that are gathered (mostly one).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "config/config.h"
#include "journal/generation.h"
#include "journal/key_table.h"
#include "journal/owners.h"
#include "journal/refusal.h"
#include "journal/watermarks.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::journal {

class Merger {
 public:
  struct Options {
    bool inputs_end = true;  // false: of Kafka, where nobody can say that an input has ended
  };
  // Of which the oldest that is not in force gives way to one more.
  static constexpr std::size_t kMaxGenerations = 4;

  explicit Merger(std::shared_ptr<const config::Config> config)
      : Merger(std::move(config), Options{}) {}
  Merger(std::shared_ptr<const config::Config> config, Options options);

  // What the record at this offset of the journal has changed; valid until the next call.
  std::span<const Change> apply(const v1::JournalRecord& record, std::int64_t offset);
  // The same, one behind the last.
  std::span<const Change> apply(const v1::JournalRecord& record) {
    return apply(record, last_offset_ + 1);
  }

  // The combined watermark of what the series (of both) reads: Watermarks::combined(). nullopt
  // where nothing is known, or where the figures in force are of another definition of the series.
  std::optional<Micros> watermark(std::size_t series) const { return watermark(series, series); }
  std::optional<Micros> watermark(std::size_t series, std::size_t other) const;
  // The first watermark of any source that they read.
  std::optional<Micros> first_watermark(std::size_t series, std::size_t other) const;
  // The lowest watermark over all sources that are not idle.
  std::optional<Micros> lowest_watermark() const;

  const MergeStats& stats() const { return stats_; }
  // Whether the record that was applied last was heard: the word of its source's owner, or a
  // topology that nobody owns. What is refused, what a former owner says and a mere claim are not.
  bool has_heard() const { return heard_; }
  // What was refused of the record that was applied last.
  std::span<const Refused> refused() const { return refused_; }
  // Of the generation in force; empty where nobody has said.
  const std::string& reference_data_version() const;

  // Keys are numbered from 0; numbers of keys that have gone are used again.
  std::size_t key_end(std::size_t series) const { return keys_[series]->end(); }
  // Values of the series' dimensions, in the order of group_by.
  std::vector<std::string> key(std::size_t series, KeyId id) const {
    return keys_[series]->values(id);
  }
  // One of them; good until the next record.
  std::string_view key_value(std::size_t series, KeyId id, std::size_t position) const {
    return keys_[series]->value(id, position);
  }
  // Calls `visitor(PaneLog::Entry)` for each pane of the key in first … last, in order.
  template <typename Visitor>
  void visit(std::size_t series, KeyId id, PaneIndex first, PaneIndex last,
             Visitor&& visitor) const {
    if (in_force_ != nullptr) in_force_->visit(series, id, first, last, visitor);
  }
  // The largest document of the key in panes first … last: what it adds to the series'
  // largest_document measure. Nothing is known where the series keeps none.
  Largest largest(std::size_t series, KeyId id, PaneIndex first, PaneIndex last) const {
    return in_force_ == nullptr ? Largest{} : in_force_->largest(series, id, first, last);
  }

  // Calls `visitor(const OrderFinding&)` for each finding of the series that holds, whose first
  // part lies in panes first … last; by time.
  template <typename Visitor>
  void visit_findings(std::size_t series, PaneIndex first, PaneIndex last,
                      Visitor&& visitor) const {
    if (in_force_ != nullptr) in_force_->visit_findings(series, first, last, visitor);
  }

  // Panes before `pane` are no longer needed by anyone.
  void forget_before(std::size_t series, PaneIndex pane);
  // Calls `visitor(series, key)` for each key of which nothing is left, and lets it go.
  template <typename Visitor>
  void release_keys(Visitor&& visitor) {
    for (std::size_t series = 0; series < keys_.size(); ++series) {
      keys_[series]->release([&](KeyId key) { visitor(series, key); });
    }
  }

 private:
  std::optional<Refused> refusal_of(const v1::JournalRecord& record, std::int64_t offset) const;
  void apply_topology(const v1::Topology& topology);
  // Null if the record is not of the source's owner.
  Generation* generation_for(SourceId source, const v1::JournalRecord& record);
  void apply(SourceId source, const v1::JournalRecord& record, Generation* said_by);
  Generation* begin(SourceId source);
  Generation& generation(const std::string& name);
  void refuse(Refused refused);
  // How many partitions the topic has, as anybody knows who is listened to; 0 if nobody does.
  std::int32_t partitions_known(Topic topic) const;
  bool is_owned_by(const Generation& generation) const;
  void retire();
  void replace_if_caught_up();
  Topics topics_of(std::size_t series, std::size_t other) const {
    return Topics::read_by(config_->series[series].event) |
           Topics::read_by(config_->series[other].event);
  }

  const std::shared_ptr<const config::Config> config_;
  const Options options_;
  std::vector<std::unique_ptr<KeyTable>> keys_;  // by series
  MergeStats stats_;
  std::vector<Refused> refused_;  // reused
  bool heard_ = false;
  std::vector<std::unique_ptr<Generation>> generations_;  // as they were first heard of
  Generation* in_force_ = nullptr;
  Owners owners_;
  // By which the owner of each source counts; null where that one gave way.
  absl::flat_hash_map<SourceId, Generation*> counts_by_;
  Partitions said_by_nobody_{};  // of an owner
  std::int64_t last_offset_ = -1;
  std::vector<Change> changes_;  // reused
};

}  // namespace surgewatch::journal
