// One pane of one key: five sums in one cache line, published by a sequence lock.
//
// Sums that have left 64 bits are *wide*: the pane then holds the number of a place with all five
// in 128 bits, until they fit again. Readers get the nearest that 64 bits can hold, and the exact
// sums if they ask.
//
// Threads: one writer; any number of readers, who wait for nobody: see sequence_lock.h.
// Invariants: a pane is type-stable: it is recycled for another key and time, never freed while the
// window lives. The tag (slot, pane index) is guarded with the sums, so a reader that comes late
// sees another tag and not a mixture.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/measures.h"
#include "base/time.h"
#include "window/chunked_array.h"
#include "window/points.h"
#include "window/sequence_lock.h"

namespace surgewatch::window {

// A series and a key of it; counted from 0 over the whole window.
using SlotId = std::uint32_t;
inline constexpr SlotId kNoSlot = UINT32_MAX >> 1;  // the topmost bit is the pane's

// Number of a pane in its pool.
using PaneRef = std::uint32_t;
inline constexpr PaneRef kNoPane = UINT32_MAX;

// Whether others read what the writer does. Off only to measure what that costs.
enum class Publication : bool { kOff, kOn };

struct PaneSnapshot {
  SlotId slot = kNoSlot;
  PaneIndex pane_index = 0;
  MeasureValues values;
  bool is_wide = false;  // a sum does not fit: its value is the nearest that does
};

// use(i) for each measure, as constants: what is indexed by them stays in registers.
template <typename Use>
[[gnu::always_inline]] inline void each_measure(Use&& use) {
  [&]<std::size_t... kI>(std::index_sequence<kI...>) { (use(kI), ...); }
  (std::make_index_sequence<kMeasureCount>());
}

// Five sums of 128 bits as atomics, guarded by the sequence lock of the pane that they belong to.
class WideSums {
 public:
  // Writer.
  void store(const WideMeasures& sums) {
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      const auto bits = static_cast<Bits>(sums.values[i]);
      words_[2 * i].store(static_cast<std::uint64_t>(bits), std::memory_order_release);
      words_[2 * i + 1].store(static_cast<std::uint64_t>(bits >> 64), std::memory_order_release);
    }
  }
  WideMeasures load() const {
    WideMeasures sums;
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      const Bits low = words_[2 * i].load(std::memory_order_acquire);
      const Bits high = words_[2 * i + 1].load(std::memory_order_acquire);
      sums.values[i] = static_cast<WideMeasures::Sum>(high << 64 | low);
    }
    return sums;
  }

 private:
  __extension__ using Bits = unsigned __int128;
  std::array<std::atomic<std::uint64_t>, 2 * kMeasureCount> words_{};
};

// What the pane that is being written will hold, for those who read it meanwhile: one for all panes
// of a writer. An addition leaves the tag as it is, so it is not repeated here.
struct alignas(64) PaneOutcome {
  std::atomic<std::int64_t> sums[kMeasureCount]{};
  // While the pane is given to another key it is nobody's.
  std::atomic<bool> is_assignment{false};
  // The sums are these.
  std::atomic<bool> is_wide{false};
  WideSums wide;
};

// Places for wide sums, recycled and never freed. One writer takes and gives back; a reader who
// comes late finds another pane's sums there, and thereby that its own pane has changed.
class WidePlaces {
 public:
  std::uint32_t take() {
    if (free_.empty()) {
      const std::uint32_t place = places_.append();
      free_.reserve(places_.size());
      return place;
    }
    const std::uint32_t place = free_.back();
    free_.pop_back();
    return place;
  }
  void give_back(std::uint32_t place) { free_.push_back(place); }
  WideSums& operator[](std::uint32_t place) { return places_[place]; }
  const WideSums& operator[](std::uint32_t place) const { return places_[place]; }
  std::uint32_t size() const { return places_.size(); }

 private:
  ChunkedArray<WideSums> places_;
  std::vector<std::uint32_t> free_;  // the writer's
};

