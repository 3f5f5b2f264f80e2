// What Prometheus' own clients say of their process (process_cpu_seconds_total and the like), read
// from /proc at each collection. prometheus-cpp has no such collector.
//
// Source: prometheus.io/docs/instrumenting/writing_clientlibs, "process metrics".
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace surgewatch::telemetry {

class ProcessMetrics final : public prometheus::Collectable {
 public:
  // `proc`: the folder of the process and that of the system, for tests.
  explicit ProcessMetrics(std::string self = "/proc/self", std::string system = "/proc");
  // What can't be read is left out.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::string self_;
  const std::string system_;
};

}  // namespace surgewatch::telemetry
