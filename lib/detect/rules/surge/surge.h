// surge: more than usual. A window against the rolling baseline of its own past, by itself, with
// the one before it, or with all since a rise began. ramp is the last of these alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "detect/rules/rule_type.h"
#include "detect/rules/surge/surge_learner.h"

namespace surgewatch::detect {

const RuleType& surge();

// What surge and ramp have in common: their learner, and what they say.
class BaselineRule : public RuleType {
 public:
  std::unique_ptr<Learner> make_learner(const RuleShape& shape,
                                        std::vector<PaneIndex> accepted) const override;
  LearnerAtMost learner_at_most(const RuleShape& shape) const override;
  Figures reassess(const RuleShape& shape, const Figures& figures, double amount) const override;
  std::string facts(const Finding& finding, bool is_open) const override;
  std::string_view inquiry() const override;
  void add_evidence(const Finding& finding, const Revision& revision,
                    EvidenceList* evidence) const override;

 protected:
  BaselineRule(config::RuleSpec declared, SurgeLearner::Score score);

  // The figures of fire_at that both use.
  static std::vector<config::FigureUse> figures();
  // What clear_at.ratio is where it is not given.
  static constexpr double kCalmRatio = 1.3;

 private:
  // What the probability of a single window says, as part of the facts; empty where it says
  // nothing.
  virtual std::string chance(const Finding& finding) const = 0;

  const SurgeLearner::Score score_;
};

}  // namespace surgewatch::detect
