// The panes of one key, in order: what merging adds up to.
//
// A sum that leaves 64 bits is kept in 128 beside the panes (WideSums) until it fits again; the
// pane then shows the nearest that 64 bits can hold.
//
// Threads: one. Cost: 24 bytes, and 48 a pane; adding to the newest panes is O(1); further back a
// binary search, and O(panes behind) for a pane that was not there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/measures.h"
#include "base/time.h"
#include "journal/key_table.h"

namespace surgewatch::journal {

// Exact sums of panes that show others.
using WideSums = absl::flat_hash_map<std::pair<KeyId, PaneIndex>, WideMeasures>;

class PaneLog {
 public:
  struct Entry {
    PaneIndex pane = 0;
    MeasureValues values;
  };

  // Moves the pane's sum by after - before; false if a sum does not fit 64 bits now. `key` is whose
  // log this is, in `wide`.
  bool move(KeyId key, PaneIndex pane, const WideMeasures& before, const WideMeasures& after,
            WideSums* wide) {
    Entry& entry = at(pane);
    const auto known = wide->empty() ? wide->end() : wide->find({key, pane});
    WideMeasures sums = known != wide->end() ? known->second : WideMeasures(entry.values);
    sums.add(after);
    sums.subtract(before);
    entry.values = sums.saturated();
    const bool fits = sums.is_narrow();
    if (!fits) {
      (*wide)[{key, pane}] = sums;
    } else if (known != wide->end()) {
      wide->erase(known);
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
    if (entries_.empty()) entries_ = {};
  }

  bool empty() const { return entries_.empty(); }

 private:
  std::vector<Entry>::const_iterator lower_bound(PaneIndex pane) const {
    return std::lower_bound(entries_.begin(), entries_.end(), pane,
                            [](const Entry& entry, PaneIndex p) { return entry.pane < p; });
  }

  Entry& at(PaneIndex pane) {
    if (!entries_.empty() && entries_.back().pane == pane) return entries_.back();
    if (entries_.empty() || entries_.back().pane < pane) {
      entries_.push_back({pane, {}});
      return entries_.back();
    }
    const auto found = entries_.begin() + (lower_bound(pane) - entries_.cbegin());
    if (found->pane == pane) return *found;
    return *entries_.insert(found, {pane, {}});
  }

  std::vector<Entry> entries_;
};

}  // namespace surgewatch::journal
