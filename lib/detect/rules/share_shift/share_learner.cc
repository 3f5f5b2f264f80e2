#include "detect/rules/share_shift/share_learner.h"

#include <algorithm>
#include <array>

#include "base/at_most.h"
#include "base/check.h"
#include "statistics/portable_math.h"

namespace surgewatch::detect {
namespace {

using config::Direction;
using statistics::ShareCusum;

constexpr double kLongestEvidence = 50;

statistics::ShareParameters parameters_of(const RuleShape& shape) {
  const config::Learning& learning = *shape.rule->learning;
  return {.regions = 2,
          .odds_ratio = learning.odds_ratio,
          .threshold = learning.h,
          .guard = static_cast<int>(learning.guard),
          .warm_up = static_cast<int>(learning.warm_up),
          .target = {}};
}

ShareCusum make_cusum(const RuleShape& shape) {
  auto cusum = ShareCusum::create(parameters_of(shape));
  SW_CHECK(cusum.ok());  // the declared parameters have the same ranges
  return *std::move(cusum);
}

// log likelihood ratio of one window: odds `psi` times the learned ones.
double log_ratio(double count, double total, double share, double psi, double dispersion) {
  return (count * statistics::portable_log(psi) -
          total * statistics::portable_log1p(share * (psi - 1))) /
         dispersion;
}

}  // namespace

ShareLearner::ShareLearner(const RuleShape& shape)
    : cusum_(make_cusum(shape)), unit_(shape.in_documents, shape.rule->learning->warm_up) {}

Saturating ShareLearner::at_most(const RuleShape& shape) {
  Saturating most = ShareCusum::at_most(parameters_of(shape));
  if (shape.in_documents) {
    most += at_most::vector(shape.rule->learning->warm_up, sizeof(std::pair<double, double>));
  }
  return most;
}

std::unique_ptr<Learner> ShareLearner::clone() const {
  return std::make_unique<ShareLearner>(*this);
}

Figures ShareLearner::advance(const RuleShape& shape, const WindowInputs& in) {
  const config::Learning& learning = *shape.rule->learning;
  Figures f;
  f.amount = in.own.judged;
  f.whole_amount = in.whole.judged;
  if (f.whole_amount > 0) f.observed = f.amount / f.whole_amount;
  if (in.silent) return f;
  f.verdict = Verdict::kInconclusive;
  f.missing = Missing::kHistory;
  if (!entered_) {
    entered_ = in.own.amount > 0;
    if (!entered_) f.verdict = Verdict::kNotDue;
    return f;
  }
  if (!unit_.known()) {
    unit_.take(in.whole);
    if (!unit_.known()) {
      before_unit_.emplace_back(in.own.amount, in.whole.amount);
      constexpr std::size_t kMostWaiting = 1'024;
      if (before_unit_.size() > kMostWaiting) before_unit_.erase(before_unit_.begin());
      if (static_cast<std::int64_t>(before_unit_.size()) >= learning.warm_up) {
        f.missing = Missing::kDocuments;
      }
      return f;
    }
  }
  const double unit = unit_.unit();
  const auto counts = [unit](double own, double whole) {
    return std::array<double, 2>{std::max(0.0, own) / unit, std::max(0.0, whole - own) / unit};
  };
  for (const auto& [own, whole] : before_unit_) cusum_.step(counts(own, whole));
  before_unit_ = {};
  const statistics::ShareJudgement& judgement =
      cusum_.step(counts(in.own.amount, in.whole.amount), counts(in.own.judged, in.whole.judged));
  if (!judgement.known) {
    if (in.whole.judged <= 0) f.missing = Missing::kWhole;
    return f;
  }
  const statistics::RegionShare& region = judgement.regions[0];
  f.expected = region.baseline_share;
  f.ratio = f.observed / f.expected;
  f.score = 100 * (f.observed - f.expected);
  f.base_amount = region.baseline_count * unit;
  f.whole_base = judgement.baseline_total * unit;
  f.unit = unit;
  f.dispersion = judgement.dispersion;

  const bool up = learning.direction != Direction::kDown;
  const bool down = learning.direction != Direction::kUp;
  f.evidence = std::max(up ? region.evidence_up : 0, down ? region.evidence_down : 0);
  const bool reaches = (up && region.alarm_up) || (down && region.alarm_down);
  f.reaches = reaches;
  windows_since_ = reaches ? 0 : std::min(windows_since_ + 1, kShareWindows);
  f.rank = learning.direction == Direction::kUp ? f.score
           : down && up                         ? std::abs(f.score)
                                                : -f.score;
  const double psi = learning.odds_ratio;
  const auto run_on = [&](double* evidence, double odds) {
    *evidence = std::clamp(
        *evidence + log_ratio(region.count, judgement.total, f.expected, odds, f.dispersion), 0.0,
        kLongestEvidence);
    return *evidence;
  };
  const double longest =
      std::max(up ? run_on(&long_up_, psi) : 0, down ? run_on(&long_down_, 1 / psi) : 0);
  starts_ += learning.direction == Direction::kBoth ? 2 : 1;
  f.e_value = statistics::portable_exp(longest) / starts_;
  f.tested = true;
  f.verdict = Verdict::kBetween;  // the panel decides
  f.missing = Missing::kNone;

  // The share at which this window alone makes up what is missing to h.
  if (up) {
    const double before = region.evidence_up -
                          log_ratio(region.count, judgement.total, f.expected, psi, f.dispersion);
    const double needed = (learning.h - std::max(0.0, before)) * f.dispersion +
                          judgement.total * statistics::portable_log1p(f.expected * (psi - 1));
    f.upper_bound = needed / statistics::portable_log(psi) / judgement.total;
  }
  const config::Thresholds& fire = shape.rule->fire_at;
  f.upper_bound =
      std::max({f.upper_bound, fire.points ? f.expected + *fire.points / 100 : 0,
                f.expected * fire.ratio.value_or(0), fire.observed.value_or(0) / f.whole_amount});
  return f;
}

}  // namespace surgewatch::detect
