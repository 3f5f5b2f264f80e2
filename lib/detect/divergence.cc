// divergence: what was billed to a country against what was delivered there.
//
//   observed = billed       expected = delivered there, at most what was billed
//   score = d = 1 - delivered / billed (0 … 1)       ratio = billed / delivered
//
// Where the same documents declare the destination, what states none can lie anywhere: it is not
// counted as delivered, and if it is more than half of what was billed there is no answer. Nor is
// there one for a window that begins before the series' history: what is billed first is delivered
// a little later, and a few days would look like diversion. Where no deliveries are told of at all,
// and all who could tell are idle, nothing was delivered.
#include <algorithm>

#include "detect/evaluate.h"

namespace surgewatch::detect {
namespace {

// Lines at or above 1 would need an infinite bound.
constexpr double kHighestLine = 1 - 1e-9;

}  // namespace

Figures evaluate_divergence(const RuleShape& shape, const Operands& subject, PaneIndex pane,
                            PaneIndex first_pane) {
  Figures figures;
  const PaneIndex begin = shape.window_begin(pane);
  const Int128 billed = subject.judged(begin, pane);
  const Int128 delivered =
      std::min(std::max(subject.against(begin, pane), Int128{0}), std::max(billed, Int128{0}));
  const Int128 unstated = subject.unstated(begin, pane);
  figures.observed = static_cast<double>(billed);
  figures.unstated = static_cast<double>(unstated);
  if (billed <= 0) {
    figures.verdict = Verdict::kNothing;
    return figures;
  }
  figures.verdict = Verdict::kInconclusive;
  if (begin < first_pane) {
    figures.missing = Missing::kHistory;
    return figures;
  }
  if (2 * unstated > billed) {
    figures.missing = Missing::kDestination;
    return figures;
  }
  figures.expected = static_cast<double>(delivered);
  figures.ratio = delivered > 0 ? figures.observed / figures.expected : 0;
  figures.score = static_cast<double>(billed - delivered) / figures.observed;
  figures.rank = figures.score;

  const config::Thresholds& fire = shape.rule->fire_at;
  const config::Thresholds& clear = shape.rule->clear_at;
  const Judged judged[] = {
      {figures.score, fire.divergence, clear.divergence},
      {figures.observed, fire.observed, clear.observed},
  };
  figures.verdict = judge(judged);
  figures.upper_bound = fire.observed.value_or(0);
  if (fire.divergence.has_value()) {
    figures.upper_bound = std::max(
        figures.upper_bound, figures.expected / (1 - std::min(*fire.divergence, kHighestLine)));
  }
  return figures;
}

}  // namespace surgewatch::detect
