// surge and ramp: a window against the rolling baseline of its own past.
//
//   judged: p = P(NB(x μ, φ x μ + q (x μ)²) >= y)     ratio = observed / μ     score = -log10 p
//   x = max(1, ratio of the whole), if the rule has excess_over_total: more than the growth of the
//   whole explains, too
//
// The ramp's e-value is exp(C') / n, C' the log likelihood ratio since the best of n possible
// starts: each start's ratio has a mean of 1 by chance, so the largest over n has at most 1.
//
// Source: statistics/gamma_poisson_filter.h (D1), ramp_cusum.h (D2) and pair_test.h.
#pragma once

#include <memory>
#include <vector>

#include "detect/learner.h"
#include "statistics/gamma_poisson_filter.h"
#include "statistics/pair_test.h"
#include "statistics/ramp_cusum.h"

namespace surgewatch::detect {

class SurgeLearner : public Learner {
 public:
  // What the figures of a tested window are ranked by.
  using Score = double (*)(const Figures& figures);

  // `accepted`: last panes of windows from which on a level has been accepted, ascending.
  SurgeLearner(const RuleShape& shape, std::vector<PaneIndex> accepted, Score score);
  Figures advance(const RuleShape& shape, const WindowInputs& in) override;
  std::unique_ptr<Learner> clone() const override;

  // Bytes at the most that one has outside of itself, and those that all copies of it share.
  static LearnerAtMost at_most(const RuleShape& shape);

 private:
  void pass_over(const RuleShape& shape, const WindowInputs& in);
  void learn_unit(const WindowSums& sums);
  statistics::Judgement judge_accepted(double amount);
  void fill(const RuleShape& shape, const WindowInputs& in, statistics::Judgement judgement,
            Figures* figures);
  double bound(const RuleShape& shape, const statistics::Judgement& judgement,
               double evidence_before) const;

  Score score_;
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

}  // namespace surgewatch::detect
