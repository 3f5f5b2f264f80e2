// surge_since: a window against a fixed reference period.
//
//   observed = Σ of the window          expected = Σ of the reference × window / reference length
//   ratio    = observed / expected      excess   = ratio / the same ratio of the whole series
//   score    = ln ratio
//
// A ratio of two totals has no confidence interval without counts of documents; none is given.
// Source: ratio to a reference epoch as in public health's standardised ratios; D0 of the design.
#include <algorithm>
#include <cmath>

#include "detect/evaluate.h"

namespace surgewatch::detect {

Figures evaluate_surge_since(const RuleShape& shape, const Operands& subject, const Figures* whole,
                             PaneIndex pane) {
  Figures figures;
  figures.observed = static_cast<double>(subject.judged(shape.window_begin(pane), pane));
  figures.base_amount = static_cast<double>(subject.reference());
  if (pane + 1 <= shape.reference_end) return figures;  // it ends within the reference
  if (subject.reference() <= 0) {
    figures.verdict = Verdict::kInconclusive;
    figures.missing = Missing::kReference;
    return figures;
  }
  figures.expected = figures.base_amount * static_cast<double>(shape.window) /
                     static_cast<double>(shape.reference_end - shape.reference_begin);
  figures.ratio = figures.observed / figures.expected;
  // A window of credit notes only has no logarithm; it is far below any line.
  figures.score = figures.ratio > 0 ? std::log(figures.ratio) : 0;
  figures.rank = figures.ratio;

  const config::Thresholds& fire = shape.rule->fire_at;
  const config::Thresholds& clear = shape.rule->clear_at;
  if (whole != nullptr) {
    compare_with_whole(*whole, whole->base_amount, &figures);
    if (shape.reads_whole && figures.whole_ratio <= 0) {
      figures.verdict = Verdict::kInconclusive;
      figures.missing = Missing::kWholeReference;
      return figures;
    }
  }
  const Judged judged[] = {
      {figures.ratio, fire.ratio, clear.ratio},
      {figures.excess, fire.excess_over_total, clear.excess_over_total},
      {figures.observed, fire.observed, clear.observed},
  };
  figures.verdict = judge(judged);
  figures.upper_bound =
      std::max({figures.expected * fire.ratio.value_or(0),
                figures.expected * figures.whole_ratio * fire.excess_over_total.value_or(0),
                fire.observed.value_or(0)});
  return figures;
}

}  // namespace surgewatch::detect
