#include "window/hand_over.h"

#include <algorithm>

#include "window/keys.h"
#include "window/live_panes.h"
#include "window/points.h"

namespace surgewatch::window {
namespace {

Progress to_progress(std::int64_t next_offset, Micros watermark) {
  Progress progress{.next_offset = next_offset, .watermark = {}};
  if (watermark != kNoWatermark) progress.watermark = watermark;
  return progress;
}

}  // namespace

void HandOver::hand_over(Pane* pane, PaneRef number) {
  pane->set_dirty_epoch(epochs_.of_event());
  SW_WINDOW_POINT(kMarkedDirty);
  if (dirty_.push(number)) return;
  SW_WINDOW_POINT(kRingFull);
  ring_was_full_.store(true, std::memory_order_release);
}

Progress HandOver::progress() const {
  const auto [next_offset, watermark, epoch] = published_.read();
  return to_progress(next_offset, watermark);
}

bool HandOver::collect(const LivePanes& panes, const Keys& keys, Collected* collected) {
  // Whoever calls has done with what the last call brought.
  epochs_.release_settled();
  collected->panes.clear();
  collected->exact.clear();
  collected->largest.clear();
  collected->corrections.clear();
  const auto [next_offset, watermark, epoch] = published_.read();
  const auto writer_epoch = static_cast<std::uint32_t>(epoch);
  collected->progress = to_progress(next_offset, watermark);
  // The same stamp twice could carry two values of one pane: the one after is kept for later.
  if (writer_epoch == 0 || (collected_any_ && next_offset == collected_offset_)) {
    return false;
  }
  collected_any_ = true;
  collected_offset_ = next_offset;
  SW_WINDOW_POINT(kFlushProgressRead);

  // The tail before the new epoch: what is popped was handed over in the ending epoch or earlier.
  const std::uint64_t tail = dirty_.tail();
  epochs_.start_next();
  SW_WINDOW_POINT(kEpochStarted);
  find_dirty(tail, panes);
  SW_WINDOW_POINT(kPopped);

  watched_next_.clear();
  auto watched = watched_.begin();
  for (const PaneRef pane : found_) {
    while (watched != watched_.end() && watched->pane < pane) ++watched;
    PaneSnapshot snapshot;
    WideMeasures exact;
    const std::uint32_t sequence = panes.read(pane, &snapshot, &exact);
    const bool is_known = watched != watched_.end() && watched->pane == pane;
    if (!is_known || watched->sequence != sequence) {
      if (snapshot.is_wide) collected->exact.push_back({collected->panes.size(), exact});
      if (panes.has_largest(pane) && panes.series(keys.series_of(snapshot.slot)).largest()) {
        collected->largest.push_back({collected->panes.size(), panes.largest(pane)});
      }
      collected->panes.push_back(snapshot);
    }
    // Handed over in an epoch that the writer may still be in: look again next time.
    if (panes.dirty_epoch(pane) >= writer_epoch) watched_next_.push_back({pane, sequence});
  }
  watched_.swap(watched_next_);
  SW_WINDOW_POINT(kPanesRead);
  epochs_.settle(writer_epoch - 1);
  SW_WINDOW_POINT(kSettled);

  while (const Correction* correction = corrections_.front()) {
    // Those of an event that is not yet published come whole with the next call.
    if (correction->offset >= collected_offset_) break;
    collected->corrections.push_back(*correction);
    corrections_.pop();
  }
  return true;
}

// Fills found_ with the panes to look at, each once, in the order of their numbers.
void HandOver::find_dirty(std::uint64_t tail, const LivePanes& panes) {
  found_.clear();
  for (const Watched& watched : watched_) found_.push_back(watched.pane);
  dirty_.pop_until(tail, &found_);
  if (ring_was_full_.exchange(false, std::memory_order_acq_rel)) {
    SW_WINDOW_POINT(kFlagCleared);
    // Those found so far are among them, so that nothing is to be sorted: a watched pane is not
    // settled, and one that was popped has been handed over since the last call, in an epoch that
    // was not settled by it.
    found_.clear();
    const std::uint32_t settled = epochs_.own_settled();
    const std::uint32_t count = panes.capacity();
    for (PaneRef pane = 0; pane < count; ++pane) {
      if (panes.dirty_epoch(pane, std::memory_order_acquire) > settled) found_.push_back(pane);
    }
    return;
  }
  std::sort(found_.begin(), found_.end());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
}

}  // namespace surgewatch::window
