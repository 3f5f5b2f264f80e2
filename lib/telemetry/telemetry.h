// Metrics and health of one process: prometheus-cpp's registry, the names of the contract, and
// bounded label sets.
//
// Threads: everything may be called from any thread. Handles are looked up once and kept, and live
// as long as the Telemetry (or until remove()); never look one up for each event (the families
// lock).
// Label values may come from peers: what is no UTF-8 is replaced, since one bad byte would make
// Prometheus refuse the whole page, and what is longer than 128 bytes is cut. A value that was
// changed ends in `~` and 16 hex digits, a hash (XXH3) of the whole, so that two stay two. A label
// whose value is empty is left out, which is the same to Prometheus.
// Cost: a lookup about a microsecond; expose() about 1 ms for a thousand series. A counter costs
// 10 ns alone and 50 ns where two threads share it; hot paths count for themselves and add now and
// then.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace surgewatch::telemetry {

using Labels = std::map<std::string, std::string>;

class Telemetry {
 public:
  // `service` is the label of surgewatch_build_info: aggregator, detector, gateway or surgewatch.
  // `build`: further labels of it, such as {"librdkafka", kafka::library_version()}.
  Telemetry(const std::string& service, std::int64_t label_sets_per_metric,
            const Labels& build = {});

  // Names without the prefix: "events_consumed_total". The same name and labels give the same
  // handle. Past the limit of label sets of a family every label's value is `other`, and
  // surgewatch_label_sets_dropped_total{metric} counts each lookup that ends there. One name has
  // one type and help text everywhere; anything else ends the process.
  prometheus::Counter& counter(const std::string& name, const std::string& help,
                               const Labels& labels);
  prometheus::Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels);
  // Takes a gauge of this name out of what is exposed and frees its label set. Whoever else looked
  // the same one up must have let it go.
  void remove(const std::string& name, prometheus::Gauge& gauge);
  prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                   const Labels& labels, const std::vector<double>& bounds);

  // The text exposition format, process_* metrics of this process included.
  std::string expose() const;

  // What /-/ready answers: ready once every named condition holds, so name each of them, as not yet
  // holding, before the service answers anybody.
  void set_ready(const std::string& condition, bool holds);
  // A fault that stays until somebody acts, such as {"log_start_moved", {{"topic", "invoices"},
  // {"partition", "3"}}}. While it holds, the service is not ready, naming it, and
  // surgewatch_incident{incident, topic, partition} is 1. Saying what to do is the caller's.
  void set_incident(const std::string& incident, const Labels& where, bool holds);
  // `missing`, if given, gets the conditions that don't hold: "assignment, restore".
  bool ready(std::string* missing) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace surgewatch::telemetry
