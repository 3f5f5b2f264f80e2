#include "detect/tracker.h"

#include <algorithm>
#include <cmath>

#include "base/at_most.h"
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

Tracker::Tracker(const RuleShape& shape, std::vector<PaneIndex> accepted)
    : detector_(make(shape, accepted)), accepted_(std::move(accepted)) {}

Tracker::Detector Tracker::make(const RuleShape& shape, std::vector<PaneIndex> accepted) {
  switch (shape.rule->type) {
    case RuleType::kShareShift:
      return ShareTracker(shape);
    case RuleType::kNewEntity:
      return EntityTracker(shape);
    default:
      return SurgeTracker(shape, std::move(accepted));
  }
}

Tracker::AtMost Tracker::at_most(const RuleShape& shape) {
  const Saturating accepted =
      at_most::exact_vector(shape.rule->accepted.size(), sizeof(PaneIndex)) * 2;
  switch (shape.rule->type) {
    case RuleType::kShareShift:
      return {.own = ShareTracker::at_most(shape) + accepted, .shared = 0};
    case RuleType::kNewEntity:
      return {.own = accepted, .shared = 0};
    default: {
      const auto [own, shared] = SurgeTracker::at_most(shape);
      return {.own = own + accepted, .shared = shared};
    }
  }
}

Figures Tracker::advance(const RuleShape& shape, const WindowInputs& in) {
  if (in.own.amount != 0) {
    if (empty_windows_ * shape.window > shape.forgotten_after) {
      detector_ = make(shape, accepted_);
    }
    empty_windows_ = 0;
  } else if (!in.silent) {
    ++empty_windows_;
  }
  return std::visit([&](auto& detector) { return detector.advance(shape, in); }, detector_);
}

Lines lines_of(const RuleShape& shape, const Figures& f) {
  const config::Thresholds& fire = shape.rule->fire_at;
  const config::Thresholds& clear = shape.rule->clear_at;
  const bool share = shape.rule->type == RuleType::kShareShift;
  Lines lines{.reached = true, .undercut = true};
  const auto look = [&](const std::optional<double>& fire_line,
                        const std::optional<double>& clear_line, double figure) {
    lines.reached = lines.reached && (!fire_line || figure >= *fire_line);
    lines.undercut = lines.undercut && (!clear_line || figure < *clear_line);
  };
  look(fire.ratio, clear.ratio, f.ratio);
  look(fire.excess_over_total, clear.excess_over_total, f.excess);
  look(fire.points, clear.points, share ? std::abs(f.score) : 0);
  look(fire.observed, clear.observed, share ? f.amount : f.observed);
  lines.reached = lines.reached && (!fire.z || f.p <= z_line(*fire.z));
  lines.undercut = lines.undercut && (!clear.z || f.p > z_line(*clear.z));
  return lines;
}

Figures reassess(const RuleShape& shape, const Figures& figures, double amount) {
  if (!figures.conclusive() || figures.observed == amount) return figures;
  if (shape.rule->type == RuleType::kShareShift) return figures;
  Figures f = figures;
  f.observed = amount;
  if (f.expected > 0) f.ratio = amount / f.expected;
  f.rank = f.ratio;
  if (f.whole_ratio > 0) f.excess = f.ratio / f.whole_ratio;
  if (f.tested && shape.rule->type != RuleType::kNewEntity) {
    f.p = statistics::NegativeBinomial::of(f.law_mean, f.law_variance)
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
