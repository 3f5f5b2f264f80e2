#include "window/keys.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "window/points.h"

namespace surgewatch::window {
namespace {

// Slots looked at with each event while there are keys that have left.
constexpr std::size_t kSweptPerEvent = 8;

}  // namespace

Keys::Keys(const std::vector<SeriesSpec>& series, const Options& options, const Epochs* epochs)
    : epochs_(epochs),
      out_of_orderness_(options.out_of_orderness),
      dictionary_(options.text_seed),
      other_value_(dictionary_.intern("other")) {
  for (const SeriesSpec& spec : series) {
    SW_CHECK(spec.pane_length > 0 && spec.dimensions <= kMaxDimensions);
    // What a use at some watermark has left behind, a pane or a document, is at most so old.
    const Micros kept =
        options.out_of_orderness +
        std::max(options.correction_horizon, options.allowed_lateness + spec.pane_length);
    series_.push_back(
        {.dimensions = spec.dimensions, .max_keys = spec.max_keys, .life = KeyLife(kept)});
  }
}

SlotChoice Keys::find_texts(std::size_t series, KeyValues key,
                            std::span<const std::string_view> texts) {
  bool is_known = true;
  for (std::size_t i = 0; i < series_[series].dimensions; ++i) {
    // Perhaps another key of the same event has brought it in.
    if (key[i] == kNoValue) key[i] = dictionary_.find(texts[i]);
    is_known &= key[i] != kNoValue;
  }
  return renew_or_admit(series, key, texts,
                        is_known ? find(series, words_of(key)) : HashIndex::kNone);
}

SlotChoice Keys::renew_or_admit(std::size_t series, const KeyValues& key,
                                std::span<const std::string_view> texts, SlotId found) {
  Series& its = series_[series];
  KeyValues other{};
  std::fill_n(other.begin(), its.dimensions, other_value_);
  // `other` may come as a key like any; it does not count against the limit, and never leaves.
  const bool is_other = its.dimensions > 0 && key == other;
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
  if (!is_other && its.life.keys() >= its.max_keys) {
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

SlotId Keys::new_slot(std::size_t series, KeyValues key, std::span<const std::string_view> texts) {
  const std::uint32_t released = epochs_->released();
  dictionary_.reclaim(released);
  for (std::size_t i = 0; i < series_[series].dimensions; ++i) {
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
  index_.insert(hash_of(series, words), slot);
  return slot;
}

Micros Keys::hold(SlotId slot, Micros time) {
  if (slot == at(series_of(slot)).other) return INT64_MAX;
  held_[time].insert(slot);
  return time - out_of_orderness_;
}

Micros Keys::advance(Micros before, Micros watermark) {
  Micros next = INT64_MAX;
  bool has_new_span = false;
  for (Series& series : series_) {
    const std::uint32_t span = series.life.current();
    if (before != kNoWatermark) {
      expired_ += series.life.advance(before, watermark);
    } else {
      series.life.begin(watermark);
    }
    has_new_span |= series.life.current() != span;
    next = std::min(next, series.life.next_change());
  }
  if (has_new_span) renew_held();
  while (!held_.empty() && held_.begin()->first - out_of_orderness_ <= watermark) {
    held_.erase(held_.begin());
  }
  if (!held_.empty()) next = std::min(next, held_.begin()->first - out_of_orderness_);
  return next;
}

// So that no key that is held is ever in a span that is over.
void Keys::renew_held() {
  for (const auto& [time, slots] : held_) {
    for (const SlotId slot : slots) {
      KeyLife& life = at(series_of(slot)).life;
      const std::uint32_t span = std::exchange(slots_[slot].span, life.current());
      if (span != life.current()) life.renew(span);
    }
  }
}

void Keys::tidy(std::uint32_t left, std::uint32_t gone) {
  if (expired_ > 0) sweep(left);
  retire(gone);
}

// Looks for keys that have left, further round with each event.
void Keys::sweep(std::uint32_t left) {
  const std::uint32_t count = slots_.size();
  for (std::size_t i = 0; i < kSweptPerEvent && expired_ > 0; ++i) {
    if (hand_ >= count) hand_ = 0;
    const SlotId slot = hand_++;
    const Slot& it = slots_[slot];
    if (it.is_nobodys()) continue;
    const Series& series = series_[series_of(slot)];
    if (slot != series.other && !series.life.is_there(it.span)) evict(slot, left);
  }
}

void Keys::evict(SlotId slot, std::uint32_t left) {
  Slot& it = slots_[slot];
  SW_WINDOW_POINT(kErasing);
  index_.erase(hash_of(series_of(slot), it.words()), slot);
  it.sequence.store(it.sequence.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  it.span = left;
  push(&evicted_, slot);
  --expired_;
}

// All panes of a key have left before it; once the last list that was there then is out of the
// table, nothing there means the slot. Who has collected a pane or a correction of it may still do.
void Keys::retire(std::uint32_t gone) {
  for (std::size_t i = 0; i < kSweptPerEvent && evicted_.first != kNoSlot; ++i) {
    Slot& it = slots_[evicted_.first];
    if (static_cast<std::int32_t>(gone - it.span) < 0) return;
    const SlotId slot = pop(&evicted_);
    const std::uint32_t epoch = epochs_->of_event();
    for (std::size_t d = 0; d < series_[series_of(slot)].dimensions; ++d) {
      dictionary_.release(it.value(d), epoch);
    }
    it.span = epoch;
    push(&retired_, slot);
  }
}

void Keys::push(SlotQueue* queue, SlotId slot) {
  slots_[slot].last_pane = kNoSlot;
  (queue->first == kNoSlot ? queue->first : slots_[queue->last].last_pane) = slot;
  queue->last = slot;
}

SlotId Keys::pop(SlotQueue* queue) {
  return std::exchange(queue->first, slots_[queue->first].last_pane);
}

std::size_t Keys::count() const {
  std::size_t count = 0;
  for (const Series& series : series_) {
    count += series.life.keys() + (series.other == kNoSlot ? 0 : 1);
  }
  return count;
}

// A sweep takes kSweptPerEvent times as long to come round as keys take to come.
Saturating Keys::slots_at_most(Saturating keys) { return keys + keys / kSweptPerEvent; }

std::size_t Keys::bytes_per_slot() {
  return sizeof(Slot) + HashIndex::bytes_per_entry(HashIndex::Load::kSparse);
}

std::size_t Keys::bytes() const {
  return slots_.size() * sizeof(Slot) + index_.bytes() + dictionary_.bytes();
}

bool Keys::read(SlotId slot, Key* key) const {
  const Slot& it = slots_[slot];
  key->generation = it.sequence.load(std::memory_order_acquire);
  if ((key->generation & 1) != 0) return false;
  key->series = it.series.load(std::memory_order_acquire);
  key->values.clear();
  for (std::size_t i = 0; i < series_[key->series].dimensions; ++i) {
    key->values.push_back(dictionary_.copy(it.value(i, std::memory_order_acquire)));
  }
  // Texts are reused only after the key has left.
  return it.sequence.load(std::memory_order_relaxed) == key->generation;
}

}  // namespace surgewatch::window
