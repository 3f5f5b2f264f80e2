#include "detect/rule_shape.h"

#include <algorithm>

#include "base/check.h"
#include "detect/rules/rule_type.h"
#include "detect/rules/table.h"

namespace surgewatch::detect {
namespace {

std::int64_t panes_in(Micros span, Micros pane_length) {
  return (span + pane_length - 1) / pane_length;
}

// How far behind the newest time what the rule is made of can change, but for the lateness.
Micros correctable_span(const config::Config& config, const config::Rule& rule) {
  const Micros horizon = config.event_time.correction_horizon;
  if (rule.typology.has_value()) {
    Micros span = horizon;
    for (const config::WeighedFinding& finding : rule.typology->findings) {
      span = std::max(span, correctable_span(config, config.rules[finding.rule]));
    }
    return span;
  }
  if (config.series[rule.series].event != Topic::kOrders) return horizon;
  // A finding is made of an order's documents together. One of them can be taken out for a horizon
  // after it has come, and what then counts again is of those before it, as much as a horizon
  // older. What is found of a silence comes that long after the last of them.
  return horizon + std::max({horizon, rule.orders.deadline, rule.orders.absence_after});
}

}  // namespace

RuleShape::RuleShape(const config::Config& config, std::size_t rule_index)
    : rule(&config.rules[rule_index]),
      type(&rule_type(*rule->type)),
      series(&config.series[rule->series]),
      tables(config.reference.get()),
      pane_length(series->pane_length),
      window(rule->window_panes) {
  SW_CHECK(pane_length > 0 && window > 0);
  if (rule->reference.has_value()) {
    reference_begin = pane_of(rule->reference->start, pane_length);
    reference_end = pane_of(rule->reference->end, pane_length);
  }
  const bool has_excess =
      rule->fire_at.excess_over_total.has_value() || rule->clear_at.excess_over_total.has_value();
  const RuleTraits& traits = type->traits;
  learns = rule->learning.has_value();
  const bool is_money = rule->measure == Measure::kRevenueUsd || rule->measure == Measure::kTpp;
  in_documents =
      learns && (is_money || (traits.knows_its_like && rule->measure != Measure::kDocuments));
  if (rule->against_series.has_value()) {
    SW_CHECK(!rule->per.empty());
    if (*rule->against_series != rule->series) {
      SW_CHECK(rule->per.size() == 1);
      SW_CHECK(config.series[*rule->against_series].pane_length == pane_length);
    }
  }
  can_be_early = traits.only_rises && !has_excess && rule->rollup.empty();
  reads_whole = has_excess || traits.shares;
  // Those that learn look back to see whether there has been anything at all.
  reach = learns ? window * (silent_windows() + 2) : window;
  if (rule->assumed.has_value()) reach += window * rule->assumed->changes_over;
  late = panes_in(config.event_time.allowed_lateness, pane_length) + 1;
  // A document that was replaced lies up to the lateness before the event that is known for so
  // long.
  correctable = std::min(panes_in(correctable_span(config, *rule), pane_length) + late,
                         std::max(kMaxCorrectablePanes, window));
  if (learns) correctable = (correctable + window - 1) / window * window;
  forgotten_after = correctable;
}

}  // namespace surgewatch::detect