class alignas(64) Pane {
 public:
  // Writer. Gives the pane to a key and a time, with sums of 0.
  void assign(SlotId slot, PaneIndex pane_index, PaneOutcome* outcome) {
    outcome->is_assignment.store(true, std::memory_order_release);
    lock_.begin();
    slot_.store(slot, std::memory_order_release);
    SW_WINDOW_POINT(kAssigning);
    pane_index_.store(pane_index, std::memory_order_release);
    for (auto& sum : sums_) sum.store(0, std::memory_order_release);
    lock_.end();
    outcome->is_assignment.store(false, std::memory_order_release);
  }

  // Writer. Requires sums that fit 64 bits: see is_narrow(). False if it did nothing, since one
  // would leave them.
  template <Publication kPublication = Publication::kOn>
  [[gnu::always_inline]] bool add(const MeasureValues& values, PaneOutcome* outcome) {
    std::int64_t sums[kMeasureCount];
    bool fits = true;
    each_measure([&](std::size_t i) {
      fits = fits && !__builtin_add_overflow(own(i), values.values.data()[i], &sums[i]);
    });
    if (!fits) [[unlikely]]
      return false;
    if constexpr (kPublication == Publication::kOff) {
      each_measure([&](std::size_t i) { sums_[i].store(sums[i], std::memory_order_relaxed); });
      return true;
    }
    each_measure([&](std::size_t i) {
      outcome->sums[i].store(sums[i], std::memory_order_release);
      if (i == 0) SW_WINDOW_POINT(kSavingOutcome);
    });
    lock_.begin();
    each_measure([&](std::size_t i) {
      sums_[i].store(sums[i], std::memory_order_release);
      if (i == 0) SW_WINDOW_POINT(kAdding);
    });
    lock_.end();
    return true;
  }

  // Writer: of a pane that is wide, or after add() has answered false. False if a sum does not fit
  // 64 bits now.
  bool add_wide(const MeasureValues& values, WidePlaces* places, PaneOutcome* outcome) {
    WideMeasures sums = is_wide() ? (*places)[place()].load() : own_sums();
    sums.add(values);
    if (sums.is_narrow()) {
      set_narrow(sums.saturated(), places, outcome);
      return true;
    }
    outcome->wide.store(sums);
    outcome->is_wide.store(true, std::memory_order_release);
    const std::uint32_t to = is_wide() ? place() : places->take();
    lock_.begin();
    slot_.store(slot() | kWide, std::memory_order_release);
    sums_[0].store(to, std::memory_order_release);
    (*places)[to].store(sums);
    lock_.end();
    outcome->is_wide.store(false, std::memory_order_release);
    return false;
  }
  // Writer: when the pane has been given back. A reader who comes late must not take a place that
  // is another's for this pane's sums, so it becomes nobody's.
  void forget_wide(WidePlaces* places, PaneOutcome* outcome) {
    if (!is_wide()) return;
    const std::uint32_t from = place();
    assign(kNoSlot, 0, outcome);
    places->give_back(from);
  }

  // Writer: its own stores.
  bool is(SlotId slot, PaneIndex pane_index) const {
    return this->slot() == slot && pane_index_.load(std::memory_order_relaxed) == pane_index;
  }
  // The same, and that its sums fit 64 bits.
  bool is_narrow(SlotId slot, PaneIndex pane_index) const {
    return ((slot_.load(std::memory_order_relaxed) ^ slot) |
            (pane_index_.load(std::memory_order_relaxed) ^ pane_index)) == 0;
  }
  bool is_narrow() const { return !is_wide(); }
  SlotId slot() const { return slot_.load(std::memory_order_relaxed) & ~kWide; }
  PaneIndex pane_index() const { return pane_index_.load(std::memory_order_relaxed); }

