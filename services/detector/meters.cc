#include "detector/meters.h"

#include <set>
#include <string>

#include "common/short_names.h"

namespace surgewatch::services {

DetectorService::Meters::Meters(telemetry::Telemetry* telemetry) : telemetry_(*telemetry) {
  const auto counter = [&](const char* name, const char* help, const telemetry::Labels& labels) {
    return &telemetry_.counter(name, help, labels);
  };
  records_ = counter("journal_records_total", "Journal records applied.", {});
  for (std::size_t i = 0; i < refused_.size(); ++i) {
    const auto reason = static_cast<journal::Refusal>(i);
    refused_[i] = counter("journal_refused_total",
                          "Journal records, and entries of them, that no owner of a source says.",
                          {{"reason", std::string(journal::refusal_name(reason))}});
  }
  skipped_ = counter("journal_skipped_total",
                     "Journal records passed over because their batch is damaged.", {});
  for (std::size_t i = 0; i < no_alerts_.size(); ++i) {
    const std::string_view reason = fault_name(static_cast<PublishedFault>(i));
    no_alerts_[i] = counter("alerts_malformed_total", "Records of the alerts topic that are none.",
                            {{"reason", std::string(reason)}});
  }
  unknown_series_ = counter("pane_updates_unknown_series_total",
                            "Pane updates made by another definition of a series.", {});
  stale_ = counter("pane_updates_stale_total", "Pane updates that were not newer.", {});
  reopened_ = counter("panes_reopened_total", "Updates to panes that were final.", {});
  closed_ = counter("panes_closed_total", "Panes that every source has passed.", {});
  inconclusive_ =
      counter("rules_inconclusive_total", "Evaluations that lacked what they need.", {});
  former_owners_ =
      counter("journal_records_of_former_owners_total",
              "Journal records passed over: who said them no longer owned the source.", {});
  over_key_limit_ = counter("detector_keys_over_limit_total",
                            "Pane changes counted under `other` because a series has too many keys "
                            "over all sources.",
                            {});
  generations_ = counter("figures_generations_total",
                         "Generations of figures that have taken another's place.", {});
  subjects_forgotten_ = counter("detector_subjects_forgotten_total",
                                "Subjects of rules let go, as they had held nothing for long.", {});
  too_old_ = counter("pane_changes_too_old_total",
                     "Changes of panes so old that no answer depends on them any more.", {});
  retried_ = counter("transactions_retried_total", "Transactions that were tried again.", {});
  transactions_ = counter("transactions_total", "Transactions that were committed.", {});
  published_ =
      counter("transaction_records_total", "Alerts and points in committed transactions.", {});
  const auto reconciled = [&](const char* change) {
    return counter("alerts_reconciled_total",
                   "Alert revisions said at a start, because what was published did not hold.",
                   {{"change", change}});
  };
  announced_ = reconciled("announced");
  amended_ = reconciled("amended");
  withdrawn_ = reconciled("withdrawn");
  watermark_lag_ =
      &telemetry_.gauge("detector_watermark_lag_seconds",
                        "Wall-clock time less the lowest watermark of all sources.", {});
  lag_ = &telemetry_.gauge("journal_lag_records", "Journal records not applied yet.", {});
  active_ = &telemetry_.gauge("detector_active",
                              "1 while the journal is this detector's, 0 while it stands by.", {});
  subjects_ = &telemetry_.gauge("detector_subjects", "Subjects kept, over all rules.", {});
}

void DetectorService::Meters::no_alerts(const std::array<std::uint64_t, kPublishedFaults>& counts) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    no_alerts_[i]->Increment(static_cast<double>(counts[i]));
  }
}

void DetectorService::Meters::stats(const detect::DetectorStats& now) {
  const auto add = [](prometheus::Counter* counter, std::uint64_t value, std::uint64_t before) {
    if (value > before) counter->Increment(static_cast<double>(value - before));
  };
  for (std::size_t i = 0; i < refused_.size(); ++i) {
    add(refused_[i], now.refused.by_reason[i], last_.refused.by_reason[i]);
  }
  add(unknown_series_, now.unknown_series, last_.unknown_series);
  add(stale_, now.stale_updates, last_.stale_updates);
  add(reopened_, now.reopened_panes, last_.reopened_panes);
  add(closed_, now.closed_panes, last_.closed_panes);
  add(inconclusive_, now.inconclusive, last_.inconclusive);
  add(former_owners_, now.former_owners, last_.former_owners);
  add(over_key_limit_, now.over_key_limit, last_.over_key_limit);
  add(generations_, now.generations, last_.generations);
  add(subjects_forgotten_, now.subjects_forgotten, last_.subjects_forgotten);
  add(too_old_, now.too_old, last_.too_old);
  subjects_->Set(static_cast<double>(now.subjects));
  if (now.watermark) {
    watermark_lag_->Set(static_cast<double>(wall_clock_micros() - *now.watermark) / 1e6);
  }
  last_ = now;
}

void DetectorService::Meters::published(const v1::Alert& alert,
                                        std::optional<Micros> newest_event) {
  telemetry_
      .counter("alerts_total", "Alert revisions published.",
               {{"rule", alert.rule()},
                {"severity", short_name(alert.severity())},
                {"state", short_name(alert.state())}})
      .Increment();
  if (!newest_event.has_value()) return;
  telemetry_
      .histogram("event_to_alert_seconds",
                 "From the newest event in the journal record to its alert being published.",
                 {{"timing", short_name(alert.timing())}},
                 {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60})
      .Observe(static_cast<double>(wall_clock_micros() - *newest_event) / 1e6);
}

void DetectorService::Meters::reconciled(const std::vector<v1::Alert>& before,
                                         const std::vector<v1::Alert>& said) {
  std::set<std::string> known;
  for (const v1::Alert& alert : before) known.insert(alert.alert_id());
  for (const v1::Alert& alert : said) {
    const bool is_new = known.insert(alert.alert_id()).second;
    const bool has_ended = alert.state() == v1::ALERT_STATE_RESOLVED;
    (is_new ? announced_ : has_ended ? withdrawn_ : amended_)->Increment();
  }
}

}  // namespace surgewatch::services
