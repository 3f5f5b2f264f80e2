// The panes of one key, in order: what merging adds up to, of the measures that the series has.
//
// A sum that leaves 64 bits is kept in 128 beside the panes (WideSums) until it fits again; the
// pane then shows the nearest that 64 bits can hold.
//
// Threads: one. Cost: 24 bytes, and 8 a pane and 8 more for each measure; adding to the newest
// panes is O(1); further back a binary search, and O(panes behind) for a pane that was not there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/at_most.h"
#include "base/measures.h"
#include "base/saturating.h"
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
  // The measures that are kept; the same for all calls.
  using Columns = std::vector<Measure>;

  // Moves the pane's sum by after - before; false if a sum does not fit 64 bits now. `key` is whose
  // log this is, in `wide`.
  bool move(KeyId key, PaneIndex pane, const WideMeasures& before, const WideMeasures& after,
            const Columns& columns, WideSums* wide) {
    std::int64_t* row = at(pane, columns);
    const auto known = wide->empty() ? wide->end() : wide->find({key, pane});
    WideMeasures sums =
        known != wide->end() ? known->second : WideMeasures(values_of(row, columns));
    for (const Measure measure : columns) {
      sums.values[static_cast<std::size_t>(measure)] += after[measure] - before[measure];
    }
    const MeasureValues shown = sums.saturated();
    for (std::size_t i = 0; i < columns.size(); ++i) row[1 + i] = shown[columns[i]];
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
  void visit(PaneIndex first, PaneIndex last, const Columns& columns, Visitor&& visitor) const {
    const std::size_t width = 1 + columns.size();
    for (std::size_t at = lower_bound(first, width); at < rows_.size() && rows_[at] <= last;
         at += width) {
      visitor(Entry{rows_[at], values_of(&rows_[at], columns)});
    }
  }

  void forget_before(PaneIndex pane, const Columns& columns) {
    const std::size_t end = lower_bound(pane, 1 + columns.size());
    rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(end));
    if (rows_.empty()) rows_ = {};
  }

  bool empty() const { return rows_.empty(); }

  // Bytes of so many panes at the most, without the log itself.
  static constexpr Saturating at_most(Saturating panes, std::size_t columns) {
    return at_most::vector(panes, (1 + columns) * sizeof(std::int64_t));
  }

 private:
  static MeasureValues values_of(const std::int64_t* row, const Columns& columns) {
    MeasureValues values;
    for (std::size_t i = 0; i < columns.size(); ++i) values[columns[i]] = row[1 + i];
    return values;
  }

  // Where the first row begins whose pane is not before this one.
  std::size_t lower_bound(PaneIndex pane, std::size_t width) const {
    std::size_t low = 0, high = rows_.size() / width;
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (rows_[middle * width] < pane) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low * width;
  }

  // The pane's row, made if there is none; good until the next call.
  std::int64_t* at(PaneIndex pane, const Columns& columns) {
    const std::size_t width = 1 + columns.size();
    std::size_t place = rows_.size();
    if (!rows_.empty() && rows_[place - width] >= pane) {
      place = rows_[place - width] == pane ? place - width : lower_bound(pane, width);
      if (rows_[place] == pane) return &rows_[place];
    }
    rows_.insert(rows_.begin() + static_cast<std::ptrdiff_t>(place), width, 0);
    rows_[place] = pane;
    return &rows_[place];
  }

  std::vector<std::int64_t> rows_;  // pane, then a sum for each column
};

}  // namespace surgewatch::journal
