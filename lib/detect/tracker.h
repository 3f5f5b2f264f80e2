// One subject under a rule that learns: its learner, from the first window in which it holds
// something until it is forgotten.
//
// A subject that has held nothing for RuleShape::forgotten_after panes, while the series as a whole
// was not silent, is forgotten: when it comes back, it is learned anew.
//
// Copies are independent of each other. Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "detect/learner.h"
#include "detect/rule_shape.h"

namespace surgewatch::detect {

class Tracker {
 public:
  // `accepted`: last panes of windows from which on a level has been accepted, ascending.
  Tracker(const RuleShape& shape, std::vector<PaneIndex> accepted);
  Tracker(const Tracker& other);
  Tracker& operator=(const Tracker& other);
  Tracker(Tracker&&) = default;
  Tracker& operator=(Tracker&&) = default;
  ~Tracker() = default;

  Figures advance(const RuleShape& shape, const WindowInputs& in);

  // Bytes at the most that one has outside of itself, and those that all copies of it share.
  static LearnerAtMost at_most(const RuleShape& shape);

 private:
  std::unique_ptr<Learner> learner_;
  std::vector<PaneIndex> accepted_;
  std::int64_t empty_windows_ = 0;  // since it held something last
};

// Whether the lines of fire_at are reached, and those of clear_at undercut, whatever the law says.
// Lines that are not given are both.
struct Lines {
  bool reached = false;
  bool undercut = false;
};
Lines lines_of(const RuleShape& shape, const Figures& figures);

}  // namespace surgewatch::detect
