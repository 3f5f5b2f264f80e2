// A key's panes in one place, for windows of any length: what falls out of a window, and what comes
// late into the middle of it, costs the logarithm of the panes that are kept.
//
//     kept panes    ├───────────── capacity ─────────────┤
//     tumbling      ├─────┼─────┼─────┼─────┤
//     hopping       ├──────────┤ ├──────────┤
//     sliding                  ├──────────┤ , then one pane on
//
// A perfect binary tree over a ring of panes (the pane index modulo a power of two): each node
// holds the combination of what is below it. Combine is any commutative and associative operation
// with an identity. Commutative, since a window may wrap around the ring. No inverse is needed, so
// that maxima slide as sums do.
// Used by lib/aggregate/live_windows, which reads each pane once and then asks for many windows.
//
// Threads: one.
// Invariants: panes outside of (newest − capacity, newest] are the identity, and are neither kept
// nor answered for.
// Cost: set() and aggregate() take O(log capacity) combinations, whatever the window's length and
// however late what comes is; a tree of n panes known from the start takes O(n); advancing by d
// panes takes O(min(d, capacity) · log capacity). Memory
// is 2 · capacity values, capacity rounded up to a power of two.
// Source: the flat tree over a ring of K. Tangwongsan, M. Hirzel, S. Schneider and K.-L. Wu,
// "General Incremental Sliding-Window Aggregation", PVLDB 8(7), 2015 (Reactive Aggregator).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/time.h"

namespace surgewatch::window {

__extension__ using WideSum = __int128;

struct Sum {
  using Value = WideSum;
  static Value identity() { return 0; }
  static Value combine(const Value& a, const Value& b) { return a + b; }
};
struct Max {
  using Value = WideSum;
  static Value identity() { return Value{INT64_MIN} << 64; }  // the least that there is
  static Value combine(const Value& a, const Value& b) { return std::max(a, b); }
};

// Windows of `length` panes, one every `hop` panes. Tumbling: hop = length; sliding: hop = 1.
struct WindowShape {
  std::int64_t length = 1;
  std::int64_t hop = 1;

  static WindowShape tumbling(std::int64_t length) { return {length, length}; }
  static WindowShape hopping(std::int64_t length, std::int64_t hop) { return {length, hop}; }
  static WindowShape sliding(std::int64_t length) { return {length, 1}; }

  // The first pane of the last window that ends with `pane` or before. Windows end where (pane + 1)
  // is a multiple of the hop, so that tumbling ones lie as panes do.
  PaneIndex begin_of_last(PaneIndex pane) const { return floor_div(pane + 1, hop) * hop - length; }
};

template <typename Combine>
class PaneTree {
 public:
  using Value = typename Combine::Value;

  // Keeps at least so many panes, above 0; `newest` is the newest of them.
  PaneTree(std::int64_t capacity, PaneIndex newest)
      : leaves_(std::bit_ceil(static_cast<std::size_t>(capacity))),
        newest_(newest),
        nodes_(2 * leaves_, Combine::identity()) {
    SW_CHECK(capacity > 0);
  }
  // Of these panes, one after another from `first` on; at least one.
  PaneTree(PaneIndex first, const std::vector<Value>& values)
      : PaneTree(static_cast<std::int64_t>(values.size()),
                 first + static_cast<std::int64_t>(values.size()) - 1) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      nodes_[leaf(first + static_cast<std::int64_t>(i))] = values[i];
    }
    for (std::size_t at = leaves_ - 1; at > 0; --at) combine_children(at);
  }

  std::int64_t capacity() const { return static_cast<std::int64_t>(leaves_); }
  PaneIndex newest() const { return newest_; }
  // Whether windows that begin with `first` can be answered.
  bool keeps(PaneIndex first) const { return first > newest_ - capacity(); }

  // What the pane holds now; absolute, as in a pane update. A pane beyond the newest becomes the
  // newest. False if it is no longer kept: nothing changes then.
  bool set(PaneIndex pane, Value value) {
    if (pane > newest_) advance(pane);
    if (!keeps(pane)) return false;
    replace(leaf(pane), std::move(value));
    return true;
  }
  // The pane combined with one more value. False as for set().
  bool add(PaneIndex pane, const Value& value) {
    if (pane > newest_) advance(pane);
    if (!keeps(pane)) return false;
    const std::size_t at = leaf(pane);
    replace(at, Combine::combine(nodes_[at], value));
    return true;
  }

  // Moves on to a newer newest pane; those on the way hold the identity.
  void advance(PaneIndex newest) {
    if (newest <= newest_) return;
    if (newest - newest_ >= capacity()) {
      std::fill(nodes_.begin(), nodes_.end(), Combine::identity());
    } else {
      for (PaneIndex pane = newest_ + 1; pane <= newest; ++pane) {
        replace(leaf(pane), Combine::identity());
      }
    }
    newest_ = newest;
  }

  // Over first … last; what is not kept counts for nothing.
  Value aggregate(PaneIndex first, PaneIndex last) const {
    first = std::max(first, newest_ - capacity() + 1);
    last = std::min(last, newest_);
    if (last < first) return Combine::identity();
    const std::size_t from = leaf(first);
    const std::size_t to = leaf(last);
    if (from <= to) return over_leaves(from, to);
    return Combine::combine(over_leaves(from, 2 * leaves_ - 1), over_leaves(leaves_, to));
  }

  // The last window of that shape which ends with `pane` or before.
  Value aggregate(const WindowShape& shape, PaneIndex pane) const {
    const PaneIndex first = shape.begin_of_last(pane);
    return aggregate(first, first + shape.length - 1);
  }

 private:
  // The root is nodes_[1], the children of n are 2n and 2n + 1, leaves are the upper half.
  std::size_t leaf(PaneIndex pane) const {
    return leaves_ + (static_cast<std::size_t>(pane) & (leaves_ - 1));
  }
  void replace(std::size_t at, Value value) {
    nodes_[at] = std::move(value);
    for (at /= 2; at > 0; at /= 2) combine_children(at);
  }
  void combine_children(std::size_t at) {
    nodes_[at] = Combine::combine(nodes_[2 * at], nodes_[2 * at + 1]);
  }
  // Both ends included: from below, each node that is a right child at the left end or a left one
  // at the right end is a part.
  Value over_leaves(std::size_t from, std::size_t to) const {
    Value result = Combine::identity();
    for (++to; from < to; from /= 2, to /= 2) {
      if ((from & 1) != 0) result = Combine::combine(result, nodes_[from++]);
      if ((to & 1) != 0) result = Combine::combine(result, nodes_[--to]);
    }
    return result;
  }

  std::size_t leaves_;
  PaneIndex newest_;
  std::vector<Value> nodes_;
};

}  // namespace surgewatch::window
