// A subject that was never seen before, once the series is old enough to say so, and
// the rate of a subject that is too young for a baseline of its own (D4).
//
//   first window:  an event. p = P(Y >= y) under what its siblings do; a page if p <= alpha
//   then, until it has 52 windows and 50 documents: E >= 1/alpha, E an e-process against "no more
//   than the upper 5 % of its siblings"
//
// Source: statistics/first_seen.h.
#pragma once

#include <memory>
#include <optional>

#include "detect/learner.h"
#include "statistics/first_seen.h"

namespace surgewatch::detect {

class EntityLearner : public Learner {
 public:
  Figures advance(const RuleShape& shape, const WindowInputs& in) override;
  std::unique_ptr<Learner> clone() const override;

 private:
  bool entered_ = false;
  std::optional<statistics::NewEntity> entity_;  // of those who were new when they came
  double unit_ = 1;
};

}  // namespace surgewatch::detect
