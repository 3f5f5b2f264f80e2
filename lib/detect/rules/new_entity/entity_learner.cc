#include "detect/rules/new_entity/entity_learner.h"

#include <algorithm>

#include "base/check.h"
#include "statistics/negative_binomial.h"

namespace surgewatch::detect {
namespace {

// Of sums: documents come by chance and their sizes vary about as much again.
constexpr double kDispersionOfSums = 2;

}  // namespace

std::unique_ptr<Learner> EntityLearner::clone() const {
  return std::make_unique<EntityLearner>(*this);
}

Figures EntityLearner::advance(const RuleShape& shape, const WindowInputs& in) {
  Figures f;
  f.observed = in.own.judged;
  if (in.silent || (!entered_ && in.own.amount <= 0)) return f;
  const bool first = !entered_;
  entered_ = true;
  if (first && in.entry->is_watched) {
    auto entity =
        statistics::NewEntity::create({.prior = in.entry->prior,
                                       .alpha = shape.rule->learning->alpha,
                                       .dispersion = shape.in_documents ? kDispersionOfSums : 1});
    SW_CHECK(entity.ok());  // the declared parameters have the same ranges
    entity_ = *entity;
    unit_ = in.entry->unit;
  }
  f.verdict = Verdict::kNothing;
  if (!entity_) return f;
  const bool handed_over = entity_->ready_for_baseline();
  const statistics::NewEntityJudgement judgement = entity_->step(
      std::max(0.0, in.own.amount) / unit_, std::max(0.0, in.own.judged) / unit_, /*exposure=*/1);
  if (handed_over) return f;

  f.verdict = Verdict::kBetween;  // the panel decides
  f.missing = Missing::kNone;
  f.unit = unit_;
  f.expected = judgement.expected * unit_;
  f.ratio = f.observed / f.expected;
  f.rank = f.ratio;
  f.p = judgement.p;
  f.score = improbability(f.p);
  f.e_value = judgement.e_value;
  f.first_seen = first;
  f.reaches = judgement.alarm;
  f.tested = true;
  f.evidence = std::max(judgement.e_value, judgement.e_detector);
  f.upper_bound = shape.rule->fire_at.observed.value_or(0);
  if (!first && in.wants_bound) {
    f.upper_bound = std::max(f.upper_bound, unit_ * statistics::NegativeBinomial::of(
                                                        judgement.expected, 2 * judgement.expected)
                                                        .upper_bound(shape.rule->learning->alpha));
  }
  return f;
}

}  // namespace surgewatch::detect
