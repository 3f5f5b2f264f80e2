// The panes of one key, in order: what merging adds up to.
//
// Sums that leave 64 bits are kept in 128 beside the panes until they fit again; the pane then
// shows the nearest that 64 bits can hold, and each change that leaves it so is reported, to be
// counted. Cost: adding to the newest panes is O(1); further back a binary search, and O(panes
// behind) for a pane that was not there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/measures.h"
#include "base/time.h"

namespace surgewatch::journal {

class PaneLog {
 public:
  struct Entry {
    PaneIndex pane = 0;
    MeasureValues values;
  };

  // Moves the pane's sum by after - before; false if a sum does not fit 64 bits now.
  bool move(PaneIndex pane, const WideMeasures& before, const WideMeasures& after) {
    Entry& entry = at(pane);
    const auto known = wide_.find(pane);
    WideMeasures sums = known != wide_.end() ? known->second : WideMeasures(entry.values);
    sums.add(after);
    sums.subtract(before);
    entry.values = sums.saturated();
    const bool fits = sums.is_narrow();
    if (!fits) {
      wide_[pane] = sums;
    } else if (known != wide_.end()) {
      wide_.erase(known);
    }
    return fits;
  }

  // Entries with first <= pane <= last, oldest first.
  template <typename Visitor>
  void visit(PaneIndex first, PaneIndex last, Visitor&& visitor) const {
    for (auto it = lower_bound(first); it != entries_.end() && it->pane <= last; ++it) visitor(*it);
  }

  void forget_before(PaneIndex pane) {
    entries_.erase(entries_.begin(), lower_bound(pane));
    wide_.erase(wide_.begin(), wide_.lower_bound(pane));
  }

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
  absl::btree_map<PaneIndex, WideMeasures> wide_;  // exact sums of panes that show others
};

}  // namespace surgewatch::journal
