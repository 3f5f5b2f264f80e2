#include "detect/footprint.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "detect/detector.h"
#include "detect/firings.h"
#include "detect/rule_runner.h"
#include "detect/say/composition.h"
#include "journal/finding_log.h"
#include "journal/generation.h"
#include "journal/key_table.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

constexpr std::string_view kPaneLever =
    "lower limits.detector_keys_per_series, the rules' window or event_time.correction_horizon, or "
    "give the series longer panes";
constexpr std::string_view kPartLever =
    "lower limits.keys_per_series, event_time.allowed_lateness or event_time.out_of_orderness, or "
    "give the series longer panes";
constexpr std::string_view kKeyLever = "lower limits.detector_keys_per_series or limits.text_bytes";
constexpr std::string_view kRuleLever =
    "lower limits.detector_keys_per_series, the rule's window or event_time.correction_horizon, or "
    "give the rule fewer dimensions in per";
constexpr std::string_view kLearningLever =
    "lower limits.detector_keys_per_series, or the rule's period, guard or warm_up";

std::size_t texts_of(const config::Series& series, std::span<const std::size_t> positions,
                     const config::Config& config) {
  std::size_t bytes = 0;
  for (const std::size_t position : positions) {
    bytes += config::text_bytes_of(series.group_by[position], config) + 1;
  }
  return bytes;
}

std::size_t texts_of(const config::Series& series, const config::Config& config) {
  std::vector<std::size_t> all(series.group_by.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return texts_of(series, all, config);
}

Saturating keys_of(const config::Series& series, const config::Config& config) {
  return config::keys_of(series, config.limits.detector_keys_per_series, config);
}

// Panes of a key that are kept: as many as the rule that needs most, or as late data can change.
Saturating kept_panes(std::size_t series, const config::Config& config) {
  const Micros length = config.series[series].pane_length;
  Saturating behind = config.event_time.allowed_lateness / length + 2;
  for (std::size_t i = 0; i < config.rules.size(); ++i) {
    const config::Rule& rule = config.rules[i];
    if (rule.series != series && rule.against_series != series) continue;
    const RuleShape shape(config, i);
    behind = std::max(behind, Saturating(shape.window) + shape.correctable);
  }
  return behind + RuleRunner::kForgetStep + RuleRunner::open_panes(config.event_time, length);
}

void add_series(std::size_t index, Saturating sources, const config::Config& config,
                config::Shares* shares) {
  const config::Series& series = config.series[index];
  const std::string of = "series " + series.name;
  const Saturating keys = keys_of(series, config);
  const Saturating panes = kept_panes(index, config);
  const Saturating part_keys = config::keys_of(series, config.limits.keys_per_series, config);
  // Of a pair both owners' words are kept whole, the old one's and the new one's.
  const Saturating part_panes =
      series.event == Topic::kOrders
          ? 2 * panes
          : journal::Generation::kept_parts(config.event_time, series.pane_length);
  // Keys beyond the limit are known as long as their parts are.
  const Saturating all_keys =
      std::min(keys + sources * part_keys, config::keys_of(series, INT64_MAX, config));
  const auto most = journal::Generation::at_most(series, keys, panes, part_keys, part_panes);
  shares->push_back(
      {of, "keys", all_keys,
       journal::KeyTable::at_most(all_keys, series.group_by.size(), texts_of(series, config)),
       kKeyLever, series.at});
  shares->push_back({of, "panes", keys * panes, most.updates, kPaneLever, series.at});
  shares->push_back(
      {of, "panes of corrections", keys * panes, most.corrections, kPaneLever, series.at});
  shares->push_back({of, "panes of each source", sources * part_keys * part_panes,
                     sources * most.parts, kPartLever, series.at});
}

Saturating subjects_of(const config::Rule& rule, const config::Config& config) {
  const config::Series& series = config.series[rule.series];
  const std::int64_t limit = config.limits.detector_keys_per_series;
  if (rule.rollup.empty()) {
    Saturating subjects = config::keys_of(series, rule.per, rule.where, limit, config);
    if (rule.against_series.has_value() && *rule.against_series != rule.series) {
      const std::vector<std::size_t> position{rule.against_position};
      subjects += config::keys_of(config.series[*rule.against_series], position, {}, limit, config);
    }
    return subjects;
  }
  Saturating subjects = 0;
  for (const std::vector<std::size_t>& level : rule.rollup) {
    subjects += config::keys_of(series, level, rule.where, limit, config);
  }
  return subjects;
}

// Where what it weighs has been found.
void add_findings(const RuleShape& shape, Saturating keys, std::size_t name,
                  const config::Config& config, config::Shares* shares) {
  const config::Rule& rule = *shape.rule;
  Saturating subjects = 0;
  for (const config::WeighedFinding& finding : rule.typology->findings) {
    subjects += subjects_of(config.rules[finding.rule], config);
  }
  const Saturating panes = Saturating(shape.window) + shape.correctable + RuleRunner::kForgetStep +
                           RuleRunner::open_panes(config.event_time, shape.pane_length);
  shares->push_back({"rule " + rule.name, "findings", subjects * panes,
                     Firings::at_most(subjects, keys, panes, name), kRuleLever, rule.at});
}

void add_rule(std::size_t index, const config::Config& config, config::Shares* shares) {
  const RuleShape shape(config, index);
  const config::Rule& rule = *shape.rule;
  RuleRunner::Counts counts;
  counts.subjects = subjects_of(rule, config);
  counts.keys = keys_of(*shape.series, config);
  if (rule.against_series.has_value() && *rule.against_series != rule.series) {
    counts.against_keys = keys_of(config.series[*rule.against_series], config);
  }
  const std::vector<std::size_t>& finest = rule.rollup.empty() ? rule.per : rule.rollup.back();
  counts.name = texts_of(*shape.series, finest, config) + rule.rollup.size();
  if (rule.parts.has_value()) {
    counts.part = texts_of(*shape.series, std::span(&*rule.parts, 1), config);
  }
  const RuleRunner::AtMost most = RuleRunner::at_most(config, shape, counts);
  const std::string of = "rule " + rule.name;
  const auto add = [&](const char* what, Saturating count, Saturating bytes,
                       std::string_view lever) {
    if (bytes > Saturating(0)) shares->push_back({of, what, count, bytes, lever, rule.at});
  };
  add("subjects", counts.subjects, most.subjects, kRuleLever);
  add("panes", counts.subjects * most.panes, most.sums, kRuleLever);
  add("points", counts.subjects, most.points, kRuleLever);
  add("baselines", counts.subjects, most.panel.learned, kLearningLever);
  add("tests", counts.subjects, most.panel.tests, kRuleLever);
  add("alerts", counts.subjects, most.alerts, kRuleLever);
  if (rule.typology) {
    add_findings(shape, counts.keys, texts_of(*shape.series, config), config, shares);
  }
}

}  // namespace

