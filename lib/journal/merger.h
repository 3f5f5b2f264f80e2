// Merges the journal: who says what of which source, and by which generation of figures.
//
//   records ──► owner of the source ──► his generation ──┬─ in force ──► changes
//               (newest ownership       gathered beside  │
//                record; the rest        one another     └─ others, until they have caught up
//                is ignored)
//
// Ownership is an order in the journal: the newest ownership record of a source says who owns it,
// and its offset is the epoch of what he says. What bears another epoch is ignored and counted.
// Records without an epoch (of files, or of journals that are older than ownership) are of one who
// came before all others.
//
// A generation is what decides figures: definitions, reference data, bounds. One is in force; the
// figures of others, as long as somebody owns a source by them, are gathered beside it. The newest
// that is as far as the one in force on every source takes its place, at once: the changes are then
// all that differs. Till then the old figures stand.
//
// Threads: one.
// Errors: what does not make sense is counted in MergeStats and otherwise passed over.
// Cost: as Generation's, times the generations that are gathered (mostly one).
#pragma once

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
#include "journal/watermarks.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::journal {

class Merger {
 public:
  static constexpr std::int32_t kMaxPartitions = 65'536;
  // Of which the oldest that is not in force gives way to one more.
  static constexpr std::size_t kMaxGenerations = 4;

  explicit Merger(std::shared_ptr<const config::Config> config);

  // What the record at this offset of the journal has changed; valid until the next call.
  std::span<const Change> apply(const v1::JournalRecord& record, std::int64_t offset);
  // The same, one behind the last.
  std::span<const Change> apply(const v1::JournalRecord& record) {
    return apply(record, last_offset_ + 1);
  }

  // What every source that the series (of both) reads has passed; nullopt where nothing is known,
  // or where the figures in force are of another definition of the series.
  std::optional<Micros> passed(std::size_t series) const { return passed(series, series); }
  std::optional<Micros> passed(std::size_t series, std::size_t other) const;
  // The first watermark of any source that they read.
  std::optional<Micros> first_watermark(std::size_t series, std::size_t other) const;
  // The lowest watermark over all sources that are not idle.
  std::optional<Micros> lowest_watermark() const;

  const MergeStats& stats() const { return stats_; }
  // Of the generation in force; empty where nobody has said.
  const std::string& reference_data_version() const;

  // Keys are numbered from 0; numbers of keys that have gone are used again.
  std::size_t key_end(std::size_t series) const { return keys_[series]->end(); }
  // Values of the series' dimensions, in the order of group_by.
  std::vector<std::string> key(std::size_t series, KeyId id) const {
    return keys_[series]->values(id);
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
  struct Owner {
    std::optional<std::int64_t> epoch;  // absent: he gives none
    Generation* generation = nullptr;
  };

  static std::optional<SourceId> source_of(const v1::JournalRecord& record);
  void apply_topology(const v1::Topology& topology);
  void apply_ownership(SourceId source, const v1::Ownership& ownership, std::int64_t offset);
  // Null if the record is not of the source's owner.
  Generation* generation_for(SourceId source, const v1::JournalRecord& record);
  Generation& generation(const std::string& name);
  bool is_owned_by(const Generation& generation) const;
  void retire();
  void replace_if_caught_up();
  Topics topics_of(std::size_t series, std::size_t other) const {
    return Topics(config_->series[series].event) | config_->series[other].event;
  }

  const std::shared_ptr<const config::Config> config_;
  std::vector<std::unique_ptr<KeyTable>> keys_;  // by series
  MergeStats stats_;
  std::vector<std::unique_ptr<Generation>> generations_;  // as they were first heard of
  Generation* in_force_ = nullptr;
  absl::flat_hash_map<SourceId, Owner> owners_;
  std::array<std::int32_t, 2> partitions_{};
  std::int64_t last_offset_ = -1;
  std::vector<Change> changes_;  // reused
};

}  // namespace surgewatch::journal
