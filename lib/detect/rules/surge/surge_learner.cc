#include "detect/rules/surge/surge_learner.h"

#include <algorithm>

#include "base/at_most.h"
#include "base/check.h"
#include "statistics/negative_binomial.h"
#include "statistics/portable_math.h"
#include "statistics/surge_ramp.h"

namespace surgewatch::detect {
namespace {

using config::Method;
using statistics::GammaPoissonFilter;
using statistics::GammaPoissonParameters;
using statistics::Judgement;
using statistics::NegativeBinomial;

// An accepted level is what these many windows say.
constexpr int kAcceptedWindows = 4;
constexpr double kHighestLevel = 1'000;
constexpr double kHighestAlpha = 0.5;
constexpr double kLongestEvidence = 50;
constexpr double kSlopeWithoutSeason = 0.001;
constexpr double kDiscountWithoutSeason = 0.95;  // a memory of some twenty windows
constexpr std::int64_t kLongSeason = 8;  // windows; shorter seasons get more waves for their length

GammaPoissonParameters parameters_of(const RuleShape& shape) {
  const config::Learning& learning = *shape.rule->learning;
  const Micros window = shape.window * shape.pane_length;
  GammaPoissonParameters p = window >= 7 * kMicrosPerDay ? GammaPoissonParameters::weekly()
                             : window >= kMicrosPerDay   ? GammaPoissonParameters::daily()
                                                         : GammaPoissonParameters::hourly();
  if (learning.period == 1) {
    // Who asks for no season has little history, or levels that come in steps: a trend would carry
    // a step on for ever, and a long memory would hold on to what was before it.
    p.season.harmonics = p.season.second_harmonics = 0;
    p.level_discount = kDiscountWithoutSeason;
    p.slope_variance = kSlopeWithoutSeason;
  } else if (p.season.period != learning.period) {
    p.season.period = static_cast<int>(learning.period);
    p.season.second_period = p.season.second_harmonics = 0;
    const int most = learning.period > kLongSeason ? 2 : 3;
    p.season.harmonics = std::min(most, static_cast<int>((learning.period - 1) / 2));
  }
  p.guard = static_cast<int>(learning.guard);
  p.level_windows = static_cast<int>(learning.warm_up);
  p.alpha = learning.alpha;
  return p;
}

GammaPoissonFilter make_filter(const RuleShape& shape) {
  auto filter = GammaPoissonFilter::create(parameters_of(shape));
  SW_CHECK(filter.ok());  // the declared parameters have the same ranges
  return *std::move(filter);
}

statistics::RampCusum make_ramp(const RuleShape& shape) {
  const config::Learning& learning = *shape.rule->learning;
  auto ramp = statistics::RampCusum::create({.factor = learning.kappa, .threshold = learning.h});
  SW_CHECK(ramp.ok());
  return *ramp;
}

// The two windows together share out the false alarms with the one as statistics/surge_ramp.h does.
statistics::PairTest make_pair_test(const RuleShape& shape) {
  const Micros window = shape.window * shape.pane_length;
  const auto shared = window >= 7 * kMicrosPerDay ? statistics::SurgeRampParameters::weekly()
                      : window >= kMicrosPerDay   ? statistics::SurgeRampParameters::daily()
                                                  : statistics::SurgeRampParameters::hourly();
  statistics::PairParameters parameters = shared.pair;
  parameters.alpha = std::min(
      kHighestAlpha, shape.rule->learning->alpha * shared.pair.alpha / shared.baseline.alpha);
  auto pair = statistics::PairTest::create(parameters);
  SW_CHECK(pair.ok());
  return *pair;
}

NegativeBinomial law_of(const Judgement& judgement) {
  return NegativeBinomial::of(judgement.expected, judgement.variance);
}

// The same baseline, `exposure` times as much expected.
Judgement exposed(Judgement judgement, double exposure, double alpha) {
  const double mean = judgement.expected * exposure;
  judgement.expected = mean;
  judgement.variance = judgement.dispersion * mean + judgement.uncertainty * mean * mean;
  judgement.p = law_of(judgement).upper_tail(judgement.observed);
  judgement.alarm = judgement.enough && judgement.p <= alpha;
  return judgement;
}

// The least y in this window for which the ramp would alarm.
double ramp_bound(const Judgement& judgement, double evidence_before, double kappa, double h) {
  const NegativeBinomial law = law_of(judgement);
  const double rest = statistics::portable_log1p((kappa - 1) * (law.mean / (law.mean + law.size)));
  const double gain = statistics::portable_log(kappa) - rest;
  return std::max(0.0, (h - evidence_before + law.size * rest) / gain);
}

}  // namespace

SurgeLearner::SurgeLearner(const RuleShape& shape, std::vector<PaneIndex> accepted, Score score)
    : score_(score),
      filter_(make_filter(shape)),
      pair_(make_pair_test(shape)),
      ramp_(make_ramp(shape)),
      unit_(shape.in_documents, shape.rule->learning->warm_up),
      accepted_(std::move(accepted)) {}

std::unique_ptr<Learner> SurgeLearner::clone() const {
  return std::make_unique<SurgeLearner>(*this);
}

// Amounts wait for their unit no longer than the warm-up, unless as much is credited as billed.
LearnerAtMost SurgeLearner::at_most(const RuleShape& shape) {
  const auto [own, shared] = GammaPoissonFilter::at_most(parameters_of(shape));
  LearnerAtMost most{.own = own, .shared = shared};
  if (shape.in_documents) {
    most.own += at_most::vector(shape.rule->learning->warm_up, sizeof(double));
  }
  return most;
}

Figures SurgeLearner::advance(const RuleShape& shape, const WindowInputs& in) {
  Figures figures;
  figures.observed = in.own.judged;
  if (in.silent) return figures;
  if (!entered_) {
    entered_ = in.own.amount > 0;
    if (!entered_) return figures;
    last_pane_ = in.pane;
    figures.verdict = Verdict::kInconclusive;
    figures.missing = Missing::kHistory;
    return figures;
  }
  pass_over(shape, in);
  figures.verdict = Verdict::kInconclusive;
  figures.missing = Missing::kHistory;
  if (!unit_.known()) {
    learn_unit(in.own);
    if (!unit_.known()) {
      const bool enough =
          static_cast<std::int64_t>(before_unit_.size()) >= shape.rule->learning->warm_up;
      if (enough) figures.missing = Missing::kDocuments;
      return figures;
    }
  }
  while (accepted_next_ < accepted_.size() && accepted_[accepted_next_] <= in.pane) {
    ++accepted_next_;
    accepting_ = kAcceptedWindows;
    accepted_sum_ = accepted_expected_ = 0;
  }
  const double amount = in.own.amount / unit_.unit();
  if (accepting_ > 0) {
    if (judge_accepted(amount).known) figures.missing = Missing::kAccepted;
    return figures;
  }
  const Judgement judgement = filter_.step(amount, in.own.judged / unit_.unit(), level_);
  if (judgement.known) fill(shape, in, judgement, &figures);
  return figures;
}

// Windows that were passed over since the last one move the season and teach nothing, nor do the
// empty ones before them that are not learned yet: the silence had begun.
void SurgeLearner::pass_over(const RuleShape& shape, const WindowInputs& in) {
  constexpr std::int64_t kMost = 20'000;
  std::int64_t missing = (in.pane - last_pane_) / shape.window - 1;
  const std::int64_t period = shape.rule->learning->period;
  if (missing > kMost) missing = kMost / period * period + missing % period;
  last_pane_ = in.pane;
  for (int age = 1; missing > 0 && age <= empty_run_; ++age) filter_.amend(age, std::nullopt);
  empty_run_ = in.whole.amount == 0 ? empty_run_ + 1 : 0;
  for (; missing > 0; --missing) {
    if (unit_.known()) filter_.step(std::nullopt);
  }
}

// Windows wait for the unit as long as the warm-up; then the filter has them all at once.
void SurgeLearner::learn_unit(const WindowSums& sums) {
  unit_.take(sums);
  if (!unit_.known()) {
    before_unit_.push_back(sums.amount);
    // Documents are not known for long: what is oldest says nothing any more.
    constexpr std::size_t kMostWaiting = 1'024;
    if (before_unit_.size() > kMostWaiting) before_unit_.erase(before_unit_.begin());
    return;
  }
  for (const double amount : before_unit_) filter_.step(amount / unit_.unit());
  before_unit_ = {};
}

// Learns by how much the accepted level differs from what the baseline says, and nothing else: the
// season and the dispersion stay as they are.
Judgement SurgeLearner::judge_accepted(double amount) {
  const Judgement judgement = filter_.judge(amount, level_);
  filter_.step(std::nullopt);
  --accepting_;
  if (!judgement.known) return judgement;
  accepted_sum_ += std::max(0.0, amount);
  accepted_expected_ += judgement.expected;
  if (accepting_ == 0) {
    constexpr double kHalf = 0.5;
    level_ = std::clamp(level_ * (accepted_sum_ + kHalf) / (accepted_expected_ + kHalf),
                        1 / kHighestLevel, kHighestLevel);
    long_evidence_ = starts_ = 0;
  }
  return judgement;
}

void SurgeLearner::fill(const RuleShape& shape, const WindowInputs& in, Judgement judgement,
                        Figures* f) {
  const config::Rule& rule = *shape.rule;
  const double unit = unit_.unit();
  f->unit = unit;
  f->expected = judgement.expected * unit;
  f->ratio = f->observed / f->expected;
  f->rank = f->ratio;
  f->dispersion = judgement.dispersion;
  if (in.whole_figures != nullptr && in.whole_figures->conclusive()) {
    compare_with_whole(*in.whole_figures, in.whole_figures->expected, f);
  }
  if (in.whole_figures != nullptr && shape.reads_whole && f->whole_ratio <= 0) {
    f->missing = Missing::kWhole;
    pair_.step({});
    return;
  }
  if (in.whole_figures != nullptr && shape.reads_whole) {
    judgement = exposed(judgement, std::max(1.0, f->whole_ratio), rule.learning->alpha);
  }
  f->law_mean = judgement.expected;
  f->law_variance = judgement.variance;
  f->p = judgement.p;

  const double before = ramp_.evidence();
  const statistics::RampJudgement ramp = ramp_.step(judgement);
  f->evidence = ramp.evidence;
  const statistics::PairJudgement pair = pair_.step(judgement);
  f->reaches = ramp.alarm;
  f->pair_p = pair.p;
  f->pair_reaches = pair.alarm && rule.learning->method == Method::kSurgeAndRamp;
  f->evidence_windows = static_cast<int>(ramp.windows);
  f->evidence_excess = ramp.excess * unit;
  const double log_ratio = law_of(judgement).log_ratio(judgement.observed, rule.learning->kappa);
  long_evidence_ = std::clamp(long_evidence_ + log_ratio, 0.0, kLongestEvidence);
  starts_ += 1;
  f->e_value = statistics::portable_exp(long_evidence_) / starts_;

  f->tested = judgement.enough;
  f->score = score_(*f);
  f->verdict = Verdict::kBetween;  // the panel decides
  f->missing = Missing::kNone;
  if (!in.wants_bound) return;
  f->upper_bound = bound(shape, judgement, before);
  const config::Thresholds& fire = rule.fire_at;
  f->upper_bound = std::max({f->upper_bound, f->expected * fire.ratio.value_or(0),
                             f->expected * f->whole_ratio * fire.excess_over_total.value_or(0),
                             fire.observed.value_or(0)});
}

double SurgeLearner::bound(const RuleShape& shape, const Judgement& judgement,
                           double evidence_before) const {
  const config::Learning& learning = *shape.rule->learning;
  double result = 0;
  if (learning.method != Method::kRamp) result = filter_.upper_bound(judgement, learning.alpha);
  if (learning.method != Method::kSurge) {
    const double ramp = ramp_bound(judgement, evidence_before, learning.kappa, learning.h);
    result = learning.method == Method::kRamp ? ramp : std::min(result, ramp);
  }
  return result * unit_.unit();
}

}  // namespace surgewatch::detect
