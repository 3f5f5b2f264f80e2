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
//   - A slot (series, key) and a text keep their number for ever.
//   - A pane is live while events can still reach it: from the pane that holds the watermark less
//     the allowed lateness upward. That floor only rises. What is added below it is not summed here
//     but handed over as a correction, with its offset.
//   - So the total of a pane is the newest snapshot of it plus all its corrections, and which of
//     the two a contribution went to depends on the prefix of the source alone.
//   - collect() gives a state that holds at least every event below its next_offset, and exactly
//     the corrections of those events.
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
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/measures.h"
#include "base/time.h"
#include "window/alternating_words.h"
#include "window/chunk_queue.h"
#include "window/chunked_array.h"
#include "window/dictionary.h"
#include "window/dirty_ring.h"
#include "window/pane.h"
#include "window/pane_pool.h"
#include "window/pane_table.h"

namespace surgewatch::window {

inline constexpr std::size_t kMaxDimensions = 4;

// Values in the order of the series' dimensions; unused places are 0.
using KeyValues = std::array<ValueId, kMaxDimensions>;

// Of two multiplied halves: a key is hashed for each contribution. Source: wyhash, by Wang Yi.
struct KeyHash {
  std::uint64_t operator()(const KeyValues& key) const {
    static_assert(kMaxDimensions == 4);
    const std::uint64_t low = std::uint64_t{key[1]} << 32 | key[0];
    const std::uint64_t high = std::uint64_t{key[3]} << 32 | key[2];
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{low ^ 0x9e3779b97f4a7c15u} * (high ^ 0xe7037ed1a0b428dbu);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
};

struct SeriesSpec {
  Micros pane_length = 0;      // above 0
  std::size_t dimensions = 0;  // at most kMaxDimensions
  std::size_t max_keys = 0;    // beyond them keys count under `other`
};

struct Options {
  Micros allowed_lateness = 0;
  Micros out_of_orderness = 0;
  std::size_t dirty_ring_capacity = 1 << 14;  // a power of two
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
  Progress progress;
  std::vector<PaneSnapshot> panes;
  std::vector<Correction> corrections;
};

class Window {
 public:
  Window(std::vector<SeriesSpec> series, Options options);
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // ---- Writer. An event is begin_event(), any of the middle ones, publish().
  void begin_event() { epoch_ = flusher_epoch_.load(std::memory_order_acquire); }

  // The key's slot; that of `other` in each dimension if the series is full. `values` may hold
  // kNoValue for a text that the dictionary lacks: `texts` then says which.
  struct SlotChoice {
    SlotId slot = kNoSlot;
    bool is_over_limit = false;
  };
  SlotChoice slot(std::size_t series, const KeyValues& values,
                  std::span<const std::string_view> texts);

  // Adds to the pane of `time`, or leaves a correction. False if a sum was saturated. Requires that
  // the watermark has been advanced to time − out_of_orderness, at least.
  template <Publication kPublication = Publication::kOn>
  bool add(SlotId slot, Micros time, const MeasureValues& values, std::int64_t offset);

  // The watermark never falls.
  void advance(Micros watermark);

  template <Publication kPublication = Publication::kOn>
  void publish(std::int64_t next_offset) {
    if constexpr (kPublication == Publication::kOn) {
      published_.publish({next_offset, watermark_.value_or(kNoWatermark), epoch_});
    }
  }

  Dictionary& dictionary() { return dictionary_; }

  // ---- Flusher. False if nothing was published since the last call; `collected` is then empty but
  // for the progress.
  bool collect(Collected* collected);

  // ---- Any thread.
  Progress progress() const;
  bool read(SlotId slot, PaneIndex pane_index, PaneSnapshot* snapshot) const {
    return table_.read(slot, pane_index, snapshot);
  }
  std::uint32_t slot_count() const { return slots_.size(); }
  std::uint32_t series_of(SlotId slot) const { return slots_[slot].series; }
  std::string_view key_text(SlotId slot, std::size_t dimension) const {
    return dictionary_.text(slots_[slot].values[dimension]);
  }
  std::size_t dimensions(SlotId slot) const { return series_[series_of(slot)].spec.dimensions; }
  // Panes that were ever needed at once: what the pool holds.
  std::uint32_t pane_capacity() const { return pool_.size(); }

 private:
  // Constant for readers; what the writer remembers of it follows.
  struct Slot {
    std::uint32_t series = 0;
    KeyValues values{};
    PaneRef last_pane = kNoPane;  // the writer's: where the last contribution went
    PaneIndex last_pane_index = 0;
  };

  struct Series {
    SeriesSpec spec;
    absl::flat_hash_map<KeyValues, SlotId, KeyHash> slots;  // the writer's index
    // Panes by pane index modulo the ring's length, a list in each place: what leaves at once.
    std::vector<PaneRef> ring;
    PaneIndex floor = INT64_MIN;  // panes below it have left
    SlotId other = kNoSlot;
  };

  SlotId new_slot(std::size_t series, const KeyValues& values);
  PaneRef pane_for(SlotId slot, PaneIndex pane_index);
  void mark_dirty(PaneRef pane);
  void raise_floor(Series& series, PaneIndex floor);
  void recycle(std::size_t count);

  static constexpr Micros kNoWatermark = INT64_MIN;
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
  PanePool pool_;
  PaneTable table_;

  // Writer's.
  std::uint32_t epoch_ = 1;  // of the event at hand
  std::optional<Micros> watermark_;
  Micros next_floor_change_ = INT64_MIN;  // watermark at which some series' floor rises
  ValueId other_value_;
  // Lists of panes that have left, then the panes of those lists that wait to be settled.
  std::vector<PaneRef> leaving_;
  std::size_t leaving_read_ = 0;
  std::vector<PaneRef> unsettled_;
  std::size_t unsettled_read_ = 0;

  // Writer to flusher.
  DirtyRing dirty_;
  ChunkQueue<Correction> corrections_;
  // Set by the writer when the ring was full, before it publishes; cleared by the flusher before it
  // looks at every pane. Release and acquire: a pane marked before the flag was set is seen by who
  // sees the flag; one marked later sets it again.
  alignas(64) std::atomic<bool> ring_was_full_{false};
  // The next offset, the watermark and the writer's epoch, after each event.
  AlternatingWords<3> published_{{0, kNoWatermark, 0}};

  // Flusher to writer. Release and acquire: a writer that sees an epoch sees nothing else by it; a
  // writer that sees a pane settled knows that the flusher has read it for the last time.
  alignas(64) std::atomic<std::uint32_t> flusher_epoch_{1};
  std::atomic<std::uint32_t> settled_epoch_{0};

  // Flusher's.
  std::int64_t collected_offset_ = 0;
  bool collected_any_ = false;
  std::vector<PaneRef> found_;
  std::vector<Watched> watched_;  // by pane number
  std::vector<Watched> watched_next_;
};

}  // namespace surgewatch::window
