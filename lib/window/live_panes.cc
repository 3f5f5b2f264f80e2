#include "window/live_panes.h"

#include <algorithm>
#include <utility>

#include "window/points.h"

namespace surgewatch::window {
namespace {

// At most this many panes are taken out for each that is made: the work of a border is spread over
// the events after it.
constexpr std::size_t kRecycledPerPane = 2;

// A queue in a vector: what was read goes when it is half of it.
void compact(std::vector<PaneRef>* queue, std::size_t* read) {
  if (*read * 2 < queue->size()) return;
  queue->erase(queue->begin(), queue->begin() + static_cast<std::ptrdiff_t>(*read));
  *read = 0;
}

}  // namespace

LivePanes::LivePanes(const std::vector<SeriesSpec>& series, const Options& options,
                     const Epochs* epochs)
    : epochs_(epochs), allowed_lateness_(options.allowed_lateness), table_(&pool_) {
  series_.reserve(series.size());
  for (const SeriesSpec& spec : series) series_.emplace_back(spec, options);
}

PaneRef LivePanes::find_or_make(std::size_t series, SlotId slot, PaneIndex index) {
  if (const PaneRef known = table_.find(slot, index); known != kNoPane) return known;
  SeriesPanes& its = series_[series];
  recycle(kRecycledPerPane);
  const PaneRef pane = pool_.take();
  if (its.largest()) {
    while (largest_.size() <= pane) largest_.append();
    // Before the tag: who sees the pane as this key's sees nothing of the former one's.
    largest_[pane].clear();
  }
  pool_.assign(pane, slot, index);
  SW_WINDOW_POINT(kInserting);
  table_.insert(pane);
  pool_[pane].next = std::exchange(its.list(index), pane);
  return pane;
}

Micros LivePanes::raise_floors(Micros watermark) {
  const Micros oldest = watermark - allowed_lateness_;
  kept_from_.store(oldest, std::memory_order_release);
  Micros next = INT64_MAX;
  for (SeriesPanes& series : series_) {
    const Micros further = series.raise_floor(oldest, [this](PaneRef list) {
      leaving_.push_back(list);
      ++lists_left_;
    });
    next = std::min(next, further + allowed_lateness_);
  }
  return next;
}

void LivePanes::recycle(std::size_t count) {
  const std::uint32_t settled = epochs_->settled();
  for (std::size_t i = 0; i < count && leaving_read_ < leaving_.size(); ++i) {
    const PaneRef pane = leaving_[leaving_read_];
    Pane& left = pool_[pane];
    table_.erase(pane);
    const PaneRef next = std::exchange(left.next, kNoPane);
    if (next != kNoPane) {
      leaving_[leaving_read_] = next;
      // Nobody has touched them for long. The next one's line was asked for in the last round: with
      // it, ask for its entry in the table, and for the line of the one after.
      table_.prefetch(next);
      pool_.prefetch(pool_[next].next);
    } else {
      ++leaving_read_;
      ++lists_gone_;
    }
    (unsettled_first_ == kNoPane ? unsettled_first_ : pool_[unsettled_last_].next) = pane;
    unsettled_last_ = pane;
  }
  for (std::size_t i = 0; i < count && unsettled_first_ != kNoPane; ++i) {
    const PaneRef pane = unsettled_first_;
    if (pool_[pane].dirty_epoch() > settled) break;
    SW_WINDOW_POINT(kRecycling);
    unsettled_first_ = pool_[pane].next;
    pool_.prefetch(unsettled_first_);
    pool_.give_back(pane);
  }
  compact(&leaving_, &leaving_read_);
}

// When the floor rises the panes of one more index are on their way out, and those of as many as a
// long jump has passed leave before others can come.
Saturating LivePanes::panes_per_key_at_most(const SeriesSpec& spec, const Options& options) {
  return Saturating(SeriesPanes::span_of(spec, options)) + 1;
}

std::size_t LivePanes::bytes_per_pane(const SeriesSpec& spec) {
  return sizeof(Pane) + (spec.largest ? sizeof(LargestDocuments) : 0) +
         HashIndex::bytes_per_entry(HashIndex::Load::kDense);
}

std::size_t LivePanes::bytes() const {
  std::size_t bytes =
      pool_.size() * sizeof(Pane) + largest_.size() * sizeof(LargestDocuments) + table_.bytes();
  for (const SeriesPanes& series : series_) bytes += series.bytes();
  return bytes;
}

}  // namespace surgewatch::window
