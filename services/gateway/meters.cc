#include "gateway/meters.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmath>
#include <limits>

#include "common/short_names.h"
#include "config/config.h"

namespace surgewatch::services {
namespace {

constexpr char kActive[] = "alert_active";
constexpr char kRatio[] = "alert_ratio";
constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

// bill_to.party_id is no label name, and no dimension is called bill_to_party_id. One that we don't
// know could be called anything.
std::string label_name(const std::string& dimension) {
  if (!config::dimension_from_name(dimension)) {
    return fmt::format("dimension_{:016x}", XXH3_64bits(dimension.data(), dimension.size()));
  }
  std::string name = dimension;
  for (char& c : name) {
    if (c == '.') c = '_';
  }
  return name;
}

template <typename Subject>
void add_subject(const Subject& subject, telemetry::Labels* labels) {
  for (const auto& [dimension, value] : subject) (*labels)[label_name(dimension)] = value;
}

// A share is no amount of what it is a share of, nor is an index.
const std::string& measure_label(const v1::SeriesPoint& point) {
  return point.unit().empty() ? point.measure() : point.unit();
}

double in_base_unit(double value, const v1::SeriesPoint& point) {
  return measure_label(point) == "revenue_usd" ? value / 1e6 : value;
}

void raise(prometheus::Counter* counter, std::uint64_t total) {
  const double more = static_cast<double>(total) - counter->Value();
  if (more > 0) counter->Increment(more);
}

}  // namespace

GatewayMeters::GatewayMeters(telemetry::Telemetry* telemetry)
    : telemetry_(*telemetry),
      read_anew_(&telemetry_.counter(
          "published_read_anew_total",
          "Times that the topics of alerts and series were read anew from their beginning: one of "
          "them had become another topic, or reading failed.",
          {})),
      dropped_points_(&telemetry_.counter(
          "series_points_dropped_total",
          "Points of subjects beyond the limit, shown neither by the page nor by the API.", {})),
      dropped_alerts_(&telemetry_.counter(
          "alerts_dropped_total",
          "Alerts beyond the limit, shown neither by the page nor by the API.", {})) {
  for (std::size_t i = 0; i < refused_.size(); ++i) {
    const std::string_view reason = fault_name(static_cast<PublishedFault>(i));
    refused_[i] = &telemetry_.counter("published_malformed_total",
                                      "Records of the topics of alerts and series that are none.",
                                      {{"reason", std::string(reason)}});
  }
}

void GatewayMeters::refused(PublishedFault fault, std::int64_t records) {
  refused_[static_cast<std::size_t>(fault)]->Increment(static_cast<double>(records));
}

void GatewayMeters::read_anew() { read_anew_->Increment(); }

void GatewayMeters::dropped(std::uint64_t points, std::uint64_t alerts) {
  raise(dropped_points_, points);
  raise(dropped_alerts_, alerts);
}

GatewayMeters::Groups::value_type* GatewayMeters::group_of(const telemetry::Labels& labels) {
  auto& active = telemetry_.gauge(
      kActive, "1 while any alert with these labels is firing, 0 when none is.", labels);
  const auto [group, is_new] = groups_.try_emplace(&active);
  if (is_new) {
    group->second.ratio = &telemetry_.gauge(
        kRatio,
        "The highest observed over expected of the firing alerts with these labels; 0 when none "
        "is firing.",
        labels);
  }
  return &*group;
}

void GatewayMeters::alert(const v1::Alert& alert) {
  telemetry::Labels labels{{"rule", alert.rule()},
                           {"rule_type", short_name(alert.rule_type())},
                           {"severity", short_name(alert.severity())},
                           {"mode", alert.mode() == v1::MODE_SHADOW ? "shadow" : "live"}};
  add_subject(alert.subject(), &labels);
  Membership now{.group = group_of(labels),
                 .is_firing = alert.state() == v1::ALERT_STATE_FIRING,
                 .ratio = std::isfinite(alert.ratio()) ? alert.ratio() : 0};
  // It joins before it leaves, so that its severity changes without a gap.
  ++now.group->second.alerts;
  if (now.is_firing) now.group->second.firing.insert(now.ratio);
  Membership& member = members_[alert.alert_id()];
  const Membership before = std::exchange(member, now);
  if (before.group != nullptr) leave(before);
  show(now.group);
}

void GatewayMeters::forget(const std::string& alert_id) {
  const auto found = members_.find(alert_id);
  if (found == members_.end()) return;
  leave(found->second);
  members_.erase(found);
}

void GatewayMeters::leave(const Membership& member) {
  Group& group = member.group->second;
  if (member.is_firing) group.firing.erase(group.firing.find(member.ratio));
  if (--group.alerts > 0) {
    show(member.group);
    return;
  }
  telemetry_.remove(kActive, *member.group->first);
  telemetry_.remove(kRatio, *group.ratio);
  groups_.erase(member.group->first);
}

void GatewayMeters::show(Groups::value_type* group) {
  const std::multiset<double>& firing = group->second.firing;
  group->first->Set(firing.empty() ? 0 : 1);
  group->second.ratio->Set(firing.empty() ? 0 : *firing.rbegin());
}

// Points come in no order: those of late data are of windows before the newest.
void GatewayMeters::show(const char* name, const char* help, const telemetry::Labels& labels,
                         std::int64_t window_end, double value) {
  prometheus::Gauge& gauge = telemetry_.gauge(name, help, labels);
  const auto [found, is_new] = shown_.try_emplace(&gauge);
  Shown& shown = found->second;
  if (is_new) {
    shown = {.name = name, .owner = labels, .window_end = window_end, .is_shared = false};
  } else if (shown.is_shared || shown.owner != labels) {
    shown.is_shared = true;
    gauge.Set(kNoNumber);
    return;
  }
  if (window_end < shown.window_end) return;
  shown.window_end = window_end;
  gauge.Set(value);
}

void GatewayMeters::point(const v1::SeriesPoint& point) {
  telemetry::Labels labels{
      {"rule", point.rule()}, {"series", point.series()}, {"measure", measure_label(point)}};
  add_subject(point.subject(), &labels);
  const std::int64_t end = point.window_end().seconds();
  show("series_observed", "What the newest closed window of a watched series holds.", labels, end,
       in_base_unit(point.observed(), point));
  show("series_expected", "What that window was expected to hold; NaN where the rule can't say.",
       labels, end, point.has_expected() ? in_base_unit(point.expected(), point) : kNoNumber);
  show("series_upper_bound",
       "What that window must exceed for an alert; NaN where the rule can't say.", labels, end,
       point.has_upper_bound() ? in_base_unit(point.upper_bound(), point) : kNoNumber);
  if (point.life() != v1::ALERT_LIFE_UNSPECIFIED) {
    show("series_alert_life",
         "Of the series' alert: 1 ok, 2 pending, 3 firing, 4 resolving, 5 resolved.", labels, end,
         point.life());
  }
}

void GatewayMeters::reset() {
  for (auto& [active, group] : groups_) {
    telemetry_.remove(kActive, *active);
    telemetry_.remove(kRatio, *group.ratio);
  }
  groups_.clear();
  members_.clear();
  for (const auto& [gauge, shown] : shown_) telemetry_.remove(shown.name, *gauge);
  shown_.clear();
}

}  // namespace surgewatch::services
