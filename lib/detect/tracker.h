// One subject under a rule that learns: its detector, as of some window, and what that says of the
// next one.
//
// What is learned rests on updates alone, what is judged takes corrections too: whether a
// contribution is one or the other is a function of its source's prefix, when a correction comes is
// not. So a window's figure, with every correction of it, is judged against the baseline of its
// time.
//
//   surge, ramp   SurgeTracker: statistics/gamma_poisson_filter.h (D1), ramp_cusum.h
//                 (D2) and pair_test.h
//   share_shift   ShareTracker: statistics/share_cusum.h (D3)
//   new_entity    EntityTracker: statistics/first_seen.h (D4)
//
// A tracker is a fold over the subject's windows in order: copy it to remember it, and run the copy
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
// A subject that has held nothing for RuleShape::forgotten_after panes, while the series as a whole
// was not silent, is forgotten: when it comes back, it is learned anew.
//
// Invariants: a function of the inputs since the subject's first window; nothing leaves that is NaN
// or infinite. Cost: a step takes 1 to 3 µs, a copy allocates twice.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/saturating.h"
#include "detect/evaluate.h"
#include "detect/figures.h"
#include "statistics/first_seen.h"
#include "statistics/gamma_poisson_filter.h"
#include "statistics/pair_test.h"
#include "statistics/ramp_cusum.h"
#include "statistics/share_cusum.h"

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

class SurgeTracker {
 public:
  // `accepted`: last panes of windows from which on a level has been accepted, ascending.
  SurgeTracker(const RuleShape& shape, std::vector<PaneIndex> accepted);
  Figures advance(const RuleShape& shape, const WindowInputs& in);
  static statistics::GammaPoissonFilter::AtMost at_most(const RuleShape& shape);

 private:
  void pass_over(const RuleShape& shape, const WindowInputs& in);
  void learn_unit(const WindowSums& sums);
  statistics::Judgement judge_accepted(double amount);
  void fill(const RuleShape& shape, const WindowInputs& in, statistics::Judgement judgement,
            Figures* figures);
  double bound(const RuleShape& shape, const statistics::Judgement& judgement,
               double evidence_before) const;

  statistics::GammaPoissonFilter filter_;
  statistics::PairTest pair_;
  statistics::RampCusum ramp_;
  UnitFinder unit_;
  std::vector<double> before_unit_;  // amounts that wait for the unit
  std::vector<PaneIndex> accepted_;
  std::size_t accepted_next_ = 0;
  int accepting_ = 0;  // windows that are still to be learned of an accepted level
  double accepted_sum_ = 0, accepted_expected_ = 0;
  double level_ = 1;  // accepted level / learned level
  bool entered_ = false;
  PaneIndex last_pane_ = 0;
  int empty_run_ = 0;  // windows in a row in which the whole series held nothing
  // A ramp's log likelihood ratio that goes on after an alarm, and the windows that it may have
  // begun in: exp of the one over the other is an e-value.
  double long_evidence_ = 0;
  double starts_ = 0;
};

class ShareTracker {
 public:
  static Saturating at_most(const RuleShape& shape);
  explicit ShareTracker(const RuleShape& shape);
  Figures advance(const RuleShape& shape, const WindowInputs& in);
  // Whether the evidence has reached its line in one of the last few windows.
  bool has_risen_lately() const { return windows_since_ < kShareWindows; }

 private:
  statistics::ShareCusum cusum_;
  UnitFinder unit_;
  std::vector<std::pair<double, double>> before_unit_;
  static constexpr int kShareWindows = 3;

  bool entered_ = false;
  int windows_since_ = kShareWindows;  // the evidence reached its line, at most that
  double long_up_ = 0, long_down_ = 0, starts_ = 0;
};

class EntityTracker {
 public:
  explicit EntityTracker(const RuleShape& shape);
  Figures advance(const RuleShape& shape, const WindowInputs& in);

 private:
  bool entered_ = false;
  std::optional<statistics::NewEntity> entity_;  // of those who were new when they came
  double unit_ = 1;
};

// A subject's detector from the first window in which it holds something until it is forgotten.
class Tracker {
 public:
  Tracker(const RuleShape& shape, std::vector<PaneIndex> accepted);

  Figures advance(const RuleShape& shape, const WindowInputs& in);

  // Bytes at the most that one has outside of itself, and those that all copies of it share.
  struct AtMost {
    Saturating own, shared;
  };
  static AtMost at_most(const RuleShape& shape);

 private:
  using Detector = std::variant<SurgeTracker, ShareTracker, EntityTracker>;
  static Detector make(const RuleShape& shape, std::vector<PaneIndex> accepted);

  Detector detector_;
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

// surge: -log10 p, at most 300. ramp: the cumulated log likelihood ratio.
double score_of(const RuleShape& shape, const Figures& figures);

// The figures of a window once more, its sum having been corrected after it was final: what was
// expected of it then still stands.
Figures reassess(const RuleShape& shape, const Figures& figures, double amount);

}  // namespace surgewatch::detect
