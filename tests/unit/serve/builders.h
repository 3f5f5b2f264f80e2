// Alerts and points for tests of what serves them.
#pragma once

#include <cstdint>
#include <string>

#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::serve {

inline v1::Alert make_alert(const std::string& id, int revision = 1,
                            const std::string& region = "SG", std::int64_t onset_seconds = 1'000,
                            v1::Severity severity = v1::SEVERITY_WARNING,
                            v1::AlertState state = v1::ALERT_STATE_FIRING) {
  v1::Alert alert;
  alert.set_alert_id(id);
  alert.set_revision(revision);
  alert.set_rule("rule-of-" + region);
  alert.set_severity(severity);
  alert.set_state(state);
  (*alert.mutable_subject())["bill_to"] = region;
  alert.mutable_onset_time()->set_seconds(onset_seconds);
  return alert;
}

inline v1::SeriesPoint make_point(const std::string& rule, const std::string& region,
                                  std::int64_t end_seconds, double observed = 1) {
  v1::SeriesPoint point;
  point.set_rule(rule);
  point.set_series("billed");
  point.set_measure("revenue_usd");
  (*point.mutable_subject())["bill_to"] = region;
  point.mutable_window_start()->set_seconds(end_seconds - 86'400);
  point.mutable_window_end()->set_seconds(end_seconds);
  point.set_observed(observed);
  return point;
}

}  // namespace surgewatch::serve
