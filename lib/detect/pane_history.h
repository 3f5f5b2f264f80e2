// The panes of one measured quantity (a subject's, or the whole's), kept so that the sum of any run
// of panes takes two look-ups.
//
//        forgotten │ closed: running totals in a ring        │ open: pane → value
//     ─────────────┼─────────────────────────────────────────┼──────────────────► panes
//                  closed - capacity                          closed
//
// Invariants: sums are exact (128 bits). What is added to a forgotten pane changes no sum of kept
// ones.
// Threads: one.
// Cost: memory is 16 bytes × capacity. Adding to an open pane and closing one take O(1) for a few
// open panes; adding to a closed pane takes O(panes closed since).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"

namespace surgewatch::detect {

using Int128 = __int128;

class PaneHistory {
 public:
  // `closed`: the newest closed pane. A capacity of 0 makes a history that holds nothing.
  PaneHistory(std::int64_t capacity, PaneIndex closed)
      : totals_(static_cast<std::size_t>(capacity)), closed_(closed) {}

  PaneIndex closed() const { return closed_; }

  void add(PaneIndex pane, Int128 delta) {
    if (totals_.empty() || delta == 0) return;
    if (pane > closed_) {
      open_at(pane).second += delta;
      return;
    }
    const PaneIndex first = std::max(pane, closed_ - capacity() + 1);
    for (PaneIndex p = first; p <= closed_; ++p) slot(p) += delta;
  }

  // The next pane becomes the newest closed one.
  void close_next() {
    if (totals_.empty()) return;
    const Int128 total = slot(closed_);
    ++closed_;
    slot(closed_) = total;
    if (!open_.empty() && open_.front().first == closed_) {
      slot(closed_) += open_.front().second;
      open_.erase(open_.begin());
    }
  }

  // Closes all panes up to `pane`; none of those that are skipped may hold anything.
  void skip_to(PaneIndex pane) {
    if (totals_.empty() || pane <= closed_) return;
    const Int128 total = slot(closed_);
    const PaneIndex first = std::max(closed_ + 1, pane - capacity() + 1);
    closed_ = pane;
    for (PaneIndex p = first; p <= pane; ++p) slot(p) = total;
  }

  // Whether sums that begin at `first` are still known.
  bool knows(PaneIndex first) const { return first - 1 > closed_ - capacity(); }

  // Σ over first … last; of what is forgotten nothing is counted.
  Int128 sum(PaneIndex first, PaneIndex last) const {
    if (totals_.empty() || last < first) return 0;
    Int128 result = 0;
    if (first <= closed_) result = total_to(std::min(last, closed_)) - total_to(first - 1);
    if (last > closed_) {
      for (const auto& [pane, value] : open_) {
        if (pane >= first && pane <= last) result += value;
      }
    }
    return result;
  }

  // Open panes that hold something, oldest first.
  const std::vector<std::pair<PaneIndex, Int128>>& open() const { return open_; }

 private:
  std::int64_t capacity() const { return static_cast<std::int64_t>(totals_.size()); }
  Int128& slot(PaneIndex pane) { return totals_[index(pane)]; }
  std::size_t index(PaneIndex pane) const {
    return static_cast<std::size_t>(pane - floor_div(pane, capacity()) * capacity());
  }
  Int128 total_to(PaneIndex pane) const {
    return totals_[index(std::max(pane, closed_ - capacity() + 1))];
  }
  std::pair<PaneIndex, Int128>& open_at(PaneIndex pane) {
    if (!open_.empty() && open_.back().first == pane) return open_.back();
    const auto found = std::lower_bound(
        open_.begin(), open_.end(), pane,
        [](const std::pair<PaneIndex, Int128>& entry, PaneIndex p) { return entry.first < p; });
    if (found != open_.end() && found->first == pane) return *found;
    return *open_.insert(found, {pane, 0});
  }

  std::vector<Int128> totals_;  // totals_[p mod capacity]: Σ of all panes up to p
  std::vector<std::pair<PaneIndex, Int128>> open_;
  PaneIndex closed_;
};

}  // namespace surgewatch::detect
