// Metrics and health of one process: prometheus-cpp's registry, the names of the contract, and
// bounded label sets.
//
// Threads: everything may be called from any thread. Handles are looked up once and kept; never
// look one up for each event (the families lock).
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace surgewatch::telemetry {

using Labels = std::map<std::string, std::string>;

class Telemetry {
 public:
  // `service` is the label of surgewatch_build_info: aggregator, detector, gateway or surgewatch.
  Telemetry(const std::string& service, std::int64_t label_sets_per_metric);

  // Names without the prefix: "events_consumed_total". The same name and labels give the same
  // handle. Past the limit of label sets of a family every label's value is `other`, and
  // surgewatch_label_sets_dropped_total{metric} counts.
  prometheus::Counter& counter(const std::string& name, const std::string& help,
                               const Labels& labels);
  prometheus::Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels);
  prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                   const Labels& labels, const std::vector<double>& bounds);

  // The text exposition format, process_* metrics of this process included.
  std::string expose() const;

  // What /-/ready answers: ready once every named condition holds.
  void set_ready(const std::string& condition, bool holds);
  bool ready(std::string* missing) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace surgewatch::telemetry
