// A small world for the detector's tests: a configuration with one or two series of daily panes,
// and a journal that is written by hand.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/proto_json.h"
#include "config/config.h"
#include "config/rule_spec.h"
#include "detect/detector.h"
#include "detect/rules/table.h"
#include "unit/journal/records.h"

namespace surgewatch::test {

inline constexpr SourceId kInvoices0{Topic::kInvoices, 0};
inline constexpr SourceId kInvoices1{Topic::kInvoices, 1};
inline constexpr SourceId kShipments0{Topic::kShipments, 0};
inline constexpr std::int64_t kDollar = 1'000'000;  // micros

// Series `billed` (invoices by bill_to and ship_to) and `shipped` (shipments by ship_to); no rules.
inline config::Config two_series() {
  config::Config config;
  config.event_time.out_of_orderness = 0;
  config.event_time.allowed_lateness = 2 * kMicrosPerDay;
  config.event_time.correction_horizon = 10 * kMicrosPerDay;
  config.ruleset_version = "rs-0123456789abcdef";
  auto reference = std::make_shared<config::ReferenceTables>();
  reference->version = "rd-0123456789abcdef";
  config.reference = reference;
  config::Series billed;
  billed.name = "billed";
  billed.event = Topic::kInvoices;
  billed.group_by = {config::Dimension::kBillTo, config::Dimension::kShipTo};
  billed.measures = {Measure::kRevenueUsd, Measure::kUnits, Measure::kDocuments};
  billed.definition = kDefinition;
  config::Series shipped = billed;
  shipped.name = "shipped";
  shipped.event = Topic::kShipments;
  shipped.group_by = {config::Dimension::kShipTo};
  config.series = {billed, shipped};
  return config;
}

// The number of panes from 1970 to the date, with panes of a day.
inline PaneIndex day(std::string_view date) { return pane_of(*parse_date(date), kMicrosPerDay); }

// Panes [first, last] of a day each.
inline config::Period days(PaneIndex first, PaneIndex last) {
  return {first * kMicrosPerDay, (last + 1) * kMicrosPerDay};
}

// What the type of this name declares.
inline const config::RuleSpec& spec(std::string_view type) {
  const auto found = std::ranges::find(detect::rule_specs(), type, &config::RuleSpec::name);
  SW_CHECK(found != detect::rule_specs().end());
  return **found;
}

inline config::Rule rule(std::string_view type, std::int64_t window) {
  config::Rule rule;
  rule.name = "r";
  rule.type = &spec(type);
  rule.measure = Measure::kRevenueUsd;
  rule.per = {0};
  rule.window_panes = window;
  rule.clear_after = 2;
  return rule;
}

// A rule on documents that learns for eight windows, all but the last two, and knows no season.
inline config::Rule learning_rule(std::string_view type, std::int64_t window = 1) {
  config::Rule result = rule(type, window);
  result.measure = Measure::kDocuments;
  result.clear_after = 3;
  result.clear_at.ratio = 1.3;
  result.learning.emplace();
  result.learning->guard = 2;
  result.learning->warm_up = 8;
  if (type == "ramp") result.learning->method = config::Method::kRamp;
  if (type == "share_shift" || type == "new_entity") {
    result.clear_at.ratio.reset();
  }
  return result;
}

// A typology about regions, of rules in `config`, each by its first dimension, with a weight. It is
// put behind them, and its series behind the series.
struct Weighed {
  std::string_view rule;
  double weight = 1;
};
inline void add_typology(const char* name, std::int64_t window, std::vector<Weighed> weighed,
                         config::Config* config) {
  config::Series series;
  series.name = name;
  series.event = Topic::kRules;
  series.group_by = {config::Dimension::kRegion, config::Dimension::kFoundBy};
  series.measures = {Measure::kDocuments};
  config::Rule result = rule("typology", window);
  result.name = name;
  result.series = config->series.size();
  result.measure = Measure::kDocuments;
  result.parts = 1;
  result.typology.emplace();
  for (const Weighed& one : weighed) {
    const auto found = std::ranges::find(config->rules, one.rule, &config::Rule::name);
    SW_CHECK(found != config->rules.end());
    result.typology->findings.push_back(
        {.rule = static_cast<std::size_t>(found - config->rules.begin()),
         .name = found->name,
         .type = std::string(found->type->name),
         .weight = one.weight,
         .by = {found->per.at(0)}});
  }
  config->typologies.push_back(config->rules.size());
  config->series.push_back(std::move(series));
  config->rules.push_back(std::move(result));
}

class World {
 public:
  explicit World(config::Config config, detect::Detector::Options options = {})
      : detector(std::make_shared<const config::Config>(std::move(config)), options) {}

