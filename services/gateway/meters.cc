#include "gateway/meters.h"

#include "common/alert_text.h"

namespace surgewatch::services {
namespace {

template <typename Subject>
void add_subject(const Subject& subject, telemetry::Labels* labels) {
  for (const auto& [dimension, value] : subject) {
    std::string name = dimension;
    for (char& c : name) {
      if (c == '.') c = '_';  // bill_to.party_id is no label name
    }
    (*labels)[name] = value;
  }
}

// A share is no amount of what it is a share of.
std::string measure_label(const v1::SeriesPoint& point) {
  return point.rule_type() == v1::RULE_TYPE_SHARE_SHIFT ? "share" : point.measure();
}

double in_base_unit(double value, const v1::SeriesPoint& point) {
  return measure_label(point) == "revenue_usd" ? value / 1e6 : value;
}

}  // namespace

Gateway::Meters::Meters(telemetry::Telemetry* telemetry)
    : telemetry_(*telemetry),
      malformed_(&telemetry_.counter("published_malformed_total",
                                     "Records of alerts or series that could not be read.", {})),
      dropped_points_(&telemetry_.counter(
          "series_points_dropped_total",
          "Points of subjects beyond the limit, shown neither by the page nor by the API.", {})) {}

void Gateway::Meters::malformed() { malformed_->Increment(); }

void Gateway::Meters::dropped_points(std::uint64_t total) {
  const double before = dropped_points_->Value();
  if (static_cast<double>(total) > before) {
    dropped_points_->Increment(static_cast<double>(total) - before);
  }
}

void Gateway::Meters::alert(const v1::Alert& alert) {
  ActiveAlert& newest = newest_[alert.alert_id()];
  if (alert.revision() <= newest.revision) return;
  telemetry::Labels labels{{"rule", alert.rule()},
                           {"rule_type", short_name(alert.rule_type())},
                           {"severity", short_name(alert.severity())},
                           {"mode", alert.mode() == v1::MODE_SHADOW ? "shadow" : "live"}};
  add_subject(alert.subject(), &labels);
  const auto active = [&](const telemetry::Labels& of) -> prometheus::Gauge& {
    return telemetry_.gauge("alert_active", "1 while an alert is firing, 0 when it is resolved.",
                            of);
  };
  if (newest.revision > 0 && newest.labels != labels) active(newest.labels).Set(0);
  const bool firing = alert.state() == v1::ALERT_STATE_FIRING;
  active(labels).Set(firing ? 1 : 0);
  telemetry_
      .gauge("alert_ratio", "Observed over expected, as the alert's newest revision says.", labels)
      .Set(alert.ratio());
  newest = {alert.revision(), std::move(labels)};
}

void Gateway::Meters::point(const v1::SeriesPoint& point) {
  telemetry::Labels labels{
      {"rule", point.rule()}, {"series", point.series()}, {"measure", measure_label(point)}};
  add_subject(point.subject(), &labels);
  telemetry_
      .gauge("series_observed", "What the newest closed window of a watched series holds.", labels)
      .Set(in_base_unit(point.observed(), point));
  if (point.has_expected()) {
    telemetry_.gauge("series_expected", "What that window was expected to hold.", labels)
        .Set(in_base_unit(point.expected(), point));
  }
  if (point.has_upper_bound()) {
    telemetry_.gauge("series_upper_bound", "What that window must exceed for an alert.", labels)
        .Set(in_base_unit(point.upper_bound(), point));
  }
  if (point.life() != v1::ALERT_LIFE_UNSPECIFIED) {
    telemetry_
        .gauge("series_alert_life",
               "Of the series' alert: 1 ok, 2 pending, 3 firing, 4 resolving, 5 resolved.", labels)
        .Set(point.life());
  }
}

}  // namespace surgewatch::services
