// The window of one source: sums by series, key and pane, written by one thread at full speed while
// others read. Knows neither Kafka nor protobuf, does no I/O, and has no clock. docs/window.md has
// the whole argument; the parts have theirs beside the code.
//
// Threads
//   writer   owns everything but the flusher's part; its calls take no lock and wait for nobody.
//   flusher  one thread at a time calls collect(); lock-free.
//   readers  any thread: read(), progress(), slots; lock-free.
//
// Invariants
//   - A key has a slot as long as anything can refer to it: while it is used, while its panes are
//     live, and while a correction may name a document that has contributed to it. Then it leaves
//     (key_life.h): when, is a function of the prefix of the source. Its slot and texts go to other
//     keys only when no flusher and no pane can mean the former one by them.
//   - A pane is live while events can still reach it: from the pane that holds the watermark less
//     the allowed lateness upward. That floor only rises. What is added below it is not summed here
//     but handed over as a correction, with its offset. Upward there is no end: see Ahead.
//   - So the total of a pane is the newest snapshot of it plus all its corrections, and which of
//     the two a contribution went to depends on the prefix of the source alone.
//   - collect() gives a state that holds at least every event below its next_offset, and exactly
//     the corrections of those events.
//
// Ahead. Nearly all events are no further ahead of the watermark than the out-of-orderness: panes
// up to there are in a ring. Where the watermark follows not the highest event time but one below
// it, some few may be anywhere ahead, and all are before there is a watermark. Their panes are in a
// map beside the ring until it has come to them; their keys are held: hold(). Both are bounded by
// the number of such events, which is the caller's to bound. Of series with more panes than
// kMaxRingPlaces, the newer ones are in the map too: a ring is there from the start, whatever
// comes.
//
// The grace period, in place of a fence on the writer's path. A dirty pane is handed over once in
// an *epoch*; the flusher starts a new one each time. The writer may not notice at once: it goes on
// in the old epoch, and changes a pane that it has handed over and that the flusher has just read.
// So the flusher keeps what it has read on a list, and looks at it again, until the writer's
// published progress says that it works in a later epoch: then everything done in the earlier one
// is visible. Such panes are *settled*, and only those are recycled.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/measures.h"
#include "base/saturating.h"
#include "base/time.h"
#include "window/alternating_words.h"
#include "window/chunk_queue.h"
#include "window/chunked_array.h"
#include "window/dictionary.h"
#include "window/dirty_ring.h"
#include "window/hash_table.h"
#include "window/key_life.h"
#include "window/largest_documents.h"
#include "window/mix.h"
#include "window/pane.h"
#include "window/pane_pool.h"
#include "window/pane_table.h"

namespace surgewatch::window {

inline constexpr std::size_t kMaxDimensions = 4;

// Values in the order of the series' dimensions; unused places are 0.
using KeyValues = std::array<ValueId, kMaxDimensions>;

struct SeriesSpec {
  Micros pane_length = 0;      // above 0
  std::size_t dimensions = 0;  // at most kMaxDimensions
  std::size_t max_keys = 0;    // beyond them keys count under `other`
  // The measure of which each pane's largest document is kept.
  std::optional<Measure> largest = std::nullopt;
};

// Whose values a contribution has: a document's, or, with the opposite sign, those of one that is
// taken out.
enum class Effect : bool { kTakeIn, kTakeOut };

struct Options {
  Micros allowed_lateness = 0;
  Micros out_of_orderness = 0;    // what is further ahead of the watermark is rare
  Micros correction_horizon = 0;  // how long a document may still name the slots of its keys
  std::size_t dirty_ring_capacity = 1 << 14;  // a power of two
  std::uint64_t text_seed = 0;                // of the dictionary
};

// A contribution below the floor.
struct Correction {
  SlotId slot = kNoSlot;
  PaneIndex pane_index = 0;
  MeasureValues values;
  std::int64_t offset = 0;
};

struct Progress {
  std::int64_t next_offset = 0;  // every event below it is reflected
  std::optional<Micros> watermark;
};

// What collect() finds: panes as they are now, corrections in the order of their offsets.
struct Collected {
  struct Exact {
    std::size_t pane = 0;  // which of the panes; they are in their order
    WideMeasures values;
  };
  struct PaneLargest {
    std::size_t pane = 0;  // as above
    Largest document;
  };

