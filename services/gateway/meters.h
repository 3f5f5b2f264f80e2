// The gateway's metrics of the business: which alerts are active, what each watched series shows.
//
// A gauge may speak of several: alerts of one rule and subject share its labels over the years, and
// beyond the limit of label sets everything shares those of `other`. So no gauge is ever the last
// one's word: alert_active and alert_ratio are aggregates over the alerts that share them, and a
// series_… gauge that several subjects share has no number. A label set leaves with its last alert.
//
// Money is in US dollars here, Prometheus' base unit; alerts and series hold millionths.
//
// Threads: one.
// Cost: 200 bytes for each alert that the store keeps.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "common/published_record.h"
#include "surgewatch/v1/alert.pb.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class GatewayMeters {
 public:
  explicit GatewayMeters(telemetry::Telemetry* telemetry);

  // The newest revision of an alert, whatever changed in it.
  void alert(const v1::Alert& alert);
  // The alert is gone: its topic's tombstone, or no room.
  void forget(const std::string& alert_id);
  void point(const v1::SeriesPoint& point);
  // Nothing is known any more.
  void reset();

  // Records that are no alert and no point.
  void refused(PublishedFault fault, std::int64_t records = 1);
  void read_anew();
  // Totals of what the store has no room for.
  void dropped(std::uint64_t points, std::uint64_t alerts);

 private:
  // Alerts that share their labels, whether by being alike or under `other`.
  struct Group {
    prometheus::Gauge* ratio = nullptr;
    std::int64_t alerts = 0;
    std::multiset<double> firing;  // their ratios
  };
  using Groups = absl::node_hash_map<prometheus::Gauge*, Group>;  // by the gauge alert_active
  struct Membership {
    Groups::value_type* group = nullptr;
    bool is_firing = false;
    double ratio = 0;
  };
  // What a series_… gauge shows.
  struct Shown {
    const char* name = nullptr;
    telemetry::Labels owner;  // whole, as they were before they were cut or became `other`
    std::int64_t window_end = 0;
    bool is_shared = false;
  };

  Groups::value_type* group_of(const telemetry::Labels& labels);
  void leave(const Membership& member);
  static void show(Groups::value_type* group);
  void show(const char* name, const char* help, const telemetry::Labels& labels,
            std::int64_t window_end, double value);

  telemetry::Telemetry& telemetry_;
  std::array<prometheus::Counter*, kPublishedFaults> refused_;
  prometheus::Counter *read_anew_, *dropped_points_, *dropped_alerts_;
  Groups groups_;
  absl::flat_hash_map<std::string, Membership> members_;  // by alert_id
  absl::flat_hash_map<prometheus::Gauge*, Shown> shown_;
};

}  // namespace surgewatch::services
