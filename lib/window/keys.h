// The keys of a window's series: which are there, and the slot that each has.
//
// Threads: the writer's, but for what says otherwise.
// Invariants
//   - A key has a slot as long as anything can refer to it: while it is used, while its panes are
//     live, and while a correction may name a document that has contributed to it. Then it leaves
//     (key_life.h): when, is a function of the prefix of the source.
//   - Its slot and texts go to other keys only when no pane can mean the former one by them (all
//     lists of panes that had left by then are out of the table) and no flusher (the epoch in which
//     that was so is released: epochs.h). Checked: tests/model/slots.pml.
//   - A slot's sequence is odd while it is nobody's, and else the *generation* of its key: a reader
//     that finds the same before and after has read that key's.
//   - A key that is held (hold()) is always in the current span, which never leaves.
// Cost: of a key that is there and used, one probe and one comparison, or with a right guess the
// comparison; what is to be done when keys leave is spread over the events that follow.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/saturating.h"
#include "base/time.h"
#include "window/chunked_array.h"
#include "window/dictionary.h"
#include "window/epochs.h"
#include "window/hash_table.h"
#include "window/key_life.h"
#include "window/mix.h"
#include "window/pane.h"
#include "window/series_spec.h"

namespace surgewatch::window {

// Values in the order of the series' dimensions; unused places are 0.
using KeyValues = std::array<ValueId, kMaxDimensions>;

struct SlotChoice {
  SlotId slot = kNoSlot;
  bool is_over_limit = false;
};

class Keys {
 private:
  // A key in two words, which are compared and hashed.
  using KeyWords = std::array<std::uint64_t, 2>;

 public:
  // All of a key but its writer's part is stored with release and loaded with acquire: see
  // SequenceLock. Series and words change only while the slot is nobody's.
  struct alignas(32) Slot {
    std::atomic<std::uint32_t> sequence{1};
    std::atomic<std::uint32_t> series{0};
    std::atomic<std::uint64_t> key[2]{};  // see words_of()
    // The writer's.
    PaneRef last_pane = kNoPane;  // where the last contribution went; or the next slot in a queue
    std::uint32_t span = 0;       // of its last use; or what it waits for in a queue

    // Writer: its own stores.
    std::uint32_t own_series() const { return series.load(std::memory_order_relaxed); }
    bool is_nobodys() const { return (sequence.load(std::memory_order_relaxed) & 1) != 0; }
    bool is(std::size_t of_series, const KeyWords& words) const {
      return difference(of_series, words) == 0;
    }
    // The same, and that the key has not been taken out.
    bool has(std::size_t of_series, const KeyWords& words) const {
      return (difference(of_series, words) | (sequence.load(std::memory_order_relaxed) & 1)) == 0;
    }
    std::uint64_t difference(std::size_t of_series, const KeyWords& words) const {
      return (series.load(std::memory_order_relaxed) ^ of_series) |
             (key[0].load(std::memory_order_relaxed) ^ std::get<0>(words)) |
             (key[1].load(std::memory_order_relaxed) ^ std::get<1>(words));
    }
    KeyWords words() const {
      return {key[0].load(std::memory_order_relaxed), key[1].load(std::memory_order_relaxed)};
    }
    // Who may: see text() of Dictionary.
    ValueId value(std::size_t dimension,
                  std::memory_order order = std::memory_order_relaxed) const {
      return static_cast<ValueId>(key[dimension / 2].load(order) >> (dimension % 2 * 32));
    }
  };
  static_assert(sizeof(Slot) == 32);

  Keys(const std::vector<SeriesSpec>& series, const Options& options, const Epochs* epochs);

  // ---- Writer. The key's slot; that of `other` in each dimension if the series is full. `values`
  // may hold kNoValue for a text that the dictionary lacks: `texts` then says which. A slot is good
  // for this event, and for corrections of its document within the horizon; a number that find()
  // gave, for this event.
  SlotChoice slot(std::size_t series, const KeyValues& values,
                  std::span<const std::string_view> texts) {
    const bool is_known = values[0] != kNoValue && values[1] != kNoValue && values[2] != kNoValue &&
                          values[3] != kNoValue;
    if (!is_known) [[unlikely]] {
      return find_texts(series, values, texts);
    }
    const SlotId found = find(series, words_of(values));
    if (found != HashIndex::kNone && slots_[found].span == at(series).life.current()) [[likely]] {
      return {found, false};
    }
    return renew_or_admit(series, values, texts, found);
  }

