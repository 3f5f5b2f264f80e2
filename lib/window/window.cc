#include "window/window.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "window/points.h"

namespace surgewatch::window {
namespace {

// At most this many panes are taken out for each that is made, and for each watermark that raises a
// floor: the work of a border is spread over the events after it.
constexpr std::size_t kRecycledPerPane = 4;

// A queue in a vector: what was read goes when it is half of it.
void compact(std::vector<PaneRef>* queue, std::size_t* read) {
  if (*read * 2 < queue->size()) return;
  queue->erase(queue->begin(), queue->begin() + static_cast<std::ptrdiff_t>(*read));
  *read = 0;
}

}  // namespace

Window::Window(std::vector<SeriesSpec> series, Options options)
    : options_(options),
      table_(&pool_),
      other_value_(dictionary_.intern("other")),
      dirty_(options.dirty_ring_capacity) {
  const Micros reach = options.allowed_lateness + options.out_of_orderness;
  for (const SeriesSpec& spec : series) {
    SW_CHECK(spec.pane_length > 0 && spec.dimensions <= kMaxDimensions);
    // From the pane of watermark − lateness to that of the newest event, both ends included.
    series_.push_back({.spec = spec,
                       .slots = {},
                       .ring = std::vector<PaneRef>(
                           static_cast<std::size_t>(reach / spec.pane_length) + 2, kNoPane)});
  }
}

Window::SlotChoice Window::slot(std::size_t series, const KeyValues& values,
                                std::span<const std::string_view> texts) {
  Series& its = series_[series];
  KeyValues key = values;
  for (std::size_t i = 0; i < its.spec.dimensions; ++i) {
    // Perhaps another key of the same event has brought it in.
    if (key[i] == kNoValue) key[i] = dictionary_.find(texts[i]);
  }
  if (const auto found = its.slots.find(key); found != its.slots.end()) {
    return {found->second, false};
  }
  // `other` may come as a key like any; it does not count against the limit.
  const std::size_t ordinary = its.slots.size() - (its.other == kNoSlot ? 0 : 1);
  if (ordinary >= its.spec.max_keys) {
    KeyValues other{};
    std::fill_n(other.begin(), its.spec.dimensions, other_value_);
    if (its.other == kNoSlot) its.other = new_slot(series, other);
    return {its.other, key != other};
  }
  for (std::size_t i = 0; i < its.spec.dimensions; ++i) {
    if (key[i] == kNoValue) key[i] = dictionary_.intern(texts[i]);
  }
  const SlotId slot = new_slot(series, key);
  KeyValues other{};
  std::fill_n(other.begin(), its.spec.dimensions, other_value_);
  if (its.spec.dimensions > 0 && key == other) its.other = slot;
  return {slot, false};
}

SlotId Window::new_slot(std::size_t series, const KeyValues& values) {
  const SlotId slot =
      slots_.append(Slot{.series = static_cast<std::uint32_t>(series), .values = values});
  series_[series].slots.emplace(values, slot);
  return slot;
}

template <Publication kPublication>
bool Window::add(SlotId slot, Micros time, const MeasureValues& values, std::int64_t offset) {
  Slot& to = slots_[slot];
  Series& series = series_[to.series];
  const PaneIndex pane_index = pane_of(time, series.spec.pane_length);
  if (pane_index < series.floor) {
    corrections_.push({slot, pane_index, values, offset});
    return true;
  }
  if (to.last_pane == kNoPane || to.last_pane_index != pane_index) {
    to.last_pane = pane_for(slot, pane_index);
    to.last_pane_index = pane_index;
  }
  const bool fitted = pool_.add<kPublication>(to.last_pane, values);
  if constexpr (kPublication == Publication::kOn) mark_dirty(to.last_pane);
  return fitted;
}
template bool Window::add<Publication::kOn>(SlotId, Micros, const MeasureValues&, std::int64_t);
template bool Window::add<Publication::kOff>(SlotId, Micros, const MeasureValues&, std::int64_t);

PaneRef Window::pane_for(SlotId slot, PaneIndex pane_index) {
  if (const PaneRef known = table_.find(slot, pane_index); known != kNoPane) return known;
  Series& series = series_[slots_[slot].series];
  const auto length = static_cast<std::int64_t>(series.ring.size());
  // So that a place of the ring never holds two pane indexes.
  SW_CHECK(watermark_ && pane_index - series.floor < length);
  recycle(kRecycledPerPane);
  const PaneRef pane = pool_.take();
  pool_.assign(pane, slot, pane_index);
  SW_WINDOW_POINT(kInserting);
  table_.insert(pane);
  const std::int64_t place = pane_index - floor_div(pane_index, length) * length;
  pool_[pane].next = std::exchange(series.ring[static_cast<std::size_t>(place)], pane);
  return pane;
}

void Window::mark_dirty(PaneRef pane) {
  Pane& changed = pool_[pane];
  if (changed.dirty_epoch() == epoch_) return;
  changed.set_dirty_epoch(epoch_);
  SW_WINDOW_POINT(kMarkedDirty);
  if (dirty_.push(pane)) return;
  SW_WINDOW_POINT(kRingFull);
  ring_was_full_.store(true, std::memory_order_release);
}

void Window::advance(Micros watermark) {
  if (watermark_ && watermark <= *watermark_) return;
  watermark_ = watermark;
  if (watermark < next_floor_change_) return;
  next_floor_change_ = INT64_MAX;
  const Micros oldest = watermark - options_.allowed_lateness;
  for (Series& series : series_) {
    const PaneIndex floor = pane_of(oldest, series.spec.pane_length);
    raise_floor(series, floor);
    next_floor_change_ = std::min(
        next_floor_change_, (floor + 1) * series.spec.pane_length + options_.allowed_lateness);
  }
  recycle(kRecycledPerPane);
}

void Window::raise_floor(Series& series, PaneIndex floor) {
  if (floor <= series.floor) return;
  const auto length = static_cast<std::int64_t>(series.ring.size());
  // Panes lie within the ring's length above the floor: after a long jump, all have left.
  const bool everything = series.floor == INT64_MIN || floor - series.floor >= length;
  const PaneIndex first = everything ? floor - length : series.floor;
  for (PaneIndex i = first; i < floor; ++i) {
    const std::int64_t place = i - floor_div(i, length) * length;
    PaneRef& list = series.ring[static_cast<std::size_t>(place)];
    if (list != kNoPane) leaving_.push_back(std::exchange(list, kNoPane));
  }
  series.floor = floor;
}

void Window::recycle(std::size_t count) {
  const std::uint32_t settled = settled_epoch_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count && leaving_read_ < leaving_.size(); ++i) {
    const PaneRef pane = leaving_[leaving_read_];
    Pane& left = pool_[pane];
    if (left.next != kNoPane) {
      leaving_[leaving_read_] = left.next;
    } else {
      ++leaving_read_;
    }
    table_.erase(pane);
    Slot& slot = slots_[left.slot()];
    if (slot.last_pane == pane) slot.last_pane = kNoPane;
    unsettled_.push_back(pane);
  }
  for (std::size_t i = 0; i < count && unsettled_read_ < unsettled_.size(); ++i) {
    const PaneRef pane = unsettled_[unsettled_read_];
    if (pool_[pane].dirty_epoch() > settled) break;
    SW_WINDOW_POINT(kRecycling);
    pool_.give_back(pane);
    ++unsettled_read_;
  }
  compact(&leaving_, &leaving_read_);
  compact(&unsettled_, &unsettled_read_);
}

