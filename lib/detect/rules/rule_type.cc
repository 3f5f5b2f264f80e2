#include "detect/rules/rule_type.h"

#include "base/check.h"

namespace surgewatch::detect {

Figures RuleType::evaluate_whole(const RuleShape&, const Operands&, PaneIndex) const { return {}; }

Figures RuleType::evaluate(const RuleShape&, const Operands&, const Figures&, PaneIndex,
                           PaneIndex) const {
  return {};
}

std::unique_ptr<Learner> RuleType::make_learner(const RuleShape&, std::vector<PaneIndex>) const {
  SW_CHECK(false);  // of those that learn only
  return nullptr;
}

LearnerAtMost RuleType::learner_at_most(const RuleShape&) const { return {}; }

Figures RuleType::reassess(const RuleShape&, const Figures& figures, double) const {
  return figures;
}

}  // namespace surgewatch::detect