  // Looking ahead: see Window.
  std::uint64_t prefetch(std::size_t series, const KeyValues& values) const {
    const std::uint64_t hash = hash_of(series, words_of(values));
    index_.prefetch(hash);
    return hash;
  }
  // The slot that has the key now, or one whose hash is like it; kNoSlot if there is neither.
  SlotId guess(std::uint64_t hash) const {
    const SlotId slot = index_.guess(hash);
    if (slot == HashIndex::kNone) [[unlikely]]
      return kNoSlot;
    __builtin_prefetch(&slots_[slot]);
    return slot;
  }
  // As slot(), of which it gives the answer whatever the guess was.
  SlotChoice slot(std::size_t series, const KeyValues& values,
                  std::span<const std::string_view> texts, SlotId guess) {
    if (guess != kNoSlot) [[likely]] {
      const Slot& it = slots_[guess];
      // No key that has a slot has an unknown value.
      if (it.has(series, words_of(values))) [[likely]] {
        if (it.span == at(series).life.current()) [[likely]]
          return {guess, false};
        return renew_or_admit(series, values, texts, guess);
      }
    }
    return slot(series, values, texts);
  }

  // Of a slot that a key has, last_pane is the caller's to set.
  Slot& operator[](SlotId slot) { return slots_[slot]; }
  const Slot& operator[](SlotId slot) const { return slots_[slot]; }
  Dictionary& dictionary() { return dictionary_; }

  // The key is there until the watermark has come to `time` − out_of_orderness, and then counts as
  // used. Returns that watermark; of `other`, which never leaves, one that never comes.
  Micros hold(SlotId slot, Micros time);

  // The watermark rises from `before`, or from none. Returns the next one that changes anything.
  Micros advance(Micros before, Micros watermark);

  // Some of what keys that have left have left behind, while there is any. `left`: lists of panes
  // that have left so far; `gone`: how many of them are out of the table.
  void tidy(std::uint32_t left, std::uint32_t gone);
  bool has_leftovers() const { return expired_ > 0 || evicted_.first != kNoSlot; }

  std::size_t count() const;  // that count as there, with `other`
  // Slots that so many keys need at the most, and the bytes of each, its texts aside.
  static Saturating slots_at_most(Saturating keys);
  static std::size_t bytes_per_slot();
  std::size_t bytes() const;

  // ---- Flusher: of the slots that a collect() has brought, until the next one. Writer, too.
  std::uint32_t series_of(SlotId slot) const {
    return slots_[slot].series.load(std::memory_order_relaxed);  // ordered by what brought the slot
  }
  std::string_view text(SlotId slot, std::size_t dimension) const {
    return dictionary_.text(slots_[slot].value(dimension));
  }
  std::size_t dimensions(SlotId slot) const { return series_[series_of(slot)].dimensions; }

  // ---- Any thread.
  // Slots there are, with a key or without: below it are all that have one.
  std::uint32_t slot_count() const { return slots_.size(); }
  struct Key {
    std::uint32_t generation = 0;
    std::uint32_t series = 0;
    std::vector<std::string> values;
  };
  bool read(SlotId slot, Key* key) const;
  bool is_in(SlotId slot, std::uint32_t generation) const {
    return slots_[slot].sequence.load(std::memory_order_acquire) == generation;
  }

 private:
  static KeyWords words_of(const KeyValues& key) {
    static_assert(kMaxDimensions == 4);
    return {std::uint64_t{std::get<1>(key)} << 32 | std::get<0>(key),
            std::uint64_t{std::get<3>(key)} << 32 | std::get<2>(key)};
  }

  struct SlotQueue {
    SlotId first = kNoSlot;
    SlotId last = kNoSlot;
  };

  struct Series {
    std::size_t dimensions = 0;
    std::size_t max_keys = 0;
    SlotId other = kNoSlot;
    KeyLife life;
  };

  static std::uint64_t hash_of(std::size_t series, const KeyWords& words) {
    return mix(words[0], words[1] + series);
  }
  SlotId find(std::size_t series, const KeyWords& words) const {
    return index_.find(hash_of(series, words),
                       [&](SlotId slot) { return slots_[slot].is(series, words); });
  }
  // As an array, unchecked: numbers of series are ours.
  Series& at(std::size_t series) { return series_.data()[series]; }
  SlotChoice find_texts(std::size_t series, KeyValues key, std::span<const std::string_view> texts);
  SlotChoice renew_or_admit(std::size_t series, const KeyValues& key,
                            std::span<const std::string_view> texts, SlotId found);
  SlotId new_slot(std::size_t series, KeyValues key, std::span<const std::string_view> texts);
  void renew_held();
  void sweep(std::uint32_t left);
  void evict(SlotId slot, std::uint32_t left);
  void retire(std::uint32_t gone);
  void push(SlotQueue* queue, SlotId slot);
  SlotId pop(SlotQueue* queue);

  const Epochs* epochs_;
  const Micros out_of_orderness_;
  std::vector<Series> series_;
  Dictionary dictionary_;
  ChunkedArray<Slot> slots_;
  HashIndex index_{HashIndex::Load::kSparse};  // numbers of slots

  // Writer's: not in a line that readers look at.
  alignas(64) ValueId other_value_;
  // Slots of keys by the time until which they are held.
  std::map<Micros, std::set<SlotId>> held_;
  // Keys that have left and were not found yet; then their slots, until the panes that have left
  // before them are out of the table; then until nobody can mean the former key.
  std::size_t expired_ = 0;
  SlotId hand_ = 0;
  SlotQueue evicted_, retired_;
};

}  // namespace surgewatch::window
