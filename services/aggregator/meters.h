// The aggregator's metrics: what sources count, summed by topic.
//
// Threads: source() by the flusher, lag() by the worker.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "aggregate/source.h"
#include "aggregator/aggregator.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class Aggregator::Meters {
 public:
  explicit Meters(telemetry::Telemetry* telemetry);

  // Adds what `stats` grew by since the last call for the same source and owner epoch.
  void source(const SourceId& id, std::int64_t owner_epoch, const aggregate::SourceStats& stats);
  void lag(const SourceId& id, std::int64_t records);
  // The source is another process's now: its last figures here are nobody's. By the worker, and by
  // the flusher.
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
    std::int64_t owner_epoch = 0;
    aggregate::SourceStats last;
  };

  telemetry::Telemetry& telemetry_;
  std::map<Topic, TopicCounters> by_topic_;
  std::map<SourceId, SourceGauges> by_source_;         // the flusher's
  std::map<SourceId, prometheus::Gauge*> lag_gauges_;  // the worker's
};

}  // namespace surgewatch::services
