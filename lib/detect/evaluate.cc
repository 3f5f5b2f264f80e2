#include "detect/evaluate.h"

#include "base/check.h"

namespace surgewatch::detect {
namespace {

PaneHistory history(bool used, std::int64_t capacity, PaneIndex closed) {
  return PaneHistory(used ? capacity : 0, closed);
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
  switch (rule->type) {
    case config::RuleType::kSurgeSince:
      can_be_early = !has_excess;
      break;
    case config::RuleType::kSurge:
      can_be_early = !has_excess;
      guard = window;
      baseline = rule->baseline_panes;
      break;
    case config::RuleType::kShareShift:
      if (!has_reference()) {
        guard = window;
        baseline = rule->baseline_panes;
      }
      break;
    case config::RuleType::kDivergence:
      SW_CHECK(rule->against_series.has_value() && !rule->per.empty());
      if (*rule->against_series != rule->series) {
        SW_CHECK(rule->per.size() == 1);
        SW_CHECK(config.series[*rule->against_series].pane_length == pane_length);
      }
      break;
  }
  reads_whole = has_excess || rule->type == config::RuleType::kShareShift;
  reach = window + guard + baseline;
}

Operands::Operands(const RuleShape& shape, std::int64_t capacity, PaneIndex closed)
    : observed(capacity, closed),
      against(history(shape.rule->type == config::RuleType::kDivergence, capacity, closed)),
      unstated(history(shape.rule->type == config::RuleType::kDivergence, capacity, closed)) {}

Whole evaluate_whole(const RuleShape& shape, const Operands& whole, PaneIndex pane,
                     PaneIndex first_pane) {
  Whole result;
  switch (shape.rule->type) {
    case config::RuleType::kSurgeSince:
      result.figures = evaluate_surge_since(shape, whole, nullptr, pane);
      break;
    case config::RuleType::kSurge:
      result.figures = evaluate_surge(shape, whole, nullptr, pane, first_pane);
      break;
    case config::RuleType::kShareShift: {
      Figures& figures = result.figures;
      figures.amount = static_cast<double>(whole.observed.sum(shape.window_begin(pane), pane));
      const PaneIndex base_end = shape.window_begin(pane) - shape.guard;
      figures.base_amount = static_cast<double>(
          shape.has_reference() ? whole.reference
                                : whole.observed.sum(base_end - shape.baseline, base_end - 1));
      break;
    }
    case config::RuleType::kDivergence:
      result.against = whole.against.sum(shape.window_begin(pane), pane);
      break;
  }
  return result;
}

Figures evaluate(const RuleShape& shape, const Operands& subject, const Whole& whole,
                 PaneIndex pane, PaneIndex first_pane) {
  switch (shape.rule->type) {
    case config::RuleType::kSurgeSince:
      return evaluate_surge_since(shape, subject, &whole, pane);
    case config::RuleType::kSurge:
      return evaluate_surge(shape, subject, &whole, pane, first_pane);
    case config::RuleType::kShareShift:
      return evaluate_share_shift(shape, subject, whole, pane, first_pane);
    case config::RuleType::kDivergence:
      return evaluate_divergence(shape, subject, whole, pane, first_pane);
  }
  return {};
}

}  // namespace surgewatch::detect
