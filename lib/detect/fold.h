// A fold over windows in their order, of which the newest may still be amended.
//
//     settled ──► windows that may be amended ──────────────► live
//       │  taken in for good    ▲        ▲    ▲  ▲             │  what has been said so far
//       │                       └────────┴────┴──┴─ marks      │
//       └──── an amendment: from the nearest mark on, run again ┘
//
// The owner steps a state over a window; this keeps it as of the windows that are settled, as of
// all that have closed, and, so that a change need not be run from what is settled on, as of a few
// windows in between: the more, the newer they are. A state follows from its windows alone, so
// where it is run again from changes nothing.
//
// Marks. Of the windows counted from 1970 the n-th is marked until 2 x 4^k windows are behind it,
// 4^k the highest power of 4 that divides n. So there is a mark among the eight times as many
// windows as lie behind a change, at most: what is run again is in proportion to the age of what
// has changed.
//
// Threads: one. Cost: a close copies the state; an amendment is at most 8 steps a window behind the
// change. Memory: the settled and the live state, and at most most_marks() between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/time.h"

namespace surgewatch::detect {

// How the windows of a rule follow one another.
struct WindowGrid {
  std::int64_t length = 1;  // panes from the end of one to the end of the next
  PaneIndex newest = 0;     // last pane of the one that has closed last
};

// Marks of a fold with so many windows between what is settled and what is live, at most.
constexpr std::size_t most_marks(std::uint64_t windows) {
  std::size_t most = 1;
  for (std::uint64_t power = 1; power <= windows; power *= 4) most += 2;
  return most;
}

template <typename State>
class Fold {
 public:
  // Behind the window that ends with no pane at all.
  static constexpr PaneIndex kSettled = INT64_MIN;

  // No window has been taken in.
  explicit Fold(State start) : settled_(start), live_(std::move(start)) {}
  // `live_after`: the last pane of the last window that has been taken in.
  Fold(State settled, State live, PaneIndex live_after)
      : settled_(std::move(settled)), live_(std::move(live)), live_after_(live_after) {}

  const State& settled() const { return settled_; }
  const State& live() const { return live_; }

  // `step` takes the window that ends with `pane`, the next one, into the live state, which it is
  // given. Gives what it gives.
  template <typename Step>
  decltype(auto) close(PaneIndex pane, const WindowGrid& grid, Step&& step) {
    std::erase_if(marks_, [&](const Mark& mark) { return !is_marked(mark.after, grid); });
    if (live_after_ != kSettled && is_marked(live_after_, grid)) {
      marks_.push_back({live_after_, live_});
    }
    live_after_ = pane;
    return step(&live_);
  }
  // The same of the oldest window, which has settled, and the settled state.
  template <typename Step>
  decltype(auto) settle(PaneIndex pane, Step&& step) {
    std::erase_if(marks_, [&](const Mark& mark) { return mark.after <= pane; });
    return step(&settled_);
  }

  // The newest state that is kept from before the window that ends with `pane`, and the window that
  // it is behind, or kSettled.
  struct Start {
    const State& state;
    PaneIndex after;
  };
  Start before(PaneIndex pane) const {
    if (live_after_ < pane) return {live_, live_after_};
    for (auto mark = marks_.rbegin(); mark != marks_.rend(); ++mark) {
      if (mark->after < pane) return {mark->state, mark->after};
    }
    return {settled_, kSettled};
  }
  // The window that ends with `pane` has changed: that state is the live one now. The windows
  // behind the one that this gives are to be taken in again, each with close().
  PaneIndex rewind(PaneIndex pane) {
    const Start start = before(pane);
    const PaneIndex after = start.after;
    if (after != live_after_ || after == kSettled) live_ = start.state;
    live_after_ = after;
    std::erase_if(marks_, [&](const Mark& mark) { return mark.after >= after; });
    return after;
  }

  std::size_t marks() const { return marks_.size(); }

  // Changes all states that are kept, in what no window will look at again.
  template <typename Change>
  void each(Change&& change) {
    change(&settled_);
    for (Mark& mark : marks_) change(&mark.state);
    change(&live_);
  }

 private:
  struct Mark {
    PaneIndex after = 0;
    State state;
  };

  static bool is_marked(PaneIndex pane, const WindowGrid& grid) {
    const std::int64_t age = (grid.newest - pane) / grid.length;
    std::int64_t number = (pane + 1) / grid.length;
    std::int64_t longest = 2;
    for (; age > longest && number % 4 == 0 && number != 0; number /= 4) longest *= 4;
    return age <= longest;
  }

  State settled_, live_;
  PaneIndex live_after_ = kSettled;
  std::vector<Mark> marks_;  // oldest first
};

}  // namespace surgewatch::detect
