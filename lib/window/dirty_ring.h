// The panes that have changed, from the writer to the flusher: a bounded ring for one of each.
//
// Threads: the writer pushes, the flusher pops; both wait-free. A full ring refuses: the caller
// says so in another way (HandOver makes the flusher look at every pane).
// Memory orders: an element is stored before the tail moves past it (release) and read after
// the tail was seen to (acquire); the head comes back the same way, so that an element is
// overwritten only after it was read. Elements themselves need not be atomic. Each end keeps a
// copy of what it last saw of the other, and looks again only when the copy says there is
// nothing to do.
// Source: the circular buffer of L. Lamport, "Specifying Concurrent Program Modules", TOPLAS
// 1983.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "window/pane.h"
#include "window/points.h"

namespace surgewatch::window {

class DirtyRing {
 public:
  explicit DirtyRing(std::size_t capacity) : elements_(capacity), mask_(capacity - 1) {
    SW_CHECK(std::has_single_bit(capacity));
  }

  // Writer. False if the ring is full.
  bool push(PaneRef pane) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);  // own store
    if (tail - head_seen_ > mask_) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (tail - head_seen_ > mask_) return false;
    }
    elements_[tail & mask_] = pane;
    SW_WINDOW_POINT(kPushing);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Flusher. What is pushed before this call, and maybe during it, lies below the answer.
  std::uint64_t tail() const { return tail_.load(std::memory_order_acquire); }

  // Flusher. Appends everything below `tail`, an answer of tail().
  void pop_until(std::uint64_t tail, std::vector<PaneRef>* panes) {
    std::uint64_t head = head_.load(std::memory_order_relaxed);  // own store
    for (; head != tail; ++head) panes->push_back(elements_[head & mask_]);
    head_.store(head, std::memory_order_release);
  }

 private:
  std::vector<PaneRef> elements_;
  const std::uint64_t mask_;
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // writer's
  std::uint64_t head_seen_ = 0;                     // writer's
  alignas(64) std::atomic<std::uint64_t> head_{0};  // flusher's
};

}  // namespace surgewatch::window