  // Any thread. Returns the sequence at which the snapshot was true; it differs after any change.
  // `exact`, unless null, gets the sums as they are.
  std::uint32_t read(const PaneOutcome& outcome, const WidePlaces& places, PaneSnapshot* snapshot,
                     WideMeasures* exact) const {
    WideMeasures wide;
    const std::uint32_t sequence = lock_.read(
        [&] {
          snapshot->is_wide = (load_tag(snapshot) & kWide) != 0;
          load_sums(sums_, snapshot);
          if (!snapshot->is_wide) return;
          // In the middle of a write it may be no place at all: the sequence will tell.
          const auto place = static_cast<std::uint32_t>(snapshot->values.values[0]);
          if (place < places.size()) wide = places[place].load();
        },
        [&] {
          SW_WINDOW_POINT(kReadingOutcome);
          load_tag(snapshot);
          snapshot->is_wide = outcome.is_wide.load(std::memory_order_acquire);
          load_sums(outcome.sums, snapshot);
          if (snapshot->is_wide) wide = outcome.wide.load();
          if (outcome.is_assignment.load(std::memory_order_acquire)) *snapshot = PaneSnapshot{};
        });
    if (snapshot->is_wide) snapshot->values = wide.saturated();
    if (exact != nullptr) *exact = snapshot->is_wide ? wide : WideMeasures(snapshot->values);
    return sequence;
  }

  // The last epoch of the flusher in which the pane was handed over. The writer stores it before it
  // publishes its progress, with release: when the ring was full, the flusher looks at every pane,
  // and where it acquires an epoch beyond that progress it sees the tag that the pane had got by
  // then. Else relaxed: progress orders it.
  std::uint32_t dirty_epoch(std::memory_order order = std::memory_order_relaxed) const {
    return dirty_epoch_.load(order);
  }
  void set_dirty_epoch(std::uint32_t epoch) {
    dirty_epoch_.store(epoch, std::memory_order_release);
  }

  // The writer's: the next pane in the same list (of a pane index, or of the free ones).
  PaneRef next = kNoPane;

 private:
  // Of slot_: sums_[0] is the number of the place where the sums are.
  static constexpr SlotId kWide = SlotId{1} << 31;
  using Sums = std::atomic<std::int64_t>[kMeasureCount];

  std::int64_t own(std::size_t i) const {
    return sums_[i].load(std::memory_order_relaxed);  // the writer's own store
  }
  MeasureValues own_sums() const {
    MeasureValues sums;
    for (std::size_t i = 0; i < kMeasureCount; ++i) sums.values[i] = own(i);
    return sums;
  }
  bool is_wide() const { return (slot_.load(std::memory_order_relaxed) & kWide) != 0; }
  std::uint32_t place() const { return static_cast<std::uint32_t>(own(0)); }

  void set_narrow(const MeasureValues& sums, WidePlaces* places, PaneOutcome* outcome) {
    const std::uint32_t from = place();
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      outcome->sums[i].store(sums.values[i], std::memory_order_release);
    }
    lock_.begin();
    slot_.store(slot(), std::memory_order_release);
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      sums_[i].store(sums.values[i], std::memory_order_release);
    }
    lock_.end();
    places->give_back(from);
  }

  SlotId load_tag(PaneSnapshot* snapshot) const {
    const SlotId tag = slot_.load(std::memory_order_acquire);
    snapshot->slot = tag & ~kWide;
    snapshot->pane_index = pane_index_.load(std::memory_order_acquire);
    return tag;
  }
  static void load_sums(const Sums& sums, PaneSnapshot* snapshot) {
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      snapshot->values.values[i] = sums[i].load(std::memory_order_acquire);
      if (i == 0) SW_WINDOW_POINT(kReadingPane);
    }
  }

  SequenceLock lock_;
  std::atomic<SlotId> slot_{kNoSlot & ~kWide};
  std::atomic<std::uint32_t> dirty_epoch_{0};
  std::atomic<PaneIndex> pane_index_{0};
  Sums sums_{};
};
static_assert(sizeof(Pane) == 64);

}  // namespace surgewatch::window
