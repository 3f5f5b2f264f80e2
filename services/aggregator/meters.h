// The aggregator's metrics: what sources count, summed by topic.
//
// A restart reads everything again. What an earlier owner has counted, that is, the records below
// the offset that the group had committed, is counted in events_reread_total and nowhere else: so
// each record counts once in every other counter, and an alert on a rate does not jump.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "aggregate/source.h"
#include "aggregator/input_state.h"
#include "orders/pair.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class AggregatorMeters {
 public:
  explicit AggregatorMeters(telemetry::Telemetry* telemetry);

  // Adds what `stats` grew by since the last call for the same life of the source. `stats` were
  // taken before the call, so what they hold beyond the border was counted with it passed.
  void source(const SourceId& id, const InputState& input, const aggregate::SourceStats& stats);
  // What the orders of a pair have come to, as its owner counts since he began.
  void pair(std::int32_t partition, const orders::Pair::Stats& stats);
  void lag(const SourceId& id, std::int64_t records);
  // How many sources a worker of this process owns.
  void worker_sources(int worker, std::size_t sources);
  // Copies of late and rejected records that are not known to be delivered.
  void side_outputs_undelivered(int worker, std::size_t copies);
  // A copy of a late or rejected record went without its payload or key, which were too large.
  void side_output_cut(bool is_late);
  void commit_failed();
  // The source is another worker's now: its last figures here are nobody's.
  void release_lag(const SourceId& id) { lag(id, 0); }
  void release_all_but(const std::set<SourceId>& owned);

 private:
  struct TopicCounters {
    prometheus::Counter *consumed, *reread, *duplicate, *superseded, *late, *miskeyed, *corrections,
        *unverifiable, *unknown_sku, *saturated, *over_key_limit, *forgotten;
    std::vector<prometheus::Counter*> rejected;  // by v1::RejectReason
  };
  struct SourceGauges {
    prometheus::Gauge *watermark_lag, *keys, *documents;
    prometheus::Gauge *outliers, *outlier_offset, *outlier_ahead;
    std::uint64_t life = 0;
    bool is_released = false;
    bool passed_border = false;
    aggregate::SourceStats last;  // what is counted already
  };
  static void add_news(const TopicCounters& counters, const aggregate::SourceStats& now,
                       const aggregate::SourceStats& before);

  static void set_outliers(const aggregate::SourceStats& stats, const SourceGauges& gauges);

  telemetry::Telemetry& telemetry_;
  std::map<Topic, TopicCounters> by_topic_;
  prometheus::Counter *cut_late_ = nullptr, *cut_dead_letters_ = nullptr,
                      *commits_failed_ = nullptr;
  // Workers, when they give a source back, and the flusher.
  std::mutex mutex_;
  std::map<SourceId, SourceGauges> by_source_;  // guarded by mutex_
};

}  // namespace surgewatch::services
