#include "detect/evaluate.h"

#include <algorithm>

#include "base/check.h"

namespace surgewatch::detect {
namespace {

std::int64_t panes_in(Micros span, Micros pane_length) {
  return (span + pane_length - 1) / pane_length;
}

}  // namespace

RuleShape::RuleShape(const config::Config& config, std::size_t rule_index)
    : rule(&config.rules[rule_index]),
      series(&config.series[rule->series]),
      pane_length(series->pane_length),
      window(rule->window_panes) {
  SW_CHECK(pane_length > 0 && window > 0);
  if (rule->reference.has_value()) {
    reference_begin = pane_of(rule->reference->start, pane_length);
    reference_end = pane_of(rule->reference->end, pane_length);
  }
  const bool has_excess =
      rule->fire_at.excess_over_total.has_value() || rule->clear_at.excess_over_total.has_value();
  learns = rule->learning.has_value();
  const bool is_money = rule->measure == Measure::kRevenueUsd || rule->measure == Measure::kTpp;
  in_documents = learns && (is_money || (rule->type == config::RuleType::kNewEntity &&
                                         rule->measure != Measure::kDocuments));
  if (rule->type == config::RuleType::kDivergence) {
    SW_CHECK(rule->against_series.has_value() && !rule->per.empty());
    if (*rule->against_series != rule->series) {
      SW_CHECK(rule->per.size() == 1);
      SW_CHECK(config.series[*rule->against_series].pane_length == pane_length);
    }
  }
  const bool one_sided = rule->type == config::RuleType::kSurgeSince ||
                         rule->type == config::RuleType::kSurge ||
                         rule->type == config::RuleType::kRamp;
  can_be_early = one_sided && !has_excess && rule->rollup.empty();
  reads_whole = has_excess || rule->type == config::RuleType::kShareShift;
  // Those that learn look back to see whether there has been anything at all.
  reach = learns ? window * (silent_windows() + 2) : window;
  late = panes_in(config.event_time.allowed_lateness, pane_length) + 1;
  // A document that was replaced lies up to the lateness before the event that is known for so
  // long.
  correctable = std::min(panes_in(config.event_time.correction_horizon, pane_length) + late,
                         std::max(kMaxCorrectablePanes, window));
  if (learns) correctable = (correctable + window - 1) / window * window;
  forgotten_after = correctable;
}

std::optional<PaneIndex> Operands::next(PaneIndex pane) const {
  std::optional<PaneIndex> first;
  const auto look = [&](const PaneSums& sums) {
    const std::optional<PaneIndex> found = sums.next(pane);
    if (found.has_value()) first = std::min(first.value_or(*found), *found);
  };
  look(observed);
  if (more != nullptr) {
    look(more->corrected);
    look(more->against);
  }
  return first;
}

std::optional<PaneIndex> Operands::last() const {
  std::optional<PaneIndex> last;
  const auto look = [&](const PaneSums& sums) {
    const std::optional<PaneIndex> found = sums.last();
    if (found.has_value()) last = std::max(last.value_or(*found), *found);
  };
  look(observed);
  if (more != nullptr) {
    look(more->corrected);
    look(more->against);
  }
  return last;
}

void Operands::forget_before(PaneIndex pane) {
  observed.forget_before(pane);
  if (more == nullptr) return;
  for (PaneSums* sums : {&more->corrected, &more->against, &more->unstated, &more->documents}) {
    sums->forget_before(pane);
  }
}

Figures evaluate_whole(const RuleShape& shape, const Operands& whole, PaneIndex pane) {
  Figures result;
  switch (shape.rule->type) {
    case config::RuleType::kSurgeSince:
      result = evaluate_surge_since(shape, whole, nullptr, pane);
      break;
    case config::RuleType::kShareShift:
      result.amount = static_cast<double>(whole.judged(shape.window_begin(pane), pane));
      result.base_amount = static_cast<double>(whole.reference());
      break;
    case config::RuleType::kDivergence:
    case config::RuleType::kSurge:
    case config::RuleType::kRamp:
    case config::RuleType::kNewEntity:
      break;  // see tracker.h
  }
  return result;
}

Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures& whole,
                 PaneIndex pane, PaneIndex first_pane) {
  switch (shape.rule->type) {
    case config::RuleType::kSurgeSince:
      return evaluate_surge_since(shape, subject, &whole, pane);
    case config::RuleType::kShareShift:
      return evaluate_share_shift(shape, subject, whole, pane, first_pane);
    case config::RuleType::kDivergence:
      return evaluate_divergence(shape, subject, pane, first_pane);
    case config::RuleType::kSurge:
    case config::RuleType::kRamp:
    case config::RuleType::kNewEntity:
      break;  // see tracker.h
  }
  return {};
}

void compare_with_whole(const Figures& whole, double whole_base, Figures* figures) {
  figures->whole_ratio = whole.ratio;
  figures->whole_amount = whole.observed;
  figures->whole_base = whole_base;
  if (whole.ratio > 0) figures->excess = figures->ratio / whole.ratio;
}

}  // namespace surgewatch::detect