  void apply(const v1::JournalRecord& record) { detector.apply(record, &out); }

  // Sets a pane of `billed` of source invoices-0 (absolute) and tells the detector.
  void bill(const std::string& bill_to, PaneIndex pane, std::int64_t dollars,
            const std::string& ship_to = "US") {
    apply(Batch(kInvoices0, ++offset_, "billed")
              .update({{bill_to, ship_to}, pane, dollars * kDollar}));
  }
  // The same of `documents` documents of a dollar each.
  void count(const std::string& bill_to, PaneIndex pane, std::int64_t documents,
             const std::string& ship_to = "US") {
    apply(Batch(kInvoices0, ++offset_, "billed")
              .update({{bill_to, ship_to}, pane, documents * kDollar, documents}));
  }
  // Takes documents of a dollar each out of a pane that has left the source's ring.
  void cancel(const std::string& bill_to, PaneIndex pane, std::int64_t documents) {
    const std::int64_t offset = offset_++;
    apply(Batch(kInvoices0, offset_, "billed")
              .correct({{bill_to, "US"}, pane, -documents * kDollar, -documents}, offset));
  }
  void ship(const std::string& ship_to, PaneIndex pane, std::int64_t dollars) {
    apply(Batch(kShipments0, ++offset_, "shipped").update({{ship_to}, pane, dollars * kDollar}));
  }
  // Everything before the pane's end has been seen; nothing beyond.
  void pass(PaneIndex pane) { apply(progress(kInvoices0, ++offset_, (pane + 1) * kMicrosPerDay)); }
  void pass_shipments(PaneIndex pane) {
    apply(progress(kShipments0, ++offset_, (pane + 1) * kMicrosPerDay));
  }
  // A flush that does not move the watermark.
  void flush() { apply(progress(kInvoices0, ++offset_, std::nullopt)); }

  // What was said since the last call.
  detect::Emissions take() { return std::exchange(out, {}); }
  std::vector<v1::Alert> alerts() { return take().alerts; }

  detect::Detector detector;
  detect::Emissions out;

 private:
  std::int64_t offset_ = 0;
};

// Null if it has none of this name.
inline const v1::Evidence* evidence(const v1::Alert& alert, const std::string& name) {
  for (const v1::Evidence& e : alert.evidence()) {
    if (e.name() == name) return &e;
  }
  return nullptr;
}

// The one that has these labels and no others; null if there is none.
inline const v1::Contributor* contributor(const v1::Alert& alert,
                                          const std::map<std::string, std::string>& labels) {
  for (const v1::Contributor& one : alert.contributors()) {
    if (std::map<std::string, std::string>(one.labels().begin(), one.labels().end()) == labels) {
      return &one;
    }
  }
  return nullptr;
}

// "1 FIRING ON_TIME 5": revision, state, timing, last pane of the window.
inline std::string brief(const v1::Alert& alert) {
  return std::to_string(alert.revision()) + " " +
         v1::AlertState_Name(alert.state()).substr(sizeof "ALERT_STATE_" - 1) + " " +
         v1::Timing_Name(alert.timing()).substr(sizeof "TIMING_" - 1) + " " +
         std::to_string(alert.window_end().seconds() / 86'400 - 1);
}
inline std::vector<std::string> briefs(const std::vector<v1::Alert>& alerts) {
  std::vector<std::string> result;
  for (const v1::Alert& alert : alerts) result.push_back(brief(alert));
  return result;
}

inline std::string as_text(const detect::Emissions& out) {
  std::string text;
  for (const v1::Alert& alert : out.alerts) text += to_json(alert) + "\n";
  for (const v1::SeriesPoint& point : out.points) text += to_json(point) + "\n";
  return text;
}

}  // namespace surgewatch::test