void add_detector(const config::Config& config, Saturating sources, config::Shares* shares) {
  for (std::size_t i = 0; i < config.series.size(); ++i) {
    if (config.series[i].event != Topic::kRules) add_series(i, sources, config, shares);
  }
  for (std::size_t i = 0; i < config.rules.size(); ++i) add_rule(i, config, shares);
  const Saturating said = Detector::kSaidAtOnce;
  shares->push_back({"detector",
                     "records said at once",
                     said,
                     said * alert_bytes(config),
                     "lower limits.text_bytes",
                     {}});
}

Saturating name_bytes(const config::Config& config) {
  std::size_t most = 0;
  for (const config::Rule& rule : config.rules) {
    const config::Series& series = config.series[rule.series];
    const std::vector<std::size_t>& finest = rule.rollup.empty() ? rule.per : rule.rollup.back();
    constexpr std::size_t kDimensionName = 32;
    most = std::max(most, texts_of(series, finest, config) + finest.size() * kDimensionName);
  }
  return most;
}

// Evidence with its sentences, contributors and parts with their labels, and the explanation.
Saturating alert_bytes(const config::Config& config) {
  constexpr std::size_t kEvidence = 24, kParts = 5, kSentence = 160, kMapNode = 128;
  // Values of single dimensions have a label each: of each dimension, as many as make one of all.
  constexpr std::size_t kLabelled = kMaxKeysNamed + kMaxValuesNamed + kParts;
  Saturating labels = 0;
  bool names_orders = false;
  for (const config::Series& series : config.series) {
    labels =
        std::max(labels, Saturating(texts_of(series, config)) + series.group_by.size() * kMapNode);
    names_orders |= series.event == Topic::kOrders;
  }
  Saturating most = sizeof(v1::Alert) + kEvidence * (sizeof(v1::Evidence) + 2 * kSentence) +
                    (labels + 2 * kSentence) * kLabelled;
  if (names_orders) {
    most += (labels + 2 * kSentence + config.limits.text_bytes * journal::kMaxDocumentsNamed) *
            kMaxOrdersNamed;
  }
  return most;
}

}  // namespace surgewatch::detect
