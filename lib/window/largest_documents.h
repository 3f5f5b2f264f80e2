// The largest documents of one pane, half a cache line, beside the pane (and not in it: few series
// ask).
//
// A document is in it by its amount alone. The three largest are kept; of all others only the bound
// that none of them is larger. So taking a document out is exact while one of those kept remains:
// if its amount is kept, that goes; if not, it was one of the others. (That an equal amount may be
// another document's makes no difference: the other then lies at the bound.) When all that were
// kept have been taken out, the largest is unknown but for the bound, until a document that reaches
// it comes.
//
// Threads: one writer; any thread loads largest().
// Invariants: kept amounts are in order, the largest first, and none is below the bound. All of it
// is a function of the order in which documents were taken in and out.
// Memory orders: the writer stores the largest before it adds to the pane, with release; a reader
// loads it, with acquire, after it has read the pane. So the reader has seen at least what the pane
// showed. It may see more: then the pane's sequence changes afterwards, and who follows the pane
// comes back. The other words are the writer's own. Checked: tests/model/largest.pml.
// Cost: of a document that is none of the largest, two comparisons.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "base/largest.h"

namespace surgewatch::window {

class alignas(32) LargestDocuments {
 public:
  // Writer: as for a pane that holds nothing.
  void clear() {
    first_.store(0, std::memory_order_release);
    next_ = {};
    bound_ = 0;
  }

  // Writer. Amounts of 0 and less (credit notes, returns) are no document's here.
  void take_in(std::int64_t amount) {
    if (amount <= next_[1] || amount <= 0) [[likely]] {
      bound_ = std::max(bound_, amount);
      return;
    }
    if (amount < bound_) return;  // with room: one of the others may be larger
    bound_ = std::max(bound_, next_[1]);
    const std::int64_t first = own();
    if (amount <= next_[0]) {
      next_[1] = amount;
      return;
    }
    next_[1] = next_[0];
    if (amount <= first) {
      next_[0] = amount;
      return;
    }
    next_[0] = std::max<std::int64_t>(first, 0);
    first_.store(amount, std::memory_order_release);
  }

  // Writer. Of a document that was taken in with this amount.
  void take_out(std::int64_t amount) {
    if (amount <= 0) return;
    const std::int64_t first = own();
    if (amount == first) {
      first_.store(next_[0] > 0 ? next_[0] : -bound_, std::memory_order_release);
      next_ = {next_[1], 0};
    } else if (amount == next_[0]) {
      next_ = {next_[1], 0};
    } else if (amount == next_[1]) {
      next_[1] = 0;
    }
  }

  // Any thread.
  Largest largest() const { return Largest::decoded(first_.load(std::memory_order_acquire)); }

 private:
  std::int64_t own() const { return first_.load(std::memory_order_relaxed); }  // own store

  std::atomic<std::int64_t> first_{0};  // see Largest::encoded()
  std::array<std::int64_t, 2> next_{};  // the next; 0: none
  std::int64_t bound_ = 0;
};
static_assert(sizeof(LargestDocuments) == 32);

}  // namespace surgewatch::window
