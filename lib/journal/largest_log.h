// The largest document of each pane of one key, over all sources.
//
//   newest   of what each source says, merged; the merger brings it
//   settled  the part of it by sources that will say nothing else of this pane
//   taken    the largest that corrections have taken out since
//
// A correction comes after the source has let its pane go, so what it takes out was in the newest
// value. If it is smaller than the largest, that stands. If not, the largest may be gone and what
// came next is not known: then only a bound is. (Two documents of the same amount are not told
// apart.) All three are maxima, so that the answer does not depend on the order of records.
//
// Threads: one. Cost: as PaneLog; 48 bytes a pane.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/at_most.h"
#include "base/largest.h"
#include "base/saturating.h"
#include "base/time.h"

namespace surgewatch::journal {

class LargestLog {
 public:
  struct Entry {
    PaneIndex pane = 0;
    Largest newest;
    Largest settled;
    std::int64_t taken = 0;

    Largest largest() const {
      if (taken == 0 || taken < newest.known) return newest;
      return {.known = 0, .bound = std::max(taken, newest.bound)};
    }
  };

  // The pane's entry, made if there is none; good until the next call.
  Entry& at(PaneIndex pane) {
    if (entries_.empty() || entries_.back().pane < pane) {
      return entries_.emplace_back(Entry{.pane = pane, .newest = {}, .settled = {}});
    }
    const auto found = entries_.begin() + (lower_bound(pane) - entries_.cbegin());
    if (found->pane == pane) return *found;
    return *entries_.insert(found, Entry{.pane = pane, .newest = {}, .settled = {}});
  }

  // Of all panes with first <= pane <= last.
  Largest largest(PaneIndex first, PaneIndex last) const {
    Largest result;
    for (auto it = lower_bound(first); it != entries_.end() && it->pane <= last; ++it) {
      result.merge(it->largest());
    }
    return result;
  }

  // As PaneLog's.
  static constexpr Saturating at_most(Saturating panes) {
    return at_most::vector(panes, sizeof(Entry));
  }

  void forget_before(PaneIndex pane) { entries_.erase(entries_.begin(), lower_bound(pane)); }

 private:
  std::vector<Entry>::const_iterator lower_bound(PaneIndex pane) const {
    return std::lower_bound(entries_.begin(), entries_.end(), pane,
                            [](const Entry& entry, PaneIndex p) { return entry.pane < p; });
  }

  std::vector<Entry> entries_;
};

}  // namespace surgewatch::journal
