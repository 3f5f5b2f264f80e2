// share_shift against a reference period: the subject's share of the whole in the window, against
// its share then. (Without a reference the share is learned: see share_tracker.cc.)
//
//   observed = subject / whole in the window (0 … 1)       expected = the same in the reference
//   points = 100 × (observed - expected) = score    ratio = observed / expected
//
// A share can rise because the rest fell (Simpson's trap), so the whole's totals before and now are
// part of the evidence.
#include <algorithm>

#include "detect/evaluate.h"

namespace surgewatch::detect {

Figures evaluate_share_shift(const RuleShape& shape, const Operands& subject, const Figures& whole,
                             PaneIndex pane, PaneIndex first_pane) {
  Figures figures;
  figures.amount = static_cast<double>(subject.judged(shape.window_begin(pane), pane));
  figures.whole_amount = whole.amount;
  figures.whole_base = whole.base_amount;
  if (figures.whole_amount > 0) figures.observed = figures.amount / figures.whole_amount;
  if (pane + 1 <= shape.reference_end) return figures;

  figures.verdict = Verdict::kInconclusive;
  if (figures.whole_amount <= 0) {
    figures.missing = Missing::kWhole;
    return figures;
  }
  if (shape.window_begin(pane) < first_pane) {
    figures.missing = Missing::kHistory;
    return figures;
  }
  figures.base_amount = static_cast<double>(subject.reference());
  if (figures.whole_base <= 0) {
    figures.missing = Missing::kWholeReference;
    return figures;
  }
  figures.expected = figures.base_amount / figures.whole_base;
  figures.ratio = figures.expected > 0 ? figures.observed / figures.expected : 0;
  figures.score = 100 * (figures.observed - figures.expected);
  figures.rank = figures.score;

  const config::Thresholds& fire = shape.rule->fire_at;
  const config::Thresholds& clear = shape.rule->clear_at;
  const Judged judged[] = {
      {figures.score, fire.points, clear.points},
      {figures.ratio, fire.ratio, clear.ratio},
      {figures.amount, fire.observed, clear.observed},
  };
  figures.verdict = judge(judged);
  figures.upper_bound =
      std::max({fire.points.has_value() ? figures.expected + *fire.points / 100 : 0,
                figures.expected * fire.ratio.value_or(0),
                fire.observed.value_or(0) / figures.whole_amount});
  return figures;
}

}  // namespace surgewatch::detect
