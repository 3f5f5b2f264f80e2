// The panes of a window: those that events can still reach, and those on their way out.
//
//   made ─► live ─────► left ──────────► out of the table ─────────► settled: given back
//           in a list   the floor has    one with each event that    once the flusher has read it
//           of its      risen past it    follows, two with each      for the last time (epochs.h)
//           series                       pane that is made
//
// Threads: the writer's, but for what says otherwise; readers are lock-free.
// Invariants
//   - A pane is live while events can still reach it: from the pane that holds the watermark less
//     the allowed lateness upward. That floor only rises (series_panes.h).
//   - A pane that is given back is in no table, on no list, and settled.
//   - kept_from() is stored before what is below it is taken out, with release, as each step of
//     taking out is: who has acquired any of those steps sees it.
//   - Of a pane whose series asks, the largest document is noted before its sums change
//     (largest_documents.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/largest.h"
#include "base/measures.h"
#include "base/saturating.h"
#include "base/time.h"
#include "window/chunked_array.h"
#include "window/epochs.h"
#include "window/largest_documents.h"
#include "window/pane.h"
#include "window/pane_pool.h"
#include "window/pane_table.h"
#include "window/series_panes.h"
#include "window/series_spec.h"

namespace surgewatch::window {

// Whose values a contribution has: a document's, or, with the opposite sign, those of one that is
// taken out.
enum class Effect : bool { kTakeIn, kTakeOut };

class LivePanes {
 public:
  LivePanes(const std::vector<SeriesSpec>& series, const Options& options, const Epochs* epochs);

  // ---- Writer.
  // As an array, unchecked: numbers of series are ours.
  SeriesPanes& series(std::size_t series) { return series_.data()[series]; }
  const SeriesPanes& series(std::size_t series) const { return series_.data()[series]; }

  // The pane of a key and an index that has not left; made if there is none.
  PaneRef find_or_make(std::size_t series, SlotId slot, PaneIndex index);
  Pane& operator[](PaneRef pane) { return pool_[pane]; }

  // To a pane whose sums fit 64 bits. False if it did nothing, since one would leave them.
  template <Publication kPublication>
  [[gnu::always_inline]] bool add_narrow(Pane* pane, const MeasureValues& values) {
    return pane->add<kPublication>(values, pool_.outcome());
  }
  // To any pane. False if a sum does not fit 64 bits now.
  template <Publication kPublication>
  bool add(PaneRef pane, const MeasureValues& values) {
    return pool_.add<kPublication>(pane, values);
  }
  // Before the pane's sums change.
  void note_document(PaneRef pane, std::int64_t amount, Effect effect) {
    if (effect == Effect::kTakeIn) {
      largest_[pane].take_in(amount);
    } else {
      largest_[pane].take_out(-amount);
    }
  }

  // The watermark has come so far: floors rise to the panes that hold it less the allowed lateness.
  // Returns the next watermark that raises one.
  Micros raise_floors(Micros watermark);
  // Takes at most so many panes out of the table, and gives as many back.
  void recycle(std::size_t count);
  // Lists of panes that have left, and those of them that are out of the table: counted round.
  std::uint32_t lists_left() const { return lists_left_; }
  std::uint32_t lists_gone() const { return lists_gone_; }
  bool has_leftovers() const { return leaving_read_ < leaving_.size(); }

  // Asks memory for a pane, if there is one of that number.
  void prefetch(PaneRef pane) const {
    if (pane < pool_.size()) [[likely]]
      pool_.prefetch(pane);
  }

  // Of a key: panes that are there at once, and those that are on their way out.
  static Saturating panes_per_key_at_most(const SeriesSpec& spec, const Options& options);
  static std::size_t bytes_per_pane(const SeriesSpec& spec);
  std::size_t bytes() const;

  // ---- Flusher.
  // Returns the sequence at which the snapshot was true: see Pane::read().
  std::uint32_t read(PaneRef pane, PaneSnapshot* snapshot, WideMeasures* exact) const {
    return pool_.read(pane, snapshot, exact);
  }
  std::uint32_t dirty_epoch(PaneRef pane,
                            std::memory_order order = std::memory_order_relaxed) const {
    return pool_[pane].dirty_epoch(order);
  }
  bool has_largest(PaneRef pane) const { return pane < largest_.size(); }
  // After the pane has been read.
  Largest largest(PaneRef pane) const { return largest_[pane].largest(); }

  // ---- Any thread.
  // A pane of whichever key is in the slot. `exact`, unless null, gets its sums in 128 bits.
  bool read(SlotId slot, PaneIndex index, PaneSnapshot* snapshot, WideMeasures* exact) const {
    return table_.read(slot, index, snapshot, exact);
  }
  // See Reads.
  PaneIndex kept_from(Micros pane_length) const {
    const Micros oldest = kept_from_.load(std::memory_order_acquire);
    return oldest == kNoWatermark ? INT64_MIN : pane_of(oldest, pane_length);
  }
  // Panes that were ever needed at once: what the pool holds.
  std::uint32_t capacity() const { return pool_.size(); }

 private:
  std::vector<SeriesPanes> series_;
  const Epochs* epochs_;
  const Micros allowed_lateness_;
  PanePool pool_;
  PaneTable table_;
  ChunkedArray<LargestDocuments, 1024> largest_;  // by pane number; none if no series asks

  // Writer's: not in a line that readers look at. Lists of panes that have left, then the panes of
  // those lists that wait to be settled.
  alignas(64) std::vector<PaneRef> leaving_;
  std::size_t leaving_read_ = 0;
  std::uint32_t lists_left_ = 0, lists_gone_ = 0;
  PaneRef unsettled_first_ = kNoPane, unsettled_last_ = kNoPane;

  // Writer to readers: the watermark less the allowed lateness when the floors rose last.
  alignas(64) std::atomic<Micros> kept_from_{kNoWatermark};
};

}  // namespace surgewatch::window