Progress Window::progress() const {
  const auto [next_offset, watermark, epoch] = published_.read();
  return to_progress(next_offset, watermark);
}

Progress Window::to_progress(std::int64_t next_offset, Micros watermark) {
  Progress progress{.next_offset = next_offset, .watermark = {}};
  if (watermark != kNoWatermark) progress.watermark = watermark;
  return progress;
}

bool Window::collect(Collected* collected) {
  collected->panes.clear();
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
  const std::uint32_t ending = flusher_epoch_.load(std::memory_order_relaxed);  // own store
  flusher_epoch_.store(ending + 1, std::memory_order_release);
  SW_WINDOW_POINT(kEpochStarted);
  find_dirty(tail);
  SW_WINDOW_POINT(kPopped);

  watched_next_.clear();
  auto watched = watched_.begin();
  for (const PaneRef pane : found_) {
    while (watched != watched_.end() && watched->pane < pane) ++watched;
    PaneSnapshot snapshot;
    const std::uint32_t sequence = pool_.read(pane, &snapshot);
    const bool is_known = watched != watched_.end() && watched->pane == pane;
    if (!is_known || watched->sequence != sequence) collected->panes.push_back(snapshot);
    // Handed over in an epoch that the writer may still be in: look again next time.
    if (pool_[pane].dirty_epoch() >= writer_epoch) watched_next_.push_back({pane, sequence});
  }
  watched_.swap(watched_next_);
  SW_WINDOW_POINT(kPanesRead);
  settled_epoch_.store(writer_epoch - 1, std::memory_order_release);
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
void Window::find_dirty(std::uint64_t tail) {
  found_.clear();
  for (const Watched& watched : watched_) found_.push_back(watched.pane);
  dirty_.pop_until(tail, &found_);
  if (ring_was_full_.exchange(false, std::memory_order_acq_rel)) {
    SW_WINDOW_POINT(kFlagCleared);
    const std::uint32_t settled = settled_epoch_.load(std::memory_order_relaxed);  // own store
    const std::uint32_t count = pool_.size();
    for (PaneRef pane = 0; pane < count; ++pane) {
      if (pool_[pane].dirty_epoch() > settled) found_.push_back(pane);
    }
  }
  std::sort(found_.begin(), found_.end());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
}

}  // namespace surgewatch::window
