#include "window/window.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/at_most.h"
#include "base/check.h"
#include "window/points.h"

namespace surgewatch::window {
namespace {

// At most this many panes are taken out for each that is made: the work of a border is spread over
// the events after it.
constexpr std::size_t kRecycledPerPane = 2;
// The same with each event.
constexpr std::size_t kRecycledPerEvent = 1;
// Slots looked at with each event while there are keys that have left.
constexpr std::size_t kSweptPerEvent = 8;

// Of Series::ahead.
constexpr std::size_t kAheadBytes =
    at_most::tree_node(sizeof(std::pair<const PaneIndex, PaneRef>)).value();

// From the pane of watermark − lateness to that of the newest event, both included.
std::int64_t span_of(const SeriesSpec& spec, const Options& options) {
  return (options.allowed_lateness + options.out_of_orderness) / spec.pane_length + 2;
}

// A queue in a vector: what was read goes when it is half of it.
void compact(std::vector<PaneRef>* queue, std::size_t* read) {
  if (*read * 2 < queue->size()) return;
  queue->erase(queue->begin(), queue->begin() + static_cast<std::ptrdiff_t>(*read));
  *read = 0;
}

}  // namespace

Window::Window(std::vector<SeriesSpec> series, Options options)
    : options_(options),
      dictionary_(options.text_seed),
      table_(&pool_),
      other_value_(dictionary_.intern("other")),
      dirty_(options.dirty_ring_capacity) {
  for (const SeriesSpec& spec : series) {
    SW_CHECK(spec.pane_length > 0 && spec.dimensions <= kMaxDimensions);
    // What a use at some watermark has left behind, a pane or a document, is at most so old.
    const Micros kept =
        options.out_of_orderness +
        std::max(options.correction_horizon, options.allowed_lateness + spec.pane_length);
    const std::int64_t span = span_of(spec, options);
    const auto places = static_cast<std::size_t>(std::min(span, kMaxRingPlaces));
    series_.push_back({.spec = spec,
                       .life = KeyLife(kept),
                       .span = span,
                       .ring = std::vector<PaneRef>(places, kNoPane),
                       .ahead = {}});
  }
}

Window::SlotChoice Window::find_texts(std::size_t series, KeyValues key,
                                      std::span<const std::string_view> texts) {
  bool is_known = true;
  for (std::size_t i = 0; i < series_[series].spec.dimensions; ++i) {
    // Perhaps another key of the same event has brought it in.
    if (key[i] == kNoValue) key[i] = dictionary_.find(texts[i]);
    is_known &= key[i] != kNoValue;
  }
  return renew_or_admit(series, key, texts,
                        is_known ? find(series, words_of(key)) : HashIndex::kNone);
}

Window::SlotChoice Window::renew_or_admit(std::size_t series, const KeyValues& key,
                                          std::span<const std::string_view> texts, SlotId found) {
  Series& its = series_[series];
  KeyValues other{};
  std::fill_n(other.begin(), its.spec.dimensions, other_value_);
  // `other` may come as a key like any; it does not count against the limit, and never leaves.
  const bool is_other = its.spec.dimensions > 0 && key == other;
  if (found != HashIndex::kNone) {
    Slot& slot = slots_[found];
    const std::uint32_t span = std::exchange(slot.span, its.life.current());
    if (found == its.other) return {found, false};
    if (its.life.is_there(span)) {
      its.life.renew(span);
      return {found, false};
    }
    slot.span = span;
  }
  if (!is_other && its.life.keys() >= its.spec.max_keys) {
    if (its.other == kNoSlot) its.other = new_slot(series, other, {});
    return {its.other, true};
  }
  if (!is_other) its.life.enter();
  if (found != HashIndex::kNone) {
    // It had left, and was not found yet.
    slots_[found].span = its.life.current();
    --expired_;
    return {found, false};
  }
  const SlotId slot = new_slot(series, key, texts);
  if (is_other) its.other = slot;
  return {slot, false};
}

SlotId Window::new_slot(std::size_t series, KeyValues key,
                        std::span<const std::string_view> texts) {
  const std::uint32_t released = released_epoch_.load(std::memory_order_acquire);
  dictionary_.reclaim(released);
  for (std::size_t i = 0; i < series_[series].spec.dimensions; ++i) {
    const bool is_new = key[i] == kNoValue;
    key[i] = dictionary_.use(key[i], is_new ? texts[i] : std::string_view());
  }
  const bool is_reused = retired_.first != kNoSlot && slots_[retired_.first].span <= released;
  const SlotId slot = is_reused ? pop(&retired_) : slots_.append();
  SW_CHECK(slot < kNoSlot);
  Slot& it = slots_[slot];
  it.last_pane = kNoPane;
  it.span = series_[series].life.current();
  it.series.store(static_cast<std::uint32_t>(series), std::memory_order_release);
  const KeyWords words = words_of(key);
  it.key[0].store(words[0], std::memory_order_release);
  it.key[1].store(words[1], std::memory_order_release);
  it.sequence.store(it.sequence.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  keys_.insert(hash_of(series, words), slot);
  return slot;
}

bool Window::read_key(SlotId slot, Key* key) const {
  const Slot& it = slots_[slot];
  key->generation = it.sequence.load(std::memory_order_acquire);
  if ((key->generation & 1) != 0) return false;
  key->series = it.series.load(std::memory_order_acquire);
  key->values.clear();
  for (std::size_t i = 0; i < series_[key->series].spec.dimensions; ++i) {
    key->values.push_back(dictionary_.copy(it.value(i, std::memory_order_acquire)));
  }
  // Texts are reused only after the key has left.
  return it.sequence.load(std::memory_order_relaxed) == key->generation;
}

std::size_t Window::key_count() const {
  std::size_t count = 0;
  for (const Series& series : series_) {
    count += series.life.keys() + (series.other == kNoSlot ? 0 : 1);
  }
  return count;
}

Window::AtMost Window::at_most(const SeriesSpec& spec, const Options& options, Saturating keys) {
  const std::int64_t span = span_of(spec, options);
  const std::int64_t ring = std::min(span, kMaxRingPlaces);
  AtMost most;
  // When the floor rises the panes of one more index are on their way out, and those of as many as
  // a long jump has passed leave before others can come.
  most.panes_per_key = Saturating(span) + 1;
  most.pane = sizeof(Pane) + (spec.largest ? sizeof(LargestDocuments) : 0) +
              HashIndex::bytes_per_entry(HashIndex::Load::kDense);
  // A sweep takes kSweptPerEvent times as long to come round as keys take to come.
  most.key_count = keys + keys / kSweptPerEvent;
  most.key = sizeof(Slot) + HashIndex::bytes_per_entry(HashIndex::Load::kSparse);
  most.pane_indexes = span;
  most.pane_index = span > ring ? kAheadBytes : sizeof(PaneRef);
  return most;
}

std::size_t Window::empty_bytes(const Options& options) {
  return sizeof(Window) + 3 * HashIndex::empty_bytes() +
         options.dirty_ring_capacity * sizeof(PaneRef);
}

std::size_t Window::bytes() const {
  std::size_t rings = 0;
  for (const Series& series : series_) {
    rings += series.ring.capacity() * sizeof(PaneRef) + series.ahead.size() * kAheadBytes;
  }
  return pool_.size() * sizeof(Pane) + largest_.size() * sizeof(LargestDocuments) + table_.bytes() +
         slots_.size() * sizeof(Slot) + keys_.bytes() + dictionary_.bytes() + rings;
}

PaneRef Window::pane_for(SlotId slot, PaneIndex pane_index) {
  if (const PaneRef known = table_.find(slot, pane_index); known != kNoPane) return known;
  Series& series = series_[series_of(slot)];
  recycle(kRecycledPerPane);
  const PaneRef pane = pool_.take();
  if (series.spec.largest) {
    while (largest_.size() <= pane) largest_.append();
    // Before the tag: who sees the pane as this key's sees nothing of the former one's.
    largest_[pane].clear();
  }
  pool_.assign(pane, slot, pane_index);
  SW_WINDOW_POINT(kInserting);
  table_.insert(pane);
  // A place of the ring never holds two pane indexes.
  PaneRef& list = series.reaches(pane_index)
                      ? series.place(pane_index)
                      : series.ahead.try_emplace(pane_index, kNoPane).first->second;
  pool_[pane].next = std::exchange(list, pane);
  return pane;
}

template <Publication kPublication>
bool Window::add_wide(PaneRef pane, const MeasureValues& values) {
  const bool fitted = pool_.add<kPublication>(pane, values);
  if constexpr (kPublication == Publication::kOn) mark_dirty(pool_[pane], pane);
  return fitted;
}
template bool Window::add_wide<Publication::kOn>(PaneRef, const MeasureValues&);
template bool Window::add_wide<Publication::kOff>(PaneRef, const MeasureValues&);

// Whatever add() has no short way for: another pane than the last, a correction, wide sums.
template <Publication kPublication>
bool Window::add_elsewhere(SlotId slot, PaneIndex pane_index, const MeasureValues& values,
                           std::int64_t offset, Effect effect) {
  Slot& to = slots_[slot];
  const Series& series = at(series_of(slot));
  if (pane_index < series.floor) {
    corrections_.push({slot, pane_index, values, offset});
    return true;
  }
  PaneRef pane = to.last_pane;
  if (pane == kNoPane || !pool_[pane].is(slot, pane_index)) {
    // The newer of two: a late event does not turn the next one away, nor does one far ahead.
    const bool is_late =
        pane != kNoPane && pool_[pane].slot() == slot && pool_[pane].pane_index() > pane_index;
    pane = pane_for(slot, pane_index);
    if (!is_late && !series.is_far_ahead(pane_index)) to.last_pane = pane;
  }
  if (series.spec.largest) note_document(pane, values[*series.spec.largest], effect);
  return add_wide<kPublication>(pane, values);
}
template bool Window::add_elsewhere<Publication::kOn>(SlotId, PaneIndex, const MeasureValues&,
                                                      std::int64_t, Effect);
template bool Window::add_elsewhere<Publication::kOff>(SlotId, PaneIndex, const MeasureValues&,
                                                       std::int64_t, Effect);

void Window::hand_over(PaneRef pane) {
  pool_[pane].set_dirty_epoch(epoch_);
  SW_WINDOW_POINT(kMarkedDirty);
  if (dirty_.push(pane)) return;
  SW_WINDOW_POINT(kRingFull);
  ring_was_full_.store(true, std::memory_order_release);
}

void Window::cross_border(Micros watermark) {
  next_border_ = INT64_MAX;
  const Micros oldest = watermark - options_.allowed_lateness;
  kept_from_.store(oldest, std::memory_order_release);
  bool has_new_span = false;
  for (Series& series : series_) {
    const std::uint32_t span = series.life.current();
    if (watermark_ != kNoWatermark) {
      expired_ += series.life.advance(watermark_, watermark);
    } else {
      series.life.begin(watermark);
    }
    has_new_span |= series.life.current() != span;
    const PaneIndex floor = pane_of(oldest, series.spec.pane_length);
    raise_floor(series, floor);
    const Micros next_floor = (floor + 1) * series.spec.pane_length + options_.allowed_lateness;
    next_border_ = std::min({next_border_, next_floor, series.life.next_change()});
  }
  if (has_new_span) renew_held();
  while (!held_.empty() && held_.begin()->first - options_.out_of_orderness <= watermark) {
    held_.erase(held_.begin());
  }
  if (!held_.empty()) {
    next_border_ = std::min(next_border_, held_.begin()->first - options_.out_of_orderness);
  }
  has_leftovers_ = true;
}

void Window::raise_floor(Series& series, PaneIndex floor) {
  if (floor <= series.floor) return;
  const auto length = static_cast<std::int64_t>(series.ring.size());
  // Panes lie within the ring's length above the floor: after a long jump, all have left.
  const bool everything = series.floor == INT64_MIN || floor - series.floor >= length;
  const PaneIndex first = everything ? floor - length : series.floor;
  for (PaneIndex i = first; i < floor; ++i) {
    PaneRef& list = series.place(i);
    if (list != kNoPane) leave(std::exchange(list, kNoPane));
  }
  series.floor = floor;
  // The ring has come to these, or has passed them: their places were those of panes that left.
  while (!series.ahead.empty() && series.reaches(series.ahead.begin()->first)) {
    const auto [pane_index, list] = *series.ahead.begin();
    series.ahead.erase(series.ahead.begin());
    if (pane_index < floor) {
      leave(list);
    } else {
      series.place(pane_index) = list;
    }
  }
}

void Window::leave(PaneRef list) {
  leaving_.push_back(list);
  ++leaving_in_;
}

void Window::hold(SlotId slot, Micros time) {
  if (slot == at(series_of(slot)).other) return;  // never leaves
  held_[time].insert(slot);
  next_border_ = std::min(next_border_, time - options_.out_of_orderness);
}

// So that no key that is held is ever in a span that is over.
void Window::renew_held() {
  for (const auto& [time, slots] : held_) {
    for (const SlotId slot : slots) {
      KeyLife& life = at(series_of(slot)).life;
      const std::uint32_t span = std::exchange(slots_[slot].span, life.current());
      if (span != life.current()) life.renew(span);
    }
  }
}

void Window::tidy() {
  recycle(kRecycledPerEvent);
  if (expired_ > 0) sweep();
  retire_slots();
  has_leftovers_ = leaving_read_ < leaving_.size() || expired_ > 0 || evicted_.first != kNoSlot;
}

void Window::recycle(std::size_t count) {
  const std::uint32_t settled = settled_epoch_.load(std::memory_order_acquire);
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
      ++leaving_out_;
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

// Looks for keys that have left, further round with each event.
void Window::sweep() {
  const std::uint32_t count = slots_.size();
  for (std::size_t i = 0; i < kSweptPerEvent && expired_ > 0; ++i) {
    if (hand_ >= count) hand_ = 0;
    const SlotId slot = hand_++;
    const Slot& it = slots_[slot];
    if ((it.sequence.load(std::memory_order_relaxed) & 1) != 0) continue;  // own store
    const Series& series = series_[series_of(slot)];
    if (slot != series.other && !series.life.is_there(it.span)) evict(slot);
  }
}

void Window::evict(SlotId slot) {
  Slot& it = slots_[slot];
  SW_WINDOW_POINT(kErasing);
  keys_.erase(hash_of(series_of(slot), it.words()), slot);
  it.sequence.store(it.sequence.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  it.span = leaving_in_;
  push(&evicted_, slot);
  --expired_;
}

// All panes of a key have left before it; once the last list that was there then is out of the
// table, nothing there means the slot. Who has collected a pane or a correction of it may still do.
void Window::retire_slots() {
  for (std::size_t i = 0; i < kSweptPerEvent && evicted_.first != kNoSlot; ++i) {
    Slot& it = slots_[evicted_.first];
    if (static_cast<std::int32_t>(leaving_out_ - it.span) < 0) return;
    const SlotId slot = pop(&evicted_);
    for (std::size_t d = 0; d < series_[series_of(slot)].spec.dimensions; ++d) {
      dictionary_.release(it.value(d), epoch_);
    }
    it.span = epoch_;
    push(&retired_, slot);
  }
}

void Window::push(SlotQueue* queue, SlotId slot) {
  slots_[slot].last_pane = kNoSlot;
  (queue->first == kNoSlot ? queue->first : slots_[queue->last].last_pane) = slot;
  queue->last = slot;
}

SlotId Window::pop(SlotQueue* queue) {
  return std::exchange(queue->first, slots_[queue->first].last_pane);
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
  // Whoever calls has done with what the last call brought.
  released_epoch_.store(settled_epoch_.load(std::memory_order_relaxed),  // own store
                        std::memory_order_release);
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
    WideMeasures exact;
    const std::uint32_t sequence = pool_.read(pane, &snapshot, &exact);
    const bool is_known = watched != watched_.end() && watched->pane == pane;
    if (!is_known || watched->sequence != sequence) {
      if (snapshot.is_wide) collected->exact.push_back({collected->panes.size(), exact});
      if (pane < largest_.size() && series_[series_of(snapshot.slot)].spec.largest) {
        collected->largest.push_back({collected->panes.size(), largest_[pane].largest()});
      }
      collected->panes.push_back(snapshot);
    }
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
    // Those found so far are among them, so that nothing is to be sorted: a watched pane is not
    // settled, and one that was popped has been handed over since the last call, in an epoch that
    // was not settled by it.
    found_.clear();
    const std::uint32_t settled = settled_epoch_.load(std::memory_order_relaxed);  // own store
    const std::uint32_t count = pool_.size();
    for (PaneRef pane = 0; pane < count; ++pane) {
      if (pool_[pane].dirty_epoch(std::memory_order_acquire) > settled) found_.push_back(pane);
    }
    return;
  }
  std::sort(found_.begin(), found_.end());
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
}

}  // namespace surgewatch::window
