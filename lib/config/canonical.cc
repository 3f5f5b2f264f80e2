// Content addresses of series and rule sets: over a normal form in which defaults are filled in and
// durations are numbers, so that two ways to write the same are the same.
#include <algorithm>
#include <bit>

#include "config/checks.h"
#include "config/fingerprint.h"
#include "config/rule_spec.h"

namespace surgewatch::config {
namespace {

void add_values(std::vector<std::string> values, Fingerprint* fingerprint) {
  std::sort(values.begin(), values.end());
  fingerprint->add(static_cast<std::int64_t>(values.size()));
  for (const std::string& value : values) fingerprint->add(value);
}

void add_condition(const Condition& condition, Fingerprint* fingerprint) {
  fingerprint->add(dimension_name(condition.field));
  add_values(condition.in, fingerprint);
  add_values(condition.not_in, fingerprint);
}

void add_series(const Series& series, Fingerprint* fingerprint) {
  fingerprint->add(series.name);
  fingerprint->add(topic_name(series.event));
  fingerprint->add(static_cast<std::int64_t>(series.where.size()));
  for (const Condition& condition : series.where) add_condition(condition, fingerprint);
  fingerprint->add(static_cast<std::int64_t>(series.group_by.size()));
  for (const Dimension dimension : series.group_by) fingerprint->add(dimension_name(dimension));
  fingerprint->add(static_cast<std::int64_t>(series.measures.size()));
  for (const Measure measure : series.measures) fingerprint->add(measure_name(measure));
  fingerprint->add(series.pane_length);
  // Of findings alone: others keep the address that they have.
  if (series.event == Topic::kOrders) {
    fingerprint->add(static_cast<std::int64_t>(series.found_by));
  }
}

void add_thresholds(const Thresholds& thresholds, Fingerprint* fingerprint) {
  for (const auto& figure : {thresholds.ratio, thresholds.excess_over_total, thresholds.z,
                             thresholds.points, thresholds.divergence, thresholds.observed}) {
    fingerprint->add(std::int64_t{figure.has_value()});
    // The bits of an IEEE 754 double: the same wherever Surgewatch is built.
    fingerprint->add(std::bit_cast<std::int64_t>(figure.value_or(0)));
  }
  // Figures that came later: versions of rules without them stay the same.
  if (thresholds.hhi || thresholds.change) {
    for (const auto& figure : {thresholds.hhi, thresholds.change}) {
      fingerprint->add(std::int64_t{figure.has_value()});
      fingerprint->add(std::bit_cast<std::int64_t>(figure.value_or(0)));
    }
  }
}

void add_per(const std::vector<std::size_t>& per, const Series& series, Fingerprint* fingerprint) {
  fingerprint->add(static_cast<std::int64_t>(per.size()));
  for (const std::size_t position : per) {
    fingerprint->add(dimension_name(series.group_by[position]));
  }
}

void add_learning(const Rule& rule, const Series& series, Fingerprint* fingerprint) {
  if (!rule.learning) return;
  const Learning& learning = *rule.learning;
  fingerprint->add(static_cast<std::int64_t>(learning.method));
  fingerprint->add(static_cast<std::int64_t>(learning.direction));
  for (const std::int64_t windows : {learning.period, learning.guard, learning.warm_up}) {
    fingerprint->add(windows);
  }
  for (const double figure : {learning.alpha, learning.false_discovery_rate, learning.kappa,
                              learning.h, learning.odds_ratio}) {
    fingerprint->add(std::bit_cast<std::int64_t>(figure));
  }
  fingerprint->add(static_cast<std::int64_t>(rule.rollup.size()));
  for (const std::vector<std::size_t>& level : rule.rollup) add_per(level, series, fingerprint);
  fingerprint->add(static_cast<std::int64_t>(rule.accepted.size()));
  for (const AcceptedLevel& accepted : rule.accepted) {
    add_per(accepted.per, series, fingerprint);
    for (const std::string& value : accepted.values) fingerprint->add(value);
    fingerprint->add(accepted.from);
  }
}

// The table of capacities is in it where it decides what is said; no event counts for more by it,
// so it is in no generation.
void add_assumptions(const Rule& rule, const Series& series, const Config& config,
                     Fingerprint* fingerprint) {
  if (!rule.assumed) return;
  const Assumptions& assumed = *rule.assumed;
  fingerprint->add(assumed.changes_over);
  fingerprint->add(static_cast<std::int64_t>(assumed.basis));
  for (const double figure : {assumed.floor, assumed.kw_per_chip_low, assumed.kw_per_chip_high,
                              assumed.new_build_share, assumed.refresh_share}) {
    fingerprint->add(std::bit_cast<std::int64_t>(figure));
  }
  fingerprint->add(rule.parts ? dimension_name(series.group_by[*rule.parts]) : "");
  add_values(rule.origins, fingerprint);
  if (rule.type->reads_capacities) fingerprint->add(config.reference->capacities.version);
}

void add_typology(const Rule& rule, const Config& config, Fingerprint* fingerprint) {
  if (!rule.typology) return;
  for (const double figure :
       {rule.fire_at.score.value_or(0), rule.clear_at.score.value_or(0), rule.typology->page_at}) {
    fingerprint->add(std::bit_cast<std::int64_t>(figure));
  }
  fingerprint->add(static_cast<std::int64_t>(rule.typology->findings.size()));
  for (const WeighedFinding& finding : rule.typology->findings) {
    fingerprint->add(finding.name);
    fingerprint->add(std::bit_cast<std::int64_t>(finding.weight));
    add_per(finding.by, config.series[config.rules[finding.rule].series], fingerprint);
  }
}

void add_rule(const Rule& rule, const Config& config, Fingerprint* fingerprint) {
  const Series& series = config.series[rule.series];
  fingerprint->add(rule.name);
  fingerprint->add(std::int64_t{rule.type->address});
  add_series(series, fingerprint);
  fingerprint->add(measure_name(rule.measure));
  add_per(rule.per, series, fingerprint);
  fingerprint->add(rule.window_panes);
  fingerprint->add(static_cast<std::int64_t>(rule.severity));
  fingerprint->add(std::int64_t{rule.shadow});
  fingerprint->add(rule.runbook_url);
  fingerprint->add(static_cast<std::int64_t>(rule.where.size()));
  for (const Rule::Filter& filter : rule.where) add_condition(filter.condition, fingerprint);
  const Period reference = rule.reference.value_or(Period{});
  fingerprint->add(std::int64_t{rule.reference.has_value()});
  fingerprint->add(reference.start);
  fingerprint->add(reference.end);
  fingerprint->add(std::int64_t{0});  // where a baseline's length stood: old versions stay the same
  fingerprint->add(std::int64_t{rule.against_series.has_value()});
  if (rule.against_series) {
    const Series& against = config.series[*rule.against_series];
    add_series(against, fingerprint);
    fingerprint->add(dimension_name(against.group_by[rule.against_position]));
  }
  add_thresholds(rule.fire_at, fingerprint);
  add_thresholds(rule.clear_at, fingerprint);
  fingerprint->add(std::int64_t{rule.clear_after});
  add_learning(rule, series, fingerprint);
  add_assumptions(rule, series, config, fingerprint);
  add_typology(rule, config, fingerprint);
}

}  // namespace

std::uint64_t found_by(const Rule& rule) {
  Fingerprint fingerprint;
  fingerprint.add(std::int64_t{rule.type->address});
  const OrderSettings& orders = rule.orders;
  add_values(orders.classes, &fingerprint);
  add_values(orders.groups, &fingerprint);
  fingerprint.add(std::int64_t{orders.ship_to});
  fingerprint.add(std::int64_t{orders.end_user});
  fingerprint.add(orders.absence_after);
  fingerprint.add(orders.deadline);
  if (orders.cap > 0) {  // what types without one find stays the same
    fingerprint.add(orders.cap);
    fingerprint.add(std::bit_cast<std::int64_t>(orders.near));
  }
  return fingerprint.digest();
}

std::uint64_t definition_of(const Series& series) {
  Fingerprint fingerprint;
  add_series(series, &fingerprint);
  return fingerprint.digest();
}

std::string rule_version_of(const Rule& rule, const Config& config) {
  Fingerprint fingerprint;
  add_rule(rule, config, &fingerprint);
  return fingerprint.address("rv-");
}

std::string generation_of(const Config& config) {
  Fingerprint fingerprint;
  // What rules find is counted inside a detector: no event counts for more or less by it.
  const auto is_counted = [](const Series& series) { return series.event != Topic::kRules; };
  fingerprint.add(std::ranges::count_if(config.series, is_counted));
  for (const Series& series : config.series) {
    if (!is_counted(series)) continue;
    fingerprint.add(static_cast<std::int64_t>(series.definition));
    fingerprint.add(series.largest_document ? measure_name(*series.largest_document) : "");
  }
  fingerprint.add(config.reference == nullptr ? "" : config.reference->version);
  const EventTimeBounds& bounds = config.event_time;
  for (const Micros span : {bounds.out_of_orderness, bounds.allowed_lateness, bounds.future_bound,
                            bounds.correction_horizon}) {
    fingerprint.add(span);
  }
  fingerprint.add(std::int64_t{bounds.outliers});
  fingerprint.add(config.limits.keys_per_series);
  fingerprint.add(config.limits.record_bytes);
  fingerprint.add(config.limits.text_bytes);
  // The figures of those who leave it alone are those of before there was such a limit.
  if (config.limits.document_memory != Limits{}.document_memory) {
    fingerprint.add(config.limits.document_memory);
  }
  if (config.limits.order_memory != Limits{}.order_memory) {
    fingerprint.add(config.limits.order_memory);
  }
  fingerprint.add(config.kafka.group_id);
  return fingerprint.address("gen-");
}

std::string ruleset_version_of(const Config& config) {
  Fingerprint fingerprint;
  for (const Rule& rule : config.rules) add_rule(rule, config, &fingerprint);
  return fingerprint.address("rs-");
}

}  // namespace surgewatch::config
