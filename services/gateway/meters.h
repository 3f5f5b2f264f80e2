// The gateway's metrics of the business: which alerts are active, what each watched series shows.
//
// Money is in US dollars here, Prometheus' base unit; alerts and series hold millionths.
//
// Threads: one.
#pragma once

#include <map>
#include <string>

#include "gateway/gateway.h"
#include "surgewatch/v1/alert.pb.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class Gateway::Meters {
 public:
  explicit Meters(telemetry::Telemetry* telemetry);

  void alert(const v1::Alert& alert);
  void point(const v1::SeriesPoint& point);
  void malformed();
  // Points that the store has no room for, in all.
  void dropped_points(std::uint64_t total);

 private:
  struct ActiveAlert {
    int revision = 0;
    telemetry::Labels labels;
  };

  telemetry::Telemetry& telemetry_;
  prometheus::Counter* malformed_;
  prometheus::Counter* dropped_points_;
  std::map<std::string, ActiveAlert> newest_;  // by alert_id
};

}  // namespace surgewatch::services
