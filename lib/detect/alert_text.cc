#include "detect/alert_text.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cmath>

#include "google/protobuf/timestamp.pb.h"

namespace surgewatch::detect {
namespace {

using config::Dimension;
using config::RuleType;

constexpr double kMicrosPerDollar = 1e6;
constexpr double kDollarsPerMillion = 1e6;

void set_time(Micros time, google::protobuf::Timestamp* timestamp) {
  const std::int64_t seconds = floor_div(time, kMicrosPerSecond);
  timestamp->set_seconds(seconds);
  timestamp->set_nanos(static_cast<std::int32_t>((time - seconds * kMicrosPerSecond) * 1'000));
}

// With a comma between thousands; locales have no say.
std::string grouped(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  const std::size_t begin = text.front() == '-' ? 1 : 0;
  std::size_t end = text.find('.');
  if (end == std::string::npos) end = text.size();
  for (std::size_t i = end; i > begin + 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string_view noun(Measure measure) {
  switch (measure) {
    case Measure::kRevenueUsd:
      return "Revenue";
    case Measure::kUnits:
      return "The number of units";
    case Measure::kChips:
      return "The number of chips";
    case Measure::kDocuments:
      return "The number of documents";
    case Measure::kTpp:
      return "The processing performance (TPP)";
  }
  return "";
}

std::string_view preposition(Dimension dimension) {
  switch (dimension) {
    case Dimension::kSeller:
      return "sold from";
    case Dimension::kBillTo:
      return "billed to";
    case Dimension::kShipTo:
      return "shipped to";
    case Dimension::kEndUser:
      return "for end users in";
    case Dimension::kShipFrom:
      return "shipped from";
    case Dimension::kFreightForwarder:
      return "forwarded by way of";
    case Dimension::kSellerId:
      return "sold by party";
    case Dimension::kBillToId:
      return "billed to party";
    case Dimension::kShipToId:
      return "shipped to party";
    case Dimension::kEndUserId:
      return "for end user";
    case Dimension::kShipFromId:
      return "shipped from party";
    case Dimension::kFreightForwarderId:
      return "forwarded by party";
    case Dimension::kFamily:
      return "of family";
    case Dimension::kSku:
      return "of SKU";
    case Dimension::kControlClass:
      return "of control class";
  }
  return "";
}

std::string subject_text(const RuleShape& shape, const SubjectName& subject) {
  std::string text;
  for (std::size_t i = 0; i < subject.values.size(); ++i) {
    const Dimension dimension = shape.series->group_by[shape.rule->per[i]];
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", preposition(dimension), subject.values[i]);
  }
  return text.empty() ? "in all" : text;
}

// "2024-10-27" for the last day of whole days, the first instant after the period otherwise.
std::string last_day_text(Micros end) {
  return end % kMicrosPerDay == 0 ? format_date(end - 1) : format_time(end);
}

std::string span_text(Micros span) {
  return span % kMicrosPerDay == 0 ? fmt::format("{} days", span / kMicrosPerDay)
                                   : format_duration(span);
}

std::string window_text(const RuleShape& shape, PaneIndex pane) {
  const Micros span = shape.window * shape.pane_length;
  const Micros end = shape.end_of(pane);
  if (span == kMicrosPerDay && end % kMicrosPerDay == 0) return "on " + last_day_text(end);
  return fmt::format("in the {} to {}", span_text(span), last_day_text(end));
}

std::string base_text(const RuleShape& shape) {
  if (shape.has_reference()) {
    return fmt::format("the reference period {} to {}",
                       format_date(shape.reference_begin * shape.pane_length),
                       last_day_text(shape.reference_end * shape.pane_length));
  }
  return fmt::format("the {} before", span_text(shape.baseline * shape.pane_length));
}

double growth_percent(double ratio) { return 100 * (ratio - 1); }

std::string whole_text(const Figures& figures) {
  if (figures.whole_ratio <= 0) return "";
  return fmt::format("; the whole grew {:.3f} times, so the excess is {:.3f}", figures.whole_ratio,
                     figures.excess);
}

std::string surge_since_text(const RuleShape& shape, const Figures& f) {
  const bool same_length = shape.window == shape.reference_end - shape.reference_begin;
  const std::string expected =
      same_length
          ? fmt::format("{} of {}", amount_text(shape.rule->measure, f.expected), base_text(shape))
          : fmt::format("{} that {} gives for this length",
                        amount_text(shape.rule->measure, f.expected), base_text(shape));
  return fmt::format("{:.3f} times the {} (growth {:+.1f} %){}", f.ratio, expected,
                     growth_percent(f.ratio), whole_text(f));
}

std::string surge_text(const RuleShape& shape, const Figures& f) {
  return fmt::format(
      "{:.3f} times the usual {} (growth {:+.1f} %), {:.1f} robust standard deviations above the "
      "median of {} earlier windows{}",
      f.ratio, amount_text(shape.rule->measure, f.expected), growth_percent(f.ratio), f.score,
      f.baseline_windows, whole_text(f));
}

// The facts, without a full stop.
std::string facts(const RuleShape& shape, const SubjectName& subject, const Revision& revision) {
  const Figures& f = revision.figures;
  const Measure measure = shape.rule->measure;
  const std::string what = fmt::format("{} {}", noun(measure), subject_text(shape, subject));
  const std::string window = fmt::format("{}{}", revision.timing == Timing::kEarly ? "so far " : "",
                                         window_text(shape, revision.reported));
  switch (shape.rule->type) {
    case RuleType::kSurgeSince:
      return fmt::format("{} was {} {}, {}", what, amount_text(measure, f.observed), window,
                         surge_since_text(shape, f));
    case RuleType::kSurge:
      return fmt::format("{} was {} {}, {}", what, amount_text(measure, f.observed), window,
                         surge_text(shape, f));
    case RuleType::kShareShift:
      return fmt::format(
          "{} was {} of the whole {}, against {} in {}: {:+.1f} percentage points, {:.3f} times. "
          "At stake: {}. The whole was {}, against {} in {}",
          what, percent(f.observed), window, percent(f.expected), base_text(shape), f.score,
          f.ratio, amount_text(measure, f.amount), amount_text(measure, f.whole_amount),
          amount_text(measure, f.whole_base), base_text(shape));
    case RuleType::kDivergence:
      return fmt::format("{} was {} {}; {} of it is known to have been delivered there: {} was not",
                         what, amount_text(measure, f.observed), window,
                         amount_text(measure, f.expected), percent(f.score));
  }
  return "";
}

std::string_view inquiry(RuleType type) {
  switch (type) {
    case RuleType::kSurgeSince:
    case RuleType::kSurge:
      return "Inquire: who ordered, who will use the goods, and where they were shipped.";
    case RuleType::kShareShift:
      return "Inquire: what moved the share, the subject or the rest, and who ordered.";
    case RuleType::kDivergence:
      return "Shared invoicing is a usual reason. Inquire: where the goods went and who uses them.";
  }
  return "";
}

std::string explanation(const RuleShape& shape, const SubjectName& subject,
                        const Revision& revision) {
  if (revision.withdrawn && !revision.figures.conclusive()) {
    return fmt::format(
        "Withdrawn: with late or corrected data there is no answer for the window that ends with "
        "{} ({}).",
        last_day_text(shape.end_of(revision.reported)), describe(revision.figures.missing));
  }
  if (revision.withdrawn) {
    const bool earlier = revision.figures.verdict == Verdict::kFires;
    return fmt::format("Withdrawn: {}. {}",
                       earlier ? "with late or corrected data the line was crossed in an earlier "
                                 "window already; that is an alert of its own"
                               : "the corrected figures no longer reach the line",
                       facts(shape, subject, revision) + ".");
  }
  if (!revision.firing) {
    const std::string now =
        revision.figures.conclusive()
            ? facts(shape, subject, revision) + "."
            : fmt::format("{} {}: nothing to compare.", noun(shape.rule->measure),
                          subject_text(shape, subject));
    return fmt::format("Over: below the line for {} windows in a row. {}", shape.rule->clear_after,
                       now);
  }
  return fmt::format("{}. {}", facts(shape, subject, revision), inquiry(shape.rule->type));
}

std::string_view unit_of(Measure measure) {
  return measure == Measure::kRevenueUsd ? "usd_micros" : measure_name(measure);
}

void add(v1::Alert* alert, std::string_view name, double value, std::string_view unit,
         std::string text = "") {
  v1::Evidence* evidence = alert->add_evidence();
  evidence->set_name(std::string(name));
  evidence->set_value(value);
  evidence->set_unit(std::string(unit));
  evidence->set_text(std::move(text));
}

void add_whole(const Figures& f, v1::Alert* alert) {
  if (f.whole_ratio <= 0) return;
  add(alert, "total_ratio", f.whole_ratio, "ratio", "observed / expected of the whole series");
  add(alert, "excess_over_total", f.excess, "ratio", "the subject's ratio over the whole's");
}

void add_ratio(const RuleShape& shape, const Figures& f, v1::Alert* alert) {
  add(alert, "ratio", f.ratio, "ratio", fmt::format("{:.3f} times what was expected", f.ratio));
  add(alert, "growth_percent", growth_percent(f.ratio), "percent",
      fmt::format("{:+.1f} %, which is 100 × (ratio - 1)", growth_percent(f.ratio)));
  if (shape.rule->measure == Measure::kRevenueUsd) {
    add(alert, "interval", 0, "none", "no interval: totals only");
  }
}

void add_evidence(const RuleShape& shape, const Revision& revision,
                  const std::vector<Contributor>& contributors, v1::Alert* alert) {
  const Figures& f = revision.figures;
  if (!f.conclusive()) return;
  const Measure measure = shape.rule->measure;
  const std::string_view unit = unit_of(measure);
  const std::string window = window_text(shape, revision.reported);
  const double amount = shape.rule->type == RuleType::kShareShift ? f.amount : f.observed;
  add(alert, "window_total", amount, unit,
      fmt::format("{} {}", amount_text(measure, amount), window));
  switch (shape.rule->type) {
    case RuleType::kSurgeSince:
      add(alert, "reference_total", f.base_amount, unit,
          fmt::format("{} in {}", amount_text(measure, f.base_amount), base_text(shape)));
      add_ratio(shape, f, alert);
      add_whole(f, alert);
      break;
    case RuleType::kSurge:
      add(alert, "baseline_median", f.expected, unit,
          fmt::format("median of {} windows in {}, with a gap of one window", f.baseline_windows,
                      base_text(shape)));
      add(alert, "baseline_sigma", f.sigma, unit, "robust standard deviation of those windows");
      add(alert, "z", f.score, "sigma", "robust standard deviations above the median");
      add_ratio(shape, f, alert);
      add_whole(f, alert);
      break;
    case RuleType::kShareShift:
      add(alert, "share_before", f.expected, "share",
          fmt::format("{} in {}", percent(f.expected), base_text(shape)));
      add(alert, "share_now", f.observed, "share", percent(f.observed));
      add(alert, "points", f.score, "points", "percentage points");
      add(alert, "base_total", f.base_amount, unit,
          fmt::format("{} in {}", amount_text(measure, f.base_amount), base_text(shape)));
      add(alert, "whole_before", f.whole_base, unit,
          fmt::format("{} in {}", amount_text(measure, f.whole_base), base_text(shape)));
      add(alert, "whole_now", f.whole_amount, unit,
          fmt::format("{} {}", amount_text(measure, f.whole_amount), window));
      break;
    case RuleType::kDivergence:
      add(alert, "delivered", f.expected, unit,
          fmt::format("{} known to have been delivered there", amount_text(measure, f.expected)));
      add(alert, "unstated_destination", f.unstated, unit,
          fmt::format("{} states no destination", amount_text(measure, f.unstated)));
      add(alert, "divergence", f.score, "share",
          fmt::format("{} of what was billed was not delivered there", percent(f.score)));
      break;
  }
  for (const Contributor& contributor : contributors) {
    const double share = amount > 0 ? contributor.amount / amount : 0;
    add(alert, "contributor", contributor.amount, unit,
        fmt::format("{}, {} of the window", amount_text(measure, contributor.amount),
                    percent(share)));
    auto* labels = alert->mutable_evidence(alert->evidence_size() - 1)->mutable_labels();
    for (const auto& [dimension, value] : contributor.labels) {
      (*labels)[std::string(dimension)] = value;
    }
  }
}

v1::RuleType rule_type(RuleType type) {
  switch (type) {
    case RuleType::kSurgeSince:
      return v1::RULE_TYPE_SURGE_SINCE;
    case RuleType::kSurge:
      return v1::RULE_TYPE_SURGE;
    case RuleType::kDivergence:
      return v1::RULE_TYPE_DIVERGENCE;
    case RuleType::kShareShift:
      return v1::RULE_TYPE_SHARE_SHIFT;
  }
  return v1::RULE_TYPE_UNSPECIFIED;
}

v1::Severity severity(config::Severity severity) {
  switch (severity) {
    case config::Severity::kInfo:
      return v1::SEVERITY_INFO;
    case config::Severity::kWarning:
      return v1::SEVERITY_WARNING;
    case config::Severity::kCritical:
      return v1::SEVERITY_CRITICAL;
  }
  return v1::SEVERITY_UNSPECIFIED;
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

template <typename Message>
void set_subject(const RuleShape& shape, const SubjectName& subject, Message* message) {
  for (std::size_t i = 0; i < subject.values.size(); ++i) {
    const Dimension dimension = shape.series->group_by[shape.rule->per[i]];
    (*message->mutable_subject())[std::string(config::dimension_name(dimension))] =
        subject.values[i];
  }
}

}  // namespace

SubjectName subject_name(const RuleShape& shape, std::vector<std::string> values) {
  SubjectName name;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) name.canonical += ';';
    name.canonical += config::dimension_name(shape.series->group_by[shape.rule->per[i]]);
    name.canonical += '=';
    for (const char c : values[i]) {
      if (c == '\\' || c == ';' || c == '=') name.canonical += '\\';
      name.canonical += c;
    }
  }
  name.values = std::move(values);
  return name;
}

std::string alert_id(const RuleShape& shape, const SubjectName& subject, PaneIndex onset) {
  std::string text = shape.rule->name;
  text += '\0';
  text += subject.canonical;
  text += '\0';
  text += fmt::format("{}", shape.end_of(onset));
  return fmt::format("al-{:016x}", XXH3_64bits(text.data(), text.size()));
}

std::string amount_text(Measure measure, double amount) {
  if (measure != Measure::kRevenueUsd) return grouped(amount, 0);
  const double dollars = amount / kMicrosPerDollar;
  if (std::abs(dollars) < kDollarsPerMillion) return grouped(dollars, 2) + " USD";
  return grouped(dollars / kDollarsPerMillion, 1) + " million USD";
}

v1::Alert make_alert(const config::Config& config, const RuleShape& shape,
                     const SubjectName& subject, const Revision& revision,
                     const std::vector<Contributor>& contributors) {
  const config::Rule& rule = *shape.rule;
  const Figures& f = revision.figures;
  v1::Alert alert;
  alert.set_alert_id(alert_id(shape, subject, revision.onset));
  alert.set_revision(revision.number);
  alert.set_rule(rule.name);
  alert.set_rule_type(rule_type(rule.type));
  alert.set_severity(severity(rule.severity));
  alert.set_state(revision.firing ? v1::ALERT_STATE_FIRING : v1::ALERT_STATE_RESOLVED);
  alert.set_timing(timing(revision.timing));
  set_subject(shape, subject, &alert);
  alert.set_measure(std::string(measure_name(rule.measure)));
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
  alert.set_explanation(explanation(shape, subject, revision));
  add_evidence(shape, revision, contributors, &alert);
  alert.set_runbook_url(rule.runbook_url);
  alert.set_ruleset_version(config.ruleset_version);
  if (config.reference != nullptr) alert.set_reference_data_version(config.reference->version);
  if (revision.peak.has_value()) {
    v1::Peak* peak = alert.mutable_peak();
    peak->set_observed(revision.peak_figures.observed);
    peak->set_expected(revision.peak_figures.expected);
    peak->set_ratio(revision.peak_figures.ratio);
    set_time(shape.end_of(*revision.peak), peak->mutable_window_end());
  }
  return alert;
}

v1::SeriesPoint make_point(const RuleShape& shape, const SubjectName& subject, PaneIndex pane,
                           const Figures& figures, bool firing) {
  const config::Rule& rule = *shape.rule;
  v1::SeriesPoint point;
  point.set_rule(rule.name);
  point.set_rule_type(rule_type(rule.type));
  point.set_series(shape.series->name);
  point.set_measure(std::string(measure_name(rule.measure)));
  set_subject(shape, subject, &point);
  set_time(shape.window_begin(pane) * shape.pane_length, point.mutable_window_start());
  set_time(shape.end_of(pane), point.mutable_window_end());
  point.set_observed(figures.observed);
  if (figures.conclusive()) {
    point.set_expected(figures.expected);
    point.set_upper_bound(figures.upper_bound);
  }
  point.set_firing(firing);
  point.set_inconclusive(figures.verdict == Verdict::kInconclusive);
  return point;
}

}  // namespace surgewatch::detect
