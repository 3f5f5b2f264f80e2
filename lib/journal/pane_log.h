// The panes of one key, in order: what merging adds up to.
//
// Sums are kept modulo 2^64: exact whenever the true sum fits, whatever the order of additions; a
// step that leaves the range is reported, so that it can be counted.
// Cost: adding to the newest panes is O(1); further back a binary search, and O(panes behind) for a
// pane that was not there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/measures.h"
#include "base/time.h"

namespace surgewatch::journal {

class PaneLog {
 public:
  struct Entry {
    PaneIndex pane = 0;
    MeasureValues values;
  };

  // Moves the pane's sum by after - before; false if a sum left the range of 64 bits.
  bool move(PaneIndex pane, const MeasureValues& before, const MeasureValues& after) {
    Entry& entry = at(pane);
    bool fitted = true;
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      const __int128 sum =
          static_cast<__int128>(entry.values.values[i]) + after.values[i] - before.values[i];
      entry.values.values[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum));
      fitted &= sum == entry.values.values[i];
    }
    return fitted;
  }

  // Entries with first <= pane <= last, oldest first.
  template <typename Visitor>
  void visit(PaneIndex first, PaneIndex last, Visitor&& visitor) const {
    for (auto it = lower_bound(first); it != entries_.end() && it->pane <= last; ++it) visitor(*it);
  }

  void forget_before(PaneIndex pane) { entries_.erase(entries_.begin(), lower_bound(pane)); }

  std::size_t size() const { return entries_.size(); }

 private:
  std::vector<Entry>::const_iterator lower_bound(PaneIndex pane) const {
    return std::lower_bound(entries_.begin(), entries_.end(), pane,
                            [](const Entry& entry, PaneIndex p) { return entry.pane < p; });
  }

  Entry& at(PaneIndex pane) {
    if (entries_.empty() || entries_.back().pane < pane) {
      entries_.push_back({pane, {}});
      return entries_.back();
    }
    if (entries_.back().pane == pane) return entries_.back();
    const auto found = entries_.begin() + (lower_bound(pane) - entries_.cbegin());
    if (found->pane == pane) return *found;
    return *entries_.insert(found, {pane, {}});
  }

  std::vector<Entry> entries_;
};

}  // namespace surgewatch::journal
