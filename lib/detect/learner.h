// What a rule that learns knows of one subject, as of some window, and what that says of the next.
//
// What is learned rests on updates alone, what is judged takes corrections too: whether a
// contribution is one or the other is a function of its source's prefix, when a correction comes is
// not. So a window's figure, with every correction of it, is judged against the baseline of its
// time.
//
// A learner is a fold over the subject's windows in order: copy it to remember it, and run the copy
// on to see what would be. It fills in Figures except for the verdict on a window that it has
// tested: that needs all subjects (panel.h).
//
// Money (revenue_usd, tpp) is no count. Its sums are divided by the size of a typical document of
// the warm-up, and the law of counts is used for mean and variance only, with a dispersion that is
// measured.
//
// The first window of a subject is left out: it may have entered halfway through. Windows in which
// the whole series has been silent for long (RuleShape::silent_windows) are passed over: nothing is
// known of them.
//
// Invariants: a function of the inputs since the subject's first window; nothing leaves that is NaN
// or infinite. Cost: a step takes 1 to 3 µs, a copy allocates two or three times.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/saturating.h"
#include "base/time.h"
#include "detect/figures.h"
#include "detect/rule_shape.h"
#include "statistics/first_seen.h"

namespace surgewatch::detect {

// What a window holds of a subject, or of the whole.
struct WindowSums {
  double amount = 0;     // of updates: what is learned
  double documents = 0;  // likewise
  double judged = 0;     // corrections are in
};

// What new_entity knows of a subject from its first window on.
struct Entry {
  statistics::RatePrior prior;  // of its siblings, then
  double unit = 1;              // the size of a typical document, then
  bool is_watched = false;      // it was new when it came: the series was old enough to say so
};

struct WindowInputs {
  PaneIndex pane = 0;  // the window's last
  WindowSums own;
  WindowSums whole;
  // Of the whole in the same window, for surge and ramp; null for the whole itself.
  const Figures* whole_figures = nullptr;
  bool silent = false;           // see RuleShape::silent_windows
  bool wants_bound = true;       // the upper bound takes longer than all the rest
  const Entry* entry = nullptr;  // for new_entity: good in the subject's first window
};

class Learner {
 public:
  virtual ~Learner() = default;

  virtual Figures advance(const RuleShape& shape, const WindowInputs& in) = 0;
  virtual std::unique_ptr<Learner> clone() const = 0;

 protected:
  Learner() = default;
  Learner(const Learner&) = default;
  Learner& operator=(const Learner&) = default;
};

// Bytes at the most that a learner takes, and those that all copies of it share.
struct LearnerAtMost {
  Saturating own = 0, shared = 0;
};

// The size of a typical document, from the windows of a subject's warm-up. One for counts.
class UnitFinder {
 public:
  UnitFinder(bool is_money, std::int64_t windows) : wanted_(is_money ? windows : 0) {}

  bool known() const { return unit_.has_value() || wanted_ == 0; }
  double unit() const { return unit_.value_or(1); }
  // Takes in a window while the unit is not known. Once enough are in and hold documents, it is.
  void take(const WindowSums& sums);

 private:
  std::int64_t wanted_;
  std::int64_t taken_ = 0;
  double amount_ = 0, documents_ = 0;
  std::optional<double> unit_;
};

}  // namespace surgewatch::detect
