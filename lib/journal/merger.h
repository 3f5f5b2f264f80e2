// Merges the journal: from each source's absolute pane values and signed corrections to one value
// for each series, key and pane.
//
//   total(series, key, pane) = Σ over sources of the newest absolute value + Σ corrections
//
// What is applied, and what changes nothing:
// - A pane update, if its batch's stamp (next_offset) is not below the stamp last applied to that
//   source, series, key and pane, nor below the source's last progress record. Equal stamps apply:
//   within one owner's stream the later record knows more, and the same value again moves nothing.
// - A correction, if its offset and part are beyond the last one applied for its source.
// - A progress record, if its offset is not below the last one's. Watermarks: see watermarks.h.
// The largest document of a pane follows the same rules: see largest_log.h.
//
// A source's absolute value is kept as long as the source can still send another one, that is until
// its own watermark has passed the pane's end by kRetentionFactor × (allowed lateness +
// out-of-orderness + one pane); afterwards only the total is. An absolute value for a pane that has
// been let go of can't be merged exactly; it is counted, not guessed.
//
// Threads: one.
// Errors: what does not make sense is counted in MergeStats and otherwise passed over.
// Cost: about a hash look-up for the key and one for the value; nothing is copied from the record
// but new keys.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "base/measures.h"
#include "config/config.h"
#include "journal/largest_log.h"
#include "journal/pane_log.h"
#include "journal/watermarks.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::journal {

// Keys of a series are numbered as they are first seen.
using KeyId = std::uint32_t;

// The pane's total has moved by after - before.
struct Change {
  std::uint32_t series = 0;
  KeyId key = 0;
  PaneIndex pane = 0;
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
  std::uint64_t malformed = 0;       // records and updates that contradict schema or configuration
  std::uint64_t reopened_panes = 0;  // changes to panes that were final
  std::uint64_t ignored_idle_marks = 0;  // of an older owner
  std::uint64_t overflows = 0;           // changes after which a total does not fit 64 bits
};

class Merger {
 public:
  static constexpr Micros kRetentionFactor = 2;
  static constexpr std::int32_t kMaxPartitions = 65'536;

  explicit Merger(std::shared_ptr<const config::Config> config);

  // What the record changed; valid until the next call.
  std::span<const Change> apply(const v1::JournalRecord& record);

  const Watermarks& watermarks() const { return watermarks_; }
  const MergeStats& stats() const { return stats_; }

  std::size_t key_count(std::size_t series) const { return series_[series].keys.size(); }
  // Values of the series' dimensions, in the order of group_by.
  const std::vector<std::string>& key(std::size_t series, KeyId id) const {
    return series_[series].keys[id];
  }
  const PaneLog& log(std::size_t series, KeyId id) const { return series_[series].logs[id]; }
  // The largest document of the key in panes first … last: what it adds to the series'
  // largest_document measure. Nothing is known where the series keeps none.
  Largest largest(std::size_t series, KeyId id, PaneIndex first, PaneIndex last) const {
    const std::vector<LargestLog>& logs = series_[series].largest;
    return logs.empty() ? Largest::nothing_known() : logs[id].largest(first, last);
  }

  // Panes before `pane` are no longer needed by anyone.
  void forget_before(std::size_t series, PaneIndex pane);

 private:
  struct Contribution {
    std::int64_t stamp = -1;
    WideMeasures values;
    Largest largest;
  };
  // One source's newest absolute values of one series.
  struct Parts {
    absl::btree_map<PaneIndex, absl::flat_hash_map<KeyId, Contribution>> panes;
    PaneIndex kept_from = INT64_MIN;
  };
  struct SourceState {
    std::vector<Parts> series;
    std::int64_t progress_offset = -1;
    std::pair<std::int64_t, std::uint32_t> corrected_to{-1, 0};  // offset, part
    Micros watermark = INT64_MIN;
  };
  struct SeriesState {
    Micros pane_length = 0;
    PaneIndex first_pane = 0, last_pane = 0;  // what event time allows
    std::vector<std::vector<std::string>> keys;
    std::vector<PaneLog> logs;
    std::optional<Measure> largest_of;  // config::Series::largest_document
    std::vector<LargestLog> largest;    // as logs, if that is given
    absl::flat_hash_map<std::string, KeyId> ids;
    PaneIndex forgotten_before = INT64_MIN;
  };

  std::optional<SourceId> source_of(const v1::JournalRecord& record);
  SourceState& state_of(SourceId source);
  void apply_panes(SourceId source, const v1::PaneBatch& batch);
  void apply_update(SourceId source, SourceState* state, std::int64_t stamp,
                    const v1::PaneUpdate& update);
  void apply_correction(SourceId source, const v1::PaneCorrection& correction);
  void apply_progress(SourceId source, const v1::Progress& progress);
  void let_go(std::size_t series, Parts* parts, PaneIndex kept_from);
  void update_largest(std::size_t series, KeyId key, PaneIndex pane, const v1::PaneUpdate& update,
                      Contribution* part);
  void apply_topology(const v1::Topology& topology);

  // Index of the series that a record's index means, or nullopt (counted).
  template <typename Record>
  std::optional<std::size_t> series_of(SourceId source, const Record& record);
  template <typename Key>
  KeyId intern(SeriesState* series, const Key& key);
  void move(SourceId source, std::size_t series, KeyId key, PaneIndex pane,
            const WideMeasures& before, const WideMeasures& after);

  std::shared_ptr<const config::Config> config_;
  std::vector<SeriesState> series_;
  absl::flat_hash_map<std::string, std::size_t> series_by_name_;
  absl::flat_hash_map<SourceId, SourceState> sources_;
  Watermarks watermarks_;
  MergeStats stats_;

  // Reused from record to record.
  std::vector<Change> changes_;
  std::vector<std::optional<std::size_t>> batch_series_;
  std::string key_bytes_;
};

}  // namespace surgewatch::journal
