#include "aggregator/meters.h"

#include <algorithm>
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

// Of each figure the higher one. Gauges are `a`'s.
aggregate::SourceStats higher(const aggregate::SourceStats& a, const aggregate::SourceStats& b) {
  using Stats = aggregate::SourceStats;
  aggregate::SourceStats result = a;
  for (const auto figure :
       {&Stats::consumed, &Stats::counted, &Stats::duplicate, &Stats::superseded, &Stats::late,
        &Stats::rejected, &Stats::miskeyed, &Stats::corrections, &Stats::unverifiable,
        &Stats::unknown_sku_lines, &Stats::overflows, &Stats::over_key_limit}) {
    result.*figure = std::max(a.*figure, b.*figure);
  }
  result.rejected_by_reason.resize(
      std::max(a.rejected_by_reason.size(), b.rejected_by_reason.size()));
  for (std::size_t i = 0; i < b.rejected_by_reason.size(); ++i) {
    result.rejected_by_reason[i] = std::max(result.rejected_by_reason[i], b.rejected_by_reason[i]);
  }
  return result;
}

}  // namespace

AggregatorMeters::AggregatorMeters(telemetry::Telemetry* telemetry) : telemetry_(*telemetry) {
  const auto cut = [&](const char* topic) {
    return &telemetry_.counter("side_outputs_cut_total",
                               "Late and rejected records that were copied without their payload "
                               "or key, which were too large.",
                               {{"topic", topic}});
  };
  cut_late_ = cut("surgewatch.late");
  cut_dead_letters_ = cut("surgewatch.dead-letter");
  commits_failed_ = &telemetry_.counter(
      "commits_failed_total", "Commits of input offsets that failed and were tried again.", {});
  for (const Topic topic : kInputTopics) {
    const telemetry::Labels labels{{"topic", std::string(topic_name(topic))}};
    const auto counter = [&](const char* name, const char* help) {
      return &telemetry_.counter(name, help, labels);
    };
    TopicCounters& counters = by_topic_[topic];
    counters.consumed =
        counter("events_consumed_total", "Records read from an input topic for the first time.");
    counters.reread =
        counter("events_reread_total",
                "Records read again after a restart or a rebalance; counted nowhere else.");
    counters.duplicate =
        counter("events_duplicate_total", "Events of an id and revision seen before.");
    counters.superseded =
        counter("events_superseded_total",
                "Events that change nothing: an older revision, or of a cancelled document.");
    counters.late =
        counter("events_late_total", "Events beyond the allowed lateness, sent to the late topic.");
    counters.miskeyed = counter("events_miskeyed_total",
                                "Records whose key is not their order_id, or that have none.");
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
    counters.forgotten = counter("documents_forgotten_total",
                                 "Documents forgotten before the correction horizon, for want of "
                                 "limits.document_memory.");
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

// Each figure of `last` never falls, though `stats` may have been taken before the border's.
void AggregatorMeters::source(const SourceId& id, const InputState& input,
                              const aggregate::SourceStats& stats) {
  const std::lock_guard lock(mutex_);
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
  if (gauges.life > input.life) return;  // of an owner before the last
  gauges.is_released = false;
  if (gauges.life != input.life) {
    gauges.life = input.life;
    gauges.passed_border = false;
    gauges.last = {};
  }
  TopicCounters& counters = by_topic_.at(id.topic);
  aggregate::SourceStats now = higher(stats, gauges.last);
  const auto reread = [&](const aggregate::SourceStats& until) {
    counters.reread->Increment(static_cast<double>(until.consumed - gauges.last.consumed));
    gauges.last = until;
  };
  if (!gauges.passed_border) {
    gauges.passed_border = input.border.passed();
    if (!gauges.passed_border) {
      reread(now);
    } else {
      reread(higher(input.border.below(), gauges.last));
      now = higher(stats, gauges.last);
    }
  }
  if (gauges.passed_border) {
    add_news(counters, now, gauges.last);
    gauges.last = now;
  }
  if (stats.watermark) gauges.watermark_lag->Set(seconds_since(*stats.watermark));
  gauges.keys->Set(static_cast<double>(stats.keys));
  gauges.documents->Set(static_cast<double>(stats.documents_known));
  set_outliers(stats, gauges);
}

void AggregatorMeters::pair(std::int32_t partition, const orders::Pair::Stats& stats) {
  const telemetry::Labels labels{{"partition", std::to_string(partition)}};
  const auto set = [&](const char* name, const char* help, std::uint64_t value) {
    telemetry_.gauge(name, help, labels).Set(static_cast<double>(value));
  };
  set("orders_open", "Orders whose documents are kept.", stats.orders.orders);
  set("orders_bytes", "Memory that they take.", stats.orders.bytes);
  set("orders_inconclusive", "Open orders that state too little for a rule to judge them.",
      stats.orders.inconclusive);
  set("orders_forgotten",
      "Orders forgotten before their time, for want of limits.order_memory, since the owner began.",
      stats.orders.forgotten);
  set("order_documents_left_out",
      "Documents left out because their order has too many, since the owner began.",
      stats.orders.over_order_limit);
}

void AggregatorMeters::add_news(const TopicCounters& counters, const aggregate::SourceStats& now,
                                const aggregate::SourceStats& before) {
  const auto add = [&](prometheus::Counter* counter, auto figure) {
    if (now.*figure > before.*figure) {
      counter->Increment(static_cast<double>(now.*figure - before.*figure));
    }
  };
  using Stats = aggregate::SourceStats;
  add(counters.consumed, &Stats::consumed);
  add(counters.duplicate, &Stats::duplicate);
  add(counters.superseded, &Stats::superseded);
  add(counters.late, &Stats::late);
  add(counters.miskeyed, &Stats::miskeyed);
  add(counters.corrections, &Stats::corrections);
  add(counters.unverifiable, &Stats::unverifiable);
  add(counters.unknown_sku, &Stats::unknown_sku_lines);
  add(counters.saturated, &Stats::overflows);
  add(counters.over_key_limit, &Stats::over_key_limit);
  add(counters.forgotten, &Stats::documents_forgotten);
  for (std::size_t reason = 1; reason < now.rejected_by_reason.size(); ++reason) {
    const std::uint64_t known =
        reason < before.rejected_by_reason.size() ? before.rejected_by_reason[reason] : 0;
    const std::uint64_t count = now.rejected_by_reason[reason];
    if (count > known) counters.rejected[reason]->Increment(static_cast<double>(count - known));
  }
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
  const std::lock_guard lock(mutex_);
  for (auto& [id, gauges] : by_source_) {
    if (owned.contains(id) || gauges.is_released) continue;
    for (prometheus::Gauge* gauge : {gauges.watermark_lag, gauges.keys, gauges.documents}) {
      gauge->Set(0);
    }
    set_outliers({}, gauges);
    gauges.is_released = true;
  }
}

void AggregatorMeters::side_outputs_undelivered(int worker, std::size_t copies) {
  telemetry_
      .gauge("side_outputs_undelivered",
             "Copies of late and rejected records that are not known to be delivered.",
             {{"worker", std::to_string(worker)}})
      .Set(static_cast<double>(copies));
}

void AggregatorMeters::side_output_cut(bool is_late) {
  (is_late ? cut_late_ : cut_dead_letters_)->Increment();
}

void AggregatorMeters::commit_failed() { commits_failed_->Increment(); }

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
