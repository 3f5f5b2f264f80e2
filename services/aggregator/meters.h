// The aggregator's metrics: what sources count, summed by topic.
//
// Threads: source() and release_all_but() by the flusher, the rest by any worker.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "aggregate/source.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class AggregatorMeters {
 public:
  explicit AggregatorMeters(telemetry::Telemetry* telemetry);

  // Adds what `stats` grew by since the last call for the same source and owner epoch.
  void source(const SourceId& id, std::int64_t owner_epoch, const aggregate::SourceStats& stats);
  void lag(const SourceId& id, std::int64_t records);
  // How many sources a worker of this process owns.
  void worker_sources(int worker, std::size_t sources);
  // The source is another worker's now: its last figures here are nobody's.
  void release_lag(const SourceId& id) { lag(id, 0); }
  void release_all_but(const std::set<SourceId>& owned);

 private:
  struct TopicCounters {
    prometheus::Counter *consumed, *duplicate, *superseded, *late, *miskeyed, *corrections,
        *unverifiable, *unknown_sku, *saturated, *over_key_limit;
    std::vector<prometheus::Counter*> rejected;  // by v1::RejectReason
  };
  struct SourceGauges {
    prometheus::Gauge *watermark_lag, *keys, *documents;
    prometheus::Gauge *outliers, *outlier_offset, *outlier_ahead;
    std::int64_t owner_epoch = 0;
    aggregate::SourceStats last;
  };

  static void set_outliers(const aggregate::SourceStats& stats, const SourceGauges& gauges);

  telemetry::Telemetry& telemetry_;
  std::map<Topic, TopicCounters> by_topic_;
  std::map<SourceId, SourceGauges> by_source_;  // the flusher's
};

}  // namespace surgewatch::services
