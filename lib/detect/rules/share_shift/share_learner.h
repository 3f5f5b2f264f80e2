// Without a reference: the subject's share of the whole against the share that it has
// had, as a likelihood ratio that cumulates (D3).
//
//   observed = subject / whole in the window     expected = the learned share
//   points = 100 × (observed - expected) = score ratio = observed / expected
//
// A share can rise because the rest fell (Simpson's trap): the subject's and the whole's sums
// before and now are part of the evidence.
//
// Source: statistics/share_cusum.h.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/saturating.h"
#include "detect/learner.h"
#include "statistics/share_cusum.h"

namespace surgewatch::detect {

class ShareLearner : public Learner {
 public:
  explicit ShareLearner(const RuleShape& shape);
  Figures advance(const RuleShape& shape, const WindowInputs& in) override;
  std::unique_ptr<Learner> clone() const override;

  // Whether the evidence has reached its line in one of the last few windows.
  bool has_risen_lately() const { return windows_since_ < kShareWindows; }

  // Bytes at the most that one has outside of itself.
  static Saturating at_most(const RuleShape& shape);

 private:
  statistics::ShareCusum cusum_;
  UnitFinder unit_;
  std::vector<std::pair<double, double>> before_unit_;
  static constexpr int kShareWindows = 3;

  bool entered_ = false;
  int windows_since_ = kShareWindows;  // the evidence reached its line, at most that
  double long_up_ = 0, long_down_ = 0, starts_ = 0;
};

}  // namespace surgewatch::detect
