#include "detect/tracker.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "statistics/negative_binomial.h"
#include "statistics/portable_math.h"

namespace surgewatch::detect {
namespace {

using config::RuleType;

// Under a window of money whose documents are not known.
constexpr double kLeastDocuments = 1;

double z_line(double z) { return 0.5 * std::erfc(z / std::sqrt(2.0)); }

}  // namespace

void UnitFinder::take(const WindowSums& sums) {
  if (known()) return;
  ++taken_;
  amount_ += std::abs(sums.amount);
  documents_ += std::abs(sums.documents);
  if (taken_ >= wanted_ && documents_ >= kLeastDocuments && amount_ > 0) {
    unit_ = amount_ / documents_;
  }
}

Tracker make_tracker(const RuleShape& shape, std::vector<PaneIndex> accepted) {
  switch (shape.rule->type) {
    case RuleType::kShareShift:
      return ShareTracker(shape);
    case RuleType::kNewEntity:
      return EntityTracker(shape);
    default:
      return SurgeTracker(shape, std::move(accepted));
  }
}

Verdict judge_lines(const RuleShape& shape, const Figures& f) {
  const config::Thresholds& fire = shape.rule->fire_at;
  const config::Thresholds& clear = shape.rule->clear_at;
  const bool share = shape.rule->type == RuleType::kShareShift;
  const double amount = share ? f.amount : f.observed;
  const auto reached = [](const std::optional<double>& line, double figure) {
    return !line.has_value() || figure >= *line;
  };
  const auto below = [](const std::optional<double>& line, double figure) {
    return !line.has_value() || figure < *line;
  };
  const double points = share ? std::abs(f.score) : 0;
  if (reached(fire.ratio, f.ratio) && reached(fire.excess_over_total, f.excess) &&
      reached(fire.points, points) && reached(fire.observed, amount) &&
      (!fire.z || f.p <= z_line(*fire.z))) {
    return Verdict::kFires;
  }
  if (below(clear.ratio, f.ratio) && below(clear.excess_over_total, f.excess) &&
      below(clear.points, points) && below(clear.observed, amount) &&
      (!clear.z || f.p > z_line(*clear.z))) {
    return Verdict::kQuiet;
  }
  return Verdict::kBetween;
}

Figures reassess(const RuleShape& shape, const Figures& figures, double amount) {
  Figures f = figures;
  if (!f.conclusive() || shape.rule->type == RuleType::kShareShift) return f;
  f.observed = amount;
  if (f.expected > 0) f.ratio = amount / f.expected;
  f.rank = f.ratio;
  if (f.whole_ratio > 0) f.excess = f.ratio / f.whole_ratio;
  if (f.tested && f.variance > 0 && shape.rule->type != RuleType::kNewEntity) {
    const double mean = f.expected * f.exposure / f.unit;
    f.p = statistics::NegativeBinomial::of(mean, f.variance / (f.unit * f.unit))
              .upper_tail(std::max(0.0, amount) / f.unit);
    f.score = score_of(shape, f);
  }
  return f;
}

double score_of(const RuleShape& shape, const Figures& figures) {
  constexpr double kLeastP = 1e-300;
  if (shape.rule->type == RuleType::kRamp) return figures.evidence;
  return -std::log10(std::clamp(figures.p, kLeastP, 1.0));
}

}  // namespace surgewatch::detect
