// One pane of one key: five sums in one cache line, published by a sequence lock.
//
// Threads: one writer; any number of readers, who wait for nobody: see sequence_lock.h.
// Invariants: a pane is type-stable: it is recycled for another key and time, never freed while the
// window lives. The tag (slot, pane index) is guarded with the sums, so a reader that comes late
// sees another tag and not a mixture.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/measures.h"
#include "base/time.h"
#include "window/points.h"
#include "window/sequence_lock.h"

namespace surgewatch::window {

// A series and a key of it; counted from 0 over the whole window.
using SlotId = std::uint32_t;
inline constexpr SlotId kNoSlot = UINT32_MAX;

// Number of a pane in its pool.
using PaneRef = std::uint32_t;
inline constexpr PaneRef kNoPane = UINT32_MAX;

// Whether others read what the writer does. Off only to measure what that costs.
enum class Publication : bool { kOff, kOn };

struct PaneSnapshot {
  SlotId slot = kNoSlot;
  PaneIndex pane_index = 0;
  MeasureValues values;
};

// What the pane that is being written will hold, for those who read it meanwhile: one for all panes
// of a writer. An addition leaves the tag as it is, so it is not repeated here.
struct alignas(64) PaneOutcome {
  std::array<std::atomic<std::int64_t>, kMeasureCount> sums{};
  // While the pane is given to another key it is nobody's.
  std::atomic<bool> is_assignment{false};
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

  // Writer. False if a sum did not fit and was saturated.
  template <Publication kPublication = Publication::kOn>
  bool add(const MeasureValues& values, PaneOutcome* outcome) {
    MeasureValues sums;
    bool overflowed = false;  // one branch for all of them: it is rare
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      overflowed |= __builtin_add_overflow(own(i), values.values[i], &sums.values[i]);
    }
    if (overflowed) [[unlikely]]
      sums = saturated_sums(values);
    if constexpr (kPublication == Publication::kOff) {
      for (std::size_t i = 0; i < kMeasureCount; ++i) {
        sums_[i].store(sums.values[i], std::memory_order_relaxed);
      }
      return !overflowed;
    }
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      outcome->sums[i].store(sums.values[i], std::memory_order_release);
      if (i == 0) SW_WINDOW_POINT(kSavingOutcome);
    }
    lock_.begin();
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      sums_[i].store(sums.values[i], std::memory_order_release);
      if (i == 0) SW_WINDOW_POINT(kAdding);
    }
    lock_.end();
    return !overflowed;
  }

  // Writer: its own stores.
  bool is(SlotId slot, PaneIndex pane_index) const {
    return slot_.load(std::memory_order_relaxed) == slot &&
           pane_index_.load(std::memory_order_relaxed) == pane_index;
  }
  SlotId slot() const { return slot_.load(std::memory_order_relaxed); }
  PaneIndex pane_index() const { return pane_index_.load(std::memory_order_relaxed); }

  // Any thread. Returns the sequence at which the snapshot was true; it differs after any change.
  std::uint32_t read(const PaneOutcome& outcome, PaneSnapshot* snapshot) const {
    return lock_.read(
        [&] {
          load_tag(snapshot);
          load_sums(sums_, snapshot);
        },
        [&] {
          SW_WINDOW_POINT(kReadingOutcome);
          load_tag(snapshot);
          load_sums(outcome.sums, snapshot);
          if (outcome.is_assignment.load(std::memory_order_acquire)) *snapshot = PaneSnapshot{};
        });
  }

  // The last epoch of the flusher in which the pane was handed over. The writer stores it before it
  // publishes its progress; the flusher, which has acquired that progress, loads it when the ring
  // was full and it looks at every pane. Relaxed: progress orders it.
  std::uint32_t dirty_epoch() const { return dirty_epoch_.load(std::memory_order_relaxed); }
  void set_dirty_epoch(std::uint32_t epoch) {
    dirty_epoch_.store(epoch, std::memory_order_relaxed);
  }

  // The writer's: the next pane in the same list (of a pane index, or of the free ones).
  PaneRef next = kNoPane;

 private:
  using Sums = std::array<std::atomic<std::int64_t>, kMeasureCount>;

  std::int64_t own(std::size_t i) const {
    return sums_[i].load(std::memory_order_relaxed);  // the writer's own store
  }
  MeasureValues saturated_sums(const MeasureValues& values) const {
    MeasureValues sums;
    for (std::size_t i = 0; i < kMeasureCount; ++i) sums.values[i] = own(i);
    sums.add(values);
    return sums;
  }

  void load_tag(PaneSnapshot* snapshot) const {
    snapshot->slot = slot_.load(std::memory_order_acquire);
    snapshot->pane_index = pane_index_.load(std::memory_order_acquire);
  }
  static void load_sums(const Sums& sums, PaneSnapshot* snapshot) {
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      snapshot->values.values[i] = sums[i].load(std::memory_order_acquire);
      if (i == 0) SW_WINDOW_POINT(kReadingPane);
    }
  }

  SequenceLock lock_;
  std::atomic<SlotId> slot_{kNoSlot};
  std::atomic<std::uint32_t> dirty_epoch_{0};
  std::atomic<PaneIndex> pane_index_{0};
  Sums sums_{};
};
static_assert(sizeof(Pane) == 64);

}  // namespace surgewatch::window
