#include "aggregator/meters.h"

#include <cctype>

#include "base/time.h"

namespace surgewatch::services {
namespace {

telemetry::Labels source_labels(const SourceId& id) {
  return {{"topic", std::string(topic_name(id.topic))},
          {"partition", std::to_string(id.partition)}};
}

// REJECT_REASON_UNKNOWN_COUNTRY → unknown_country
std::string reason_label(int reason) {
  std::string name = v1::RejectReason_Name(reason).substr(sizeof("REJECT_REASON_") - 1);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

double seconds_since(Micros time) {
  return static_cast<double>(wall_clock_micros() - time) / static_cast<double>(kMicrosPerSecond);
}

}  // namespace

AggregatorMeters::AggregatorMeters(telemetry::Telemetry* telemetry) : telemetry_(*telemetry) {
  for (const Topic topic : {Topic::kInvoices, Topic::kShipments}) {
    const telemetry::Labels labels{{"topic", std::string(topic_name(topic))}};
    const auto counter = [&](const char* name, const char* help) {
      return &telemetry_.counter(name, help, labels);
    };
    TopicCounters& counters = by_topic_[topic];
    counters.consumed = counter("events_consumed_total", "Records read from an input topic.");
    counters.duplicate =
        counter("events_duplicate_total", "Events of an id and revision seen before.");
    counters.superseded =
        counter("events_superseded_total",
                "Events that change nothing: an older revision, or of a cancelled document.");
    counters.late =
        counter("events_late_total", "Events beyond the allowed lateness, sent to the late topic.");
    counters.miskeyed =
        counter("events_miskeyed_total", "Records whose key is not their order_id.");
    counters.corrections =
        counter("corrections_total", "Revisions that replaced and cancellations that took out.");
    counters.unverifiable = counter("corrections_unverifiable_total",
                                    "Corrections of documents beyond the correction horizon.");
    counters.unknown_sku =
        counter("unknown_sku_lines_total", "Lines whose SKU the catalogue lacks.");
    counters.saturated = counter("sums_saturated_total", "Sums that did not fit 64 bits.");
    counters.over_key_limit =
        counter("keys_over_limit_total",
                "Contributions counted under `other` because a series has too many keys.");
    for (int reason = 0; reason < v1::RejectReason_ARRAYSIZE; ++reason) {
      telemetry::Labels with_reason = labels;
      with_reason["reason"] = reason_label(reason);
      counters.rejected.push_back(
          reason == 0 ? nullptr
                      : &telemetry_.counter("events_rejected_total",
                                            "Events sent to the dead-letter topic.", with_reason));
    }
  }
}

void AggregatorMeters::source(const SourceId& id, std::int64_t owner_epoch,
                              const aggregate::SourceStats& stats) {
  const auto [found, is_new] = by_source_.try_emplace(id);
  SourceGauges& gauges = found->second;
  if (is_new) {
    const telemetry::Labels labels = source_labels(id);
    gauges.watermark_lag = &telemetry_.gauge(
        "watermark_lag_seconds", "Wall-clock time less the source's watermark.", labels);
    gauges.keys = &telemetry_.gauge("keys", "Keys that a source holds, over all series.", labels);
    gauges.documents = &telemetry_.gauge("documents_known",
                                         "Documents known for duplicates and corrections.", labels);
    gauges.outliers = &telemetry_.gauge(
        "watermark_outliers",
        "Records dated far ahead that event_time.outliers keeps from moving the watermark.",
        labels);
    gauges.outlier_offset =
        &telemetry_.gauge("watermark_outlier_offset",
                          "Offset of the one furthest ahead; -1 if there is none.", labels);
    gauges.outlier_ahead = &telemetry_.gauge("watermark_outlier_ahead_seconds",
                                             "Its event time less the watermark.", labels);
  }
  if (gauges.owner_epoch != owner_epoch) {
    gauges.owner_epoch = owner_epoch;
    gauges.last = {};
  }
  TopicCounters& counters = by_topic_.at(id.topic);
  const aggregate::SourceStats& last = gauges.last;
  const auto add = [](prometheus::Counter* counter, std::uint64_t now, std::uint64_t before) {
    if (now > before) counter->Increment(static_cast<double>(now - before));
  };
  add(counters.consumed, stats.consumed, last.consumed);
  add(counters.duplicate, stats.duplicate, last.duplicate);
  add(counters.superseded, stats.superseded, last.superseded);
  add(counters.late, stats.late, last.late);
  add(counters.miskeyed, stats.miskeyed, last.miskeyed);
  add(counters.corrections, stats.corrections, last.corrections);
  add(counters.unverifiable, stats.unverifiable, last.unverifiable);
  add(counters.unknown_sku, stats.unknown_sku_lines, last.unknown_sku_lines);
  add(counters.saturated, stats.overflows, last.overflows);
  add(counters.over_key_limit, stats.over_key_limit, last.over_key_limit);
  for (std::size_t reason = 1; reason < stats.rejected_by_reason.size(); ++reason) {
    const std::uint64_t before =
        reason < last.rejected_by_reason.size() ? last.rejected_by_reason[reason] : 0;
    add(counters.rejected[reason], stats.rejected_by_reason[reason], before);
  }
  if (stats.watermark) gauges.watermark_lag->Set(seconds_since(*stats.watermark));
  gauges.keys->Set(static_cast<double>(stats.keys));
  gauges.documents->Set(static_cast<double>(stats.documents_known));
  set_outliers(stats, gauges);
  gauges.last = stats;
}

void AggregatorMeters::set_outliers(const aggregate::SourceStats& stats,
                                    const SourceGauges& gauges) {
  gauges.outliers->Set(static_cast<double>(stats.outliers));
  const bool is_named = stats.furthest_outlier && stats.watermark;
  gauges.outlier_offset->Set(is_named ? static_cast<double>(stats.furthest_outlier->offset) : -1);
  const Micros ahead = is_named ? stats.furthest_outlier->time - *stats.watermark : 0;
  gauges.outlier_ahead->Set(static_cast<double>(ahead) / static_cast<double>(kMicrosPerSecond));
}

void AggregatorMeters::release_all_but(const std::set<SourceId>& owned) {
  for (auto& [id, gauges] : by_source_) {
    if (owned.contains(id) || gauges.owner_epoch == 0) continue;
    for (prometheus::Gauge* gauge : {gauges.watermark_lag, gauges.keys, gauges.documents}) {
      gauge->Set(0);
    }
    set_outliers({}, gauges);
    gauges.owner_epoch = 0;
  }
}

void AggregatorMeters::worker_sources(int worker, std::size_t sources) {
  telemetry_
      .gauge("worker_sources", "Sources that a worker of this process owns.",
             {{"worker", std::to_string(worker)}})
      .Set(static_cast<double>(sources));
}

void AggregatorMeters::lag(const SourceId& id, std::int64_t records) {
  telemetry_
      .gauge("consumer_lag_records", "Records in an input partition that are not read yet.",
             source_labels(id))
      .Set(static_cast<double>(records));
}

}  // namespace surgewatch::services
