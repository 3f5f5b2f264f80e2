// The grace period, in place of a fence on the writer's path: when the flusher has seen all that
// the writer did.
//
// A dirty pane is handed over once in an *epoch*; the flusher starts a new one each time. The
// writer may not notice at once: it goes on in the old epoch, and changes a pane that it has handed
// over and that the flusher has just read. So the flusher keeps what it has read on a list, and
// looks at it again, until the writer's published progress says that it works in a later epoch:
// then everything done in the earlier one is visible. Such panes are *settled*, and only those are
// recycled. Once the flusher's caller has asked for the keys that it wanted, the epoch is
// *released*, and slots and texts of keys that have left by then go to other keys.
//
// Threads: one writer, one flusher at a time; wait-free.
// Invariants: epochs only grow; released ≤ settled < that of the writer's event ≤ current, as each
// thread sees them.
// Memory orders: release and acquire. A writer that sees an epoch sees nothing else by it; one that
// sees a pane settled knows that the flusher has read it for the last time.
#pragma once

#include <atomic>
#include <cstdint>

namespace surgewatch::window {

class Epochs {
 public:
  // ---- Writer.
  void begin_event() { of_event_ = current_.load(std::memory_order_acquire); }
  // Of the event at hand.
  std::uint32_t of_event() const { return of_event_; }
  std::uint32_t settled() const { return settled_.load(std::memory_order_acquire); }
  std::uint32_t released() const { return released_.load(std::memory_order_acquire); }

  // ---- Flusher.
  void start_next() {
    const std::uint32_t ending = current_.load(std::memory_order_relaxed);  // own store
    current_.store(ending + 1, std::memory_order_release);
  }
  void settle(std::uint32_t epoch) { settled_.store(epoch, std::memory_order_release); }
  std::uint32_t own_settled() const { return settled_.load(std::memory_order_relaxed); }
  void release_settled() { released_.store(own_settled(), std::memory_order_release); }

 private:
  std::uint32_t of_event_ = 1;  // writer's: not in a line that the flusher writes
  // Flusher to writer.
  alignas(64) std::atomic<std::uint32_t> current_{1};
  std::atomic<std::uint32_t> settled_{0};
  std::atomic<std::uint32_t> released_{0};
};

}  // namespace surgewatch::window
