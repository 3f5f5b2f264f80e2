// A fold over windows in their order, of which the newest may still be amended.
//
//     settled ──► windows that may be amended ──► live
//       │  taken in for good                        │  what has been said so far
//       └────────── an amendment: copied and run again ─────┘
//
// The owner steps a state over a window, this keeps two: as of the windows that are settled, and as
// of all that have closed. Since the state follows from its windows alone, it may be run again from
// what is settled whenever late data has changed them.
//
// Threads: one.
#pragma once

#include <utility>

namespace surgewatch::detect {

template <typename State>
class Fold {
 public:
  // No window has been taken in.
  explicit Fold(State start) : settled_(start), live_(std::move(start)) {}
  Fold(State settled, State live) : settled_(std::move(settled)), live_(std::move(live)) {}

  const State& settled() const { return settled_; }
  const State& live() const { return live_; }

  // `step` takes the next window into the state that it is given: the newest, which has closed; or
  // the oldest, which has settled. Gives what it gives.
  template <typename Step>
  decltype(auto) close(Step&& step) {
    return step(&live_);
  }
  template <typename Step>
  decltype(auto) settle(Step&& step) {
    return step(&settled_);
  }
  // All windows that may be amended have been run again, from what is settled on.
  void amend(State live) { live_ = std::move(live); }

  // Changes all states that are kept, in what no window will look at again.
  template <typename Change>
  void each(Change&& change) {
    change(&settled_);
    change(&live_);
  }

 private:
  State settled_, live_;
};

}  // namespace surgewatch::detect