  Progress progress;
  std::vector<PaneSnapshot> panes;
  std::vector<Exact> exact;          // of the panes that are wide
  std::vector<PaneLargest> largest;  // of the panes whose series keeps it
  std::vector<Correction> corrections;
};

class Window {
 public:
  Window(std::vector<SeriesSpec> series, Options options);
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // ---- Writer. An event is begin_event(), any of the middle ones, publish(). A group of events
  // may be published as one: end_event() after each but the last.
  void begin_event() { epoch_ = flusher_epoch_.load(std::memory_order_acquire); }

  // The key's slot; that of `other` in each dimension if the series is full. `values` may hold
  // kNoValue for a text that the dictionary lacks: `texts` then says which. A slot is good for this
  // event, and for corrections of its document within the horizon; a number that find() gave, for
  // this event.
  struct SlotChoice {
    SlotId slot = kNoSlot;
    bool is_over_limit = false;
  };
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

  // Looking ahead, some events before a key's turn: memory is slower than everything else here.
  // First prefetch(), then guess() with the hash that it returns, then prefetch_pane() and slot()
  // with the guess; each asks memory for what the next one needs. All but slot() change nothing, so
  // that what is ahead of its turn can't count.
  std::uint64_t prefetch(std::size_t series, const KeyValues& values) const {
    const std::uint64_t hash = hash_of(series, words_of(values));
    keys_.prefetch(hash);
    return hash;
  }
  // The slot that has the key now, or one whose hash is like it; kNoSlot if there is neither.
  SlotId guess(std::uint64_t hash) const {
    const SlotId slot = keys_.guess(hash);
    if (slot == HashIndex::kNone) [[unlikely]]
      return kNoSlot;
    __builtin_prefetch(&slots_[slot]);
    return slot;
  }
  void prefetch_pane(SlotId guess) const {
    if (guess == kNoSlot) [[unlikely]]
      return;
    const PaneRef pane = slots_[guess].last_pane;
    // Of a slot that has been given up it may be anything.
    if (pane < pool_.size()) [[likely]]
      pool_.prefetch(pane);
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

  // Adds to the pane of `time`, or leaves a correction. False if a sum of the pane does not fit 64
  // bits now: what readers get of it is the nearest that does. If the watermark has not come to
  // time − out_of_orderness, hold() must follow.
  template <Publication kPublication = Publication::kOn>
  bool add(SlotId slot, Micros time, const MeasureValues& values, std::int64_t offset,
           Effect effect = Effect::kTakeIn) {
    const Slot& to = slots_[slot];
    Series& series = at(to.series.load(std::memory_order_relaxed));  // own store
    const auto length = static_cast<std::uint64_t>(series.spec.pane_length);
    const auto into = static_cast<std::uint64_t>(time - series.pane_begin);
    PaneIndex pane_index = series.pane;
    if (into >= length) [[unlikely]] {
      if (into + length < length) {
        --pane_index;  // what comes late comes to the pane before, mostly
      } else {
        pane_index = series.pane = pane_of(time, series.spec.pane_length);
        series.pane_begin = pane_index * series.spec.pane_length;
      }
    }
    // What nearly all are: to the pane that the key used last, and its sums fit.
    if (pane_index >= series.floor && to.last_pane != kNoPane) [[likely]] {
      Pane& pane = pool_[to.last_pane];
      if (pane.is_narrow(slot, pane_index)) [[likely]] {
        if (series.spec.largest) note_document(to.last_pane, values[*series.spec.largest], effect);
        if (!pane.add<kPublication>(values, pool_.outcome())) [[unlikely]]
          return add_wide<kPublication>(to.last_pane, values);
        if constexpr (kPublication == Publication::kOn) mark_dirty(pane, to.last_pane);
        return true;
      }
    }
    return add_elsewhere<kPublication>(slot, pane_index, values, offset, effect);
  }

  // A document that uses the key is of `time`, of which the watermark has not come to within
  // out_of_orderness: the key is there until it has, and then counts as used.
  void hold(SlotId slot, Micros time);

  // The watermark never falls; it is above kNoWatermark.
  void advance(Micros watermark) {
    if (watermark <= watermark_) return;
    if (watermark >= next_border_) [[unlikely]]
      cross_border(watermark);
    watermark_ = watermark;
  }

  // Some of what was left over from a border, while there is any.
  void end_event() {
    if (has_leftovers_) [[unlikely]]
      tidy();
  }
  template <Publication kPublication = Publication::kOn>
  void publish(std::int64_t next_offset) {
    end_event();
    if constexpr (kPublication == Publication::kOn) {
      published_.publish({next_offset, watermark_, epoch_});
    }
  }

  Dictionary& dictionary() { return dictionary_; }

  std::size_t key_count() const;  // that count as there, with `other`
  // What it takes at the most, except what waits in queues: whatever comes, of which `outliers`
  // events are ahead at once.
  struct AtMost {
    Saturating panes_per_key;    // there at once, and those that are on their way out
    std::size_t pane = 0;        // bytes of each
    Saturating key_count;        // slots, of keys that are there or on their way out
    std::size_t key = 0;         // bytes of each, its texts aside
    Saturating pane_indexes;     // lists of panes
    std::size_t pane_index = 0;  // bytes of each, about
  };
  static AtMost at_most(const SeriesSpec& spec, const Options& options, Saturating keys);
  // Whatever the series.
  static std::size_t empty_bytes(const Options& options);
  // All that keys, panes and what is kept beside them take, except what waits in queues.
  std::size_t bytes() const;

  // ---- Flusher. False if nothing was published since the last call; `collected` is then empty but
  // for the progress. The keys of what it brings may be asked for until the next call.
  bool collect(Collected* collected);
  std::uint32_t series_of(SlotId slot) const {
    return slots_[slot].series.load(std::memory_order_relaxed);  // ordered by what brought the slot
  }
  std::string_view key_text(SlotId slot, std::size_t dimension) const {
    return dictionary_.text(slots_[slot].value(dimension));
  }
  std::size_t dimensions(SlotId slot) const { return series_[series_of(slot)].spec.dimensions; }

  // ---- Any thread.
  Progress progress() const;
  // The first pane that none has left before, of a series with panes of this length; INT64_MIN
  // while none has left. A reader that has missed a pane because it had left finds, afterwards,
  // that this is beyond it.
  PaneIndex kept_from(Micros pane_length) const {
    const Micros oldest = kept_from_.load(std::memory_order_acquire);
    return oldest == kNoWatermark ? INT64_MIN : pane_of(oldest, pane_length);
  }
  // Slots there are, with a key or without: below it are all that have one.
  std::uint32_t slot_count() const { return slots_.size(); }
  // The key that is in a slot; false if there is none. Its generation is that key's alone.
  struct Key {
    std::uint32_t generation = 0;
    std::uint32_t series = 0;
    std::vector<std::string> values;
  };
  bool read_key(SlotId slot, Key* key) const;
  bool is_in(SlotId slot, std::uint32_t generation) const {
    return slots_[slot].sequence.load(std::memory_order_acquire) == generation;
  }
  // A pane of whichever key is in the slot. `exact`, unless null, gets its sums in 128 bits.
  bool read(SlotId slot, PaneIndex pane_index, PaneSnapshot* snapshot,
            WideMeasures* exact = nullptr) const {
    return table_.read(slot, pane_index, snapshot, exact);
  }
  // The same, of the key that read_key() found there; false if that has left.
  bool read(SlotId slot, std::uint32_t generation, PaneIndex pane_index, PaneSnapshot* snapshot,
            WideMeasures* exact = nullptr) const {
    return table_.read(slot, pane_index, snapshot, exact) && is_in(slot, generation);
  }
  // Panes that were ever needed at once: what the pool holds.
  std::uint32_t pane_capacity() const { return pool_.size(); }

  static constexpr Micros kNoWatermark = INT64_MIN;
  static constexpr std::int64_t kMaxRingPlaces = std::int64_t{1} << 16;

 private:
  // A key in two words, which are compared and hashed.
  using KeyWords = std::array<std::uint64_t, 2>;
  static KeyWords words_of(const KeyValues& key) {
    static_assert(kMaxDimensions == 4);
    return {std::uint64_t{std::get<1>(key)} << 32 | std::get<0>(key),
            std::uint64_t{std::get<3>(key)} << 32 | std::get<2>(key)};
  }

  // A key of a series. The sequence is odd while the slot is nobody's; series and values change
  // only then. All of it is stored with release and loaded with acquire: see SequenceLock.
  struct alignas(32) Slot {
    std::atomic<std::uint32_t> sequence{1};
    std::atomic<std::uint32_t> series{0};
    std::atomic<std::uint64_t> key[2]{};  // see words_of()
    // The writer's.
    PaneRef last_pane = kNoPane;  // where the last contribution went; or the next slot in a queue
    std::uint32_t span = 0;       // of its last use; or what it waits for in a queue

    // Writer: its own stores.
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

  struct SlotQueue {
    SlotId first = kNoSlot;
    SlotId last = kNoSlot;
  };

  struct Series {
    SeriesSpec spec;
    // The pane of the last contribution, so that the next one needs no division.
    PaneIndex pane = 0;
    Micros pane_begin = 0;
    PaneIndex floor = INT64_MIN;  // panes below it have left
    SlotId other = kNoSlot;
    KeyLife life;
    // Panes that may be live at once, but for those that are far ahead.
    std::int64_t span = 0;
    // Panes by pane index modulo the ring's length, a list in each place: what leaves at once.
    std::vector<PaneRef> ring;
    // The same of panes that are further above the floor than the ring is long.
    std::map<PaneIndex, PaneRef> ahead;

    // Whether the ring has come to the pane, which has not left.
    bool reaches(PaneIndex index) const {
      return floor != INT64_MIN && index - floor < static_cast<std::int64_t>(ring.size());
    }
    bool is_far_ahead(PaneIndex index) const { return floor == INT64_MIN || index - floor >= span; }
    PaneRef& place(PaneIndex index) {
      const auto length = static_cast<std::int64_t>(ring.size());
      return ring[static_cast<std::size_t>(index - floor_div(index, length) * length)];
    }
  };

  static std::uint64_t hash_of(std::size_t series, const KeyWords& words) {
    return mix(words[0], words[1] + series);
  }
  SlotId find(std::size_t series, const KeyWords& words) const {
    return keys_.find(hash_of(series, words),
                      [&](SlotId slot) { return slots_[slot].is(series, words); });
  }
  // As an array, unchecked: numbers of series are ours.
  Series& at(std::size_t series) { return series_.data()[series]; }
  const Series& at(std::size_t series) const { return series_.data()[series]; }
  SlotChoice find_texts(std::size_t series, KeyValues key, std::span<const std::string_view> texts);
  SlotChoice renew_or_admit(std::size_t series, const KeyValues& key,
                            std::span<const std::string_view> texts, SlotId found);
  SlotId new_slot(std::size_t series, KeyValues key, std::span<const std::string_view> texts);
  PaneRef pane_for(SlotId slot, PaneIndex pane_index);
  template <Publication kPublication>
  bool add_elsewhere(SlotId slot, PaneIndex pane_index, const MeasureValues& values,
                     std::int64_t offset, Effect effect);
  // To a pane whose sums may not fit; the document has been noted.
  template <Publication kPublication>
  bool add_wide(PaneRef pane, const MeasureValues& values);
  void mark_dirty(const Pane& pane, PaneRef number) {
    if (pane.dirty_epoch() != epoch_) hand_over(number);
  }
  void hand_over(PaneRef pane);
  // Before the pane's sums: see LargestDocuments.
  void note_document(PaneRef pane, std::int64_t amount, Effect effect) {
    if (effect == Effect::kTakeIn) {
      largest_[pane].take_in(amount);
    } else {
      largest_[pane].take_out(-amount);
    }
  }
  void cross_border(Micros watermark);
  void raise_floor(Series& series, PaneIndex floor);
  void leave(PaneRef list);
  void renew_held();
  void tidy();
  void recycle(std::size_t count);
  void sweep();
  void evict(SlotId slot);
  void retire_slots();
  void push(SlotQueue* queue, SlotId slot);
  SlotId pop(SlotQueue* queue);

  static Progress to_progress(std::int64_t next_offset, Micros watermark);

  // Flusher.
  struct Watched {
    PaneRef pane = kNoPane;
    std::uint32_t sequence = 0;  // at which it was read last
  };
  void find_dirty(std::uint64_t tail);

  const Options options_;
  std::vector<Series> series_;
  Dictionary dictionary_;
  ChunkedArray<Slot> slots_;
  HashIndex keys_{HashIndex::Load::kSparse};  // numbers of slots
  PanePool pool_;
  PaneTable table_;
  ChunkedArray<LargestDocuments, 1024> largest_;  // by pane number; none if no series asks

  // Writer's: not in a line that readers look at.
  alignas(64) std::uint32_t epoch_ = 1;  // of the event at hand
  Micros watermark_ = kNoWatermark;
  Micros next_border_ = INT64_MIN;  // watermark at which a floor rises or keys may leave
  bool has_leftovers_ = false;      // panes or keys that have left and are still there
  ValueId other_value_;
  // Slots of keys by the time until which they are held.
  std::map<Micros, std::set<SlotId>> held_;
  // Lists of panes that have left, then the panes of those lists that wait to be settled.
  std::vector<PaneRef> leaving_;
  std::size_t leaving_read_ = 0;
  std::uint32_t leaving_in_ = 0, leaving_out_ = 0;  // lists that came and went
  PaneRef unsettled_first_ = kNoPane, unsettled_last_ = kNoPane;
  // Keys that have left and were not found yet; then their slots, until the panes that have left
  // before them are out of the table; then until nobody can mean the former key.
  std::size_t expired_ = 0;
  SlotId hand_ = 0;
  SlotQueue evicted_, retired_;

  // Writer to flusher.
  DirtyRing dirty_;
  ChunkQueue<Correction> corrections_;
  // Set by the writer when the ring was full, before it publishes; cleared by the flusher before it
  // looks at every pane. Release and acquire: a pane marked before the flag was set is seen by who
  // sees the flag; one marked later sets it again.
  alignas(64) std::atomic<bool> ring_was_full_{false};
  // The next offset, the watermark and the writer's epoch, after each event.
  alignas(64) AlternatingWords<3> published_{{0, kNoWatermark, 0}};

  // Writer to readers: the watermark less the allowed lateness when the floors rose last. Stored
  // before what is below is taken out, with release, as each step of taking out is: who has
  // acquired any of those steps sees this.
  std::atomic<Micros> kept_from_{kNoWatermark};

  // Flusher to writer. Release and acquire: a writer that sees an epoch sees nothing else by it; a
  // writer that sees a pane settled knows that the flusher has read it for the last time.
  alignas(64) std::atomic<std::uint32_t> flusher_epoch_{1};
  std::atomic<std::uint32_t> settled_epoch_{0};
  // Of that, what the flusher is done with: it has asked for the keys that it wanted.
  std::atomic<std::uint32_t> released_epoch_{0};

  // Flusher's.
  alignas(64) std::int64_t collected_offset_ = 0;
  bool collected_any_ = false;
  std::vector<PaneRef> found_;
  std::vector<Watched> watched_;  // by pane number
  std::vector<Watched> watched_next_;
};

}  // namespace surgewatch::window
