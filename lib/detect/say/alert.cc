#include "detect/say/alert.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "base/proto_time.h"
#include "config/wire.h"
#include "detect/rules/rule_type.h"
#include "detect/say/contributors.h"
#include "detect/say/explanation.h"
#include "detect/say/phrases.h"

namespace surgewatch::detect {
namespace {

using config::Dimension;

// A ticket is one severity lower than a page; lower than info there is none.
v1::Severity severity_of(const config::Rule& rule, Tier tier) {
  const config::Severity lower = rule.severity == config::Severity::kCritical
                                     ? config::Severity::kWarning
                                     : config::Severity::kInfo;
  return config::wire(tier == Tier::kPage ? rule.severity : lower);
}

v1::Timing timing(Timing timing) {
  switch (timing) {
    case Timing::kEarly:
      return v1::TIMING_EARLY;
    case Timing::kOnTime:
      return v1::TIMING_ON_TIME;
    case Timing::kFinal:
      return v1::TIMING_FINAL;
  }
  return v1::TIMING_UNSPECIFIED;
}

v1::Comparison comparison(Comparison comparison) {
  switch (comparison) {
    case Comparison::kGrowth:
      return v1::COMPARISON_GROWTH;
    case Comparison::kLine:
      return v1::COMPARISON_LINE;
    case Comparison::kShortfall:
      return v1::COMPARISON_SHORTFALL;
    case Comparison::kRatio:
      return v1::COMPARISON_RATIO;
  }
  return v1::COMPARISON_UNSPECIFIED;
}

// How the figures are to be read.
template <typename Message>
void set_reading(const RuleShape& shape, Message* message) {
  const RuleTraits& traits = shape.type->traits;
  message->set_measure(std::string(config::measure_name(*shape.series, shape.rule->measure)));
  message->set_unit(traits.unit.empty() ? message->measure() : std::string(traits.unit));
  message->set_comparison(comparison(traits.comparison));
}

template <typename Message>
void set_subject(const RuleShape& shape, const SubjectName& subject, Message* message) {
  for (std::size_t i = 0; i < subject.values.size(); ++i) {
    const Dimension dimension = shape.series->group_by[subject.per[i]];
    (*message->mutable_subject())[std::string(config::dimension_name(dimension))] =
        subject.values[i];
  }
}

}  // namespace

std::string alert_id(const RuleShape& shape, const SubjectName& subject, PaneIndex onset) {
  std::string text = shape.rule->name;
  text += '\0';
  text += subject.canonical;
  text += '\0';
  text += fmt::format("{}", shape.end_of(onset));
  return fmt::format("al-{:016x}", XXH3_64bits(text.data(), text.size()));
}

v1::Alert make_alert(const config::Config& config, const RuleShape& shape,
                     const SubjectName& subject, const Revision& revision,
                     const Composition& composition, const std::vector<NamedPart>& parts) {
  const config::Rule& rule = *shape.rule;
  const Figures& f = revision.figures;
  v1::Alert alert;
  alert.set_alert_id(alert_id(shape, subject, revision.onset));
  alert.set_revision(revision.number);
  alert.set_rule(rule.name);
  alert.set_rule_type(config::wire(*rule.type));
  alert.set_severity(severity_of(rule, revision.tier));
  alert.set_state(revision.firing ? v1::ALERT_STATE_FIRING : v1::ALERT_STATE_RESOLVED);
  alert.set_timing(timing(revision.timing));
  set_subject(shape, subject, &alert);
  set_reading(shape, &alert);
  alert.set_against(std::string(shape.type->traits.against));
  alert.set_mode(rule.shadow ? v1::MODE_SHADOW : v1::MODE_LIVE);
  set_time(shape.end_of(revision.onset), alert.mutable_onset_time());
  set_time(shape.window_begin(revision.reported) * shape.pane_length, alert.mutable_window_start());
  set_time(shape.end_of(revision.reported), alert.mutable_window_end());
  alert.set_observed(f.observed);
  alert.set_expected(f.expected);
  alert.set_upper_bound(f.upper_bound);
  alert.set_ratio(f.ratio);
  alert.set_growth_percent(f.expected > 0 ? growth_percent(f.ratio) : 0);
  alert.set_score(f.score);
  const Finding finding{shape, subject, revision.reported, f, composition.parts};
  alert.set_explanation(explanation(finding, revision, composition));
  add_evidence(finding, revision, composition, parts, &alert);
  add_contributors(finding, composition, &alert);
  alert.set_runbook_url(rule.runbook_url);
  alert.set_ruleset_version(config.ruleset_version);
  if (config.reference != nullptr) alert.set_reference_data_version(config.reference->version);
  alert.set_rule_version(rule.version);
  if (!revision.firing) {
    alert.set_resolution(revision.withdrawn ? v1::RESOLUTION_DATA_CORRECTED : v1::RESOLUTION_QUIET);
  }
  if (revision.peak.has_value()) {
    v1::Peak* peak = alert.mutable_peak();
    peak->set_observed(revision.peak_figures.observed);
    peak->set_expected(revision.peak_figures.expected);
    peak->set_ratio(revision.peak_figures.ratio);
    set_time(shape.end_of(*revision.peak), peak->mutable_window_end());
  }
  return alert;
}

v1::SeriesPoint make_point(const Finding& finding, bool firing, LifeState state) {
  const RuleShape& shape = finding.rule;
  const Figures& figures = finding.figures;
  const config::Rule& rule = *shape.rule;
  v1::SeriesPoint point;
  point.set_rule(rule.name);
  point.set_rule_type(config::wire(*rule.type));
  point.set_series(shape.series->name);
  set_reading(shape, &point);
  set_subject(shape, finding.subject, &point);
  set_time(shape.window_begin(finding.window) * shape.pane_length, point.mutable_window_start());
  set_time(shape.end_of(finding.window), point.mutable_window_end());
  point.set_observed(figures.observed);
  if (figures.conclusive()) {
    point.set_expected(figures.expected);
    point.set_upper_bound(figures.upper_bound);
  }
  point.set_firing(firing);
  point.set_life(static_cast<v1::AlertLife>(static_cast<int>(state) + 1));
  point.set_inconclusive(figures.verdict == Verdict::kInconclusive);
  return point;
}

}  // namespace surgewatch::detect
