// The panes of one measured quantity (a subject's, or the whole's), kept so that the sum of any run
// of panes takes two look-ups, and that silence takes nothing.
//
//        forgotten │ kept: for each pane that holds something, the total of all up to it
//     ─────────────┼──────────────────────────────────────────────────────────────────► panes
//
// Invariants: sums are exact (128 bits).
// Threads: one.
// Cost: 24 bytes, and 24 a pane that holds something. Adding to the newest panes takes O(1), to an
// older one O(panes behind it); a sum O(log panes).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <vector>

#include "base/at_most.h"
#include "base/saturating.h"
#include "base/time.h"

namespace surgewatch::detect {

using Int128 = __int128;

class PaneSums {
 public:
  void add(PaneIndex pane, Int128 delta) {
    if (delta == 0) return;
    auto it = after(pane);
    if (it == entries_.begin() || std::prev(it)->pane != pane) {
      const Int128 before = it == entries_.begin() ? 0 : std::prev(it)->total();
      it = entries_.insert(it, Entry(pane, before));
    } else {
      --it;
    }
    for (; it != entries_.end(); ++it) it->set_total(it->total() + delta);
  }

  // Σ over first … last; of what is forgotten nothing is counted.
  Int128 sum(PaneIndex first, PaneIndex last) const {
    if (entries_.empty() || last < first || first > entries_.back().pane) return 0;
    return total_to(last) - total_to(first - 1);
  }
  // Whether any of first … last holds something.
  bool any(PaneIndex first, PaneIndex last) const {
    return next(first - 1).value_or(last + 1) <= last;
  }

  // The first pane behind this one that holds something.
  std::optional<PaneIndex> next(PaneIndex pane) const {
    for (auto it = after(pane); it != entries_.end(); ++it) {
      if (it->total() != before(it)) return it->pane;
    }
    return std::nullopt;
  }
  // The last pane that holds something, and the first of those that are kept.
  std::optional<PaneIndex> last() const {
    for (auto it = entries_.end(); it != entries_.begin();) {
      --it;
      if (it->total() != before(it)) return it->pane;
    }
    return std::nullopt;
  }
  std::optional<PaneIndex> first() const { return next(INT64_MIN); }

  // How many panes of first … last there has been something in.
  std::int64_t count(PaneIndex first, PaneIndex last) const {
    return last < first ? 0 : std::distance(after(first - 1), after(last));
  }

  // Panes before `pane` are needed no longer.
  void forget_before(PaneIndex pane) {
    const auto kept = after(pane - 1);
    if (kept == entries_.begin()) return;
    if (kept == entries_.end()) {
      entries_ = {};
      return;
    }
    // The last of those that go is what the others start from.
    entries_.erase(entries_.begin(), std::prev(kept));
  }
  std::size_t size() const { return entries_.size(); }

  // Bytes of so many panes at the most, without the object itself.
  static constexpr Saturating at_most(Saturating panes) {
    return at_most::vector(panes, sizeof(Entry));
  }

 private:
  // 24 bytes, where one with an Int128 takes 32.
  class Entry {
   public:
    Entry(PaneIndex of, Int128 total) : pane(of) { set_total(total); }
    Int128 total() const { return static_cast<Int128>(high_) * (Int128{1} << 64) + low_; }
    void set_total(Int128 total) {
      high_ = static_cast<std::int64_t>(total >> 64);
      low_ = static_cast<std::uint64_t>(total);
    }
    PaneIndex pane;

   private:
    std::uint64_t low_ = 0;
    std::int64_t high_ = 0;
  };
  using Entries = std::vector<Entry>;

  Entries::iterator after(PaneIndex pane) {
    if (entries_.empty() || entries_.back().pane <= pane) return entries_.end();
    return std::upper_bound(entries_.begin(), entries_.end(), pane,
                            [](PaneIndex p, const Entry& entry) { return p < entry.pane; });
  }
  Entries::const_iterator after(PaneIndex pane) const {
    return const_cast<PaneSums*>(this)->after(pane);
  }
  Int128 total_to(PaneIndex pane) const {
    const auto it = after(pane);
    return it == entries_.begin() ? 0 : std::prev(it)->total();
  }
  Int128 before(Entries::const_iterator it) const {
    return it == entries_.begin() ? 0 : std::prev(it)->total();
  }
  Entries entries_;
};

}  // namespace surgewatch::detect
