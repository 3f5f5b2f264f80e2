// surge: a window against the rolling baseline before it.
//
//   baseline windows: the non-overlapping windows in the `baseline` panes that end one window (the
//   guard) before this one begins; those that begin before the series' history do not count
//   expected = their median    sigma = max(1.4826 × MAD, 5 % of the median, 1 unit)
//   z = (observed - expected) / sigma   ratio = observed / expected   score = z
//
// Median and MAD bear up to half of the baseline being surges of its own. The floor of 5 % keeps an
// even baseline from making every step significant.
// Source: robust z-scores, e.g. Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993;
// 1.4826 = 1 / Φ⁻¹(3/4).
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/measures.h"
#include "detect/evaluate.h"

namespace surgewatch::detect {
namespace {

constexpr double kMadToSigma = 1.4826;
constexpr double kSigmaFloorOfMedian = 0.05;
constexpr double kMicrosPerDollar = 1e6;

// Of at least one value; changes their order.
double median(std::vector<double>* values) {
  const auto middle = values->begin() + static_cast<std::ptrdiff_t>(values->size() / 2);
  std::nth_element(values->begin(), middle, values->end());
  if (values->size() % 2 == 1) return *middle;
  return (*std::max_element(values->begin(), middle) + *middle) / 2;
}

}  // namespace

Figures evaluate_surge(const RuleShape& shape, const Operands& subject, const Whole* whole,
                       PaneIndex pane, PaneIndex first_pane) {
  Figures figures;
  figures.observed = static_cast<double>(subject.observed.sum(shape.window_begin(pane), pane));

  std::vector<double> windows;
  windows.reserve(static_cast<std::size_t>(shape.baseline / shape.window));
  PaneIndex end = shape.window_begin(pane) - shape.guard;  // exclusive
  for (std::int64_t i = 0; i < shape.baseline / shape.window; ++i, end -= shape.window) {
    if (end - shape.window < first_pane) break;
    windows.push_back(static_cast<double>(subject.observed.sum(end - shape.window, end - 1)));
  }
  figures.baseline_windows = static_cast<int>(windows.size());
  figures.verdict = Verdict::kInconclusive;
  if (figures.baseline_windows < kMinBaselineWindows) {
    figures.missing = Missing::kHistory;
    return figures;
  }
  figures.expected = median(&windows);
  if (figures.expected <= 0) {
    figures.missing = Missing::kBaseline;
    return figures;
  }
  for (double& value : windows) value = std::abs(value - figures.expected);
  const double unit = shape.rule->measure == Measure::kRevenueUsd ? kMicrosPerDollar : 1;
  figures.sigma =
      std::max({kMadToSigma * median(&windows), kSigmaFloorOfMedian * figures.expected, unit});
  figures.ratio = figures.observed / figures.expected;
  figures.score = (figures.observed - figures.expected) / figures.sigma;
  figures.rank = figures.ratio;

  const config::Thresholds& fire = shape.rule->fire_at;
  const config::Thresholds& clear = shape.rule->clear_at;
  if (whole != nullptr) {
    figures.whole_ratio = whole->figures.ratio;
    figures.whole_amount = whole->figures.observed;
    figures.whole_base = whole->figures.expected;
    if (figures.whole_ratio > 0) figures.excess = figures.ratio / figures.whole_ratio;
    if (shape.reads_whole && figures.whole_ratio <= 0) {
      figures.missing = Missing::kWhole;
      return figures;
    }
  }
  const Judged judged[] = {
      {figures.ratio, fire.ratio, clear.ratio},
      {figures.excess, fire.excess_over_total, clear.excess_over_total},
      {figures.score, fire.z, clear.z},
      {figures.observed, fire.observed, clear.observed},
  };
  figures.verdict = judge(judged);
  figures.upper_bound =
      std::max({figures.expected * fire.ratio.value_or(0),
                figures.expected * figures.whole_ratio * fire.excess_over_total.value_or(0),
                fire.z.has_value() ? figures.expected + *fire.z * figures.sigma : 0,
                fire.observed.value_or(0)});
  return figures;
}

}  // namespace surgewatch::detect
