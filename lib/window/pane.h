// One pane of one key: five sums in one cache line, published by a sequence lock.
//
// Threads: one writer; any number of readers.
// Invariants: a pane is type-stable: it is recycled for another key and time, never freed while the
// window lives. The tag (slot, pane index) is guarded with the sums, so a reader that comes late
// sees another tag and not a mixture.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/measures.h"
#include "base/time.h"
#include "window/sequence_lock.h"

namespace surgewatch::window {

// A series and a key of it; counted from 0 over the whole window.
using SlotId = std::uint32_t;
inline constexpr SlotId kNoSlot = UINT32_MAX;

// Number of a pane in its pool.
using PaneRef = std::uint32_t;
inline constexpr PaneRef kNoPane = UINT32_MAX;

struct PaneSnapshot {
  SlotId slot = kNoSlot;
  PaneIndex pane_index = 0;
  MeasureValues values;
};

class alignas(64) Pane {
 public:
  // Writer. Gives the pane to a key and a time, with sums of 0.
  void assign(SlotId slot, PaneIndex pane_index) {
    lock_.begin();
    slot_.store(slot, std::memory_order_release);
    pane_index_.store(pane_index, std::memory_order_release);
    for (auto& sum : sums_) sum.store(0, std::memory_order_release);
    lock_.end();
  }

  // Writer. False if a sum did not fit and was saturated.
  bool add(const MeasureValues& values) {
    MeasureValues sums;  // its own stores: no order needed
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      sums.values[i] = sums_[i].load(std::memory_order_relaxed);
    }
    const bool fitted = sums.add(values);
    lock_.begin();
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      sums_[i].store(sums.values[i], std::memory_order_release);
    }
    lock_.end();
    return fitted;
  }

  // Writer: its own stores.
  bool is(SlotId slot, PaneIndex pane_index) const {
    return slot_.load(std::memory_order_relaxed) == slot &&
           pane_index_.load(std::memory_order_relaxed) == pane_index;
  }
  SlotId slot() const { return slot_.load(std::memory_order_relaxed); }
  PaneIndex pane_index() const { return pane_index_.load(std::memory_order_relaxed); }

  // Any thread. Returns the sequence at which the snapshot was true; it differs after any change.
  std::uint32_t read(PaneSnapshot* snapshot) const {
    return lock_.read([&] {
      snapshot->slot = slot_.load(std::memory_order_acquire);
      snapshot->pane_index = pane_index_.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < kMeasureCount; ++i) {
        snapshot->values.values[i] = sums_[i].load(std::memory_order_acquire);
      }
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
  SequenceLock lock_;
  std::atomic<SlotId> slot_{kNoSlot};
  std::atomic<std::uint32_t> dirty_epoch_{0};
  std::atomic<PaneIndex> pane_index_{0};
  std::array<std::atomic<std::int64_t>, kMeasureCount> sums_{};
};
static_assert(sizeof(Pane) == 64);

}  // namespace surgewatch::window
