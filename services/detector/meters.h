// The detector's metrics.
//
// Threads: one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "common/published_record.h"
#include "detect/detector.h"
#include "detector/detector_service.h"
#include "journal/refusal.h"
#include "surgewatch/v1/alert.pb.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class DetectorService::Meters {
 public:
  explicit Meters(telemetry::Telemetry* telemetry);

  void records(std::size_t count) { records_->Increment(static_cast<double>(count)); }
  // A record of the journal that is none.
  void unreadable() { refused(journal::Refusal::kUnreadable).Increment(); }
  // Records of the journal that can't be read, ever.
  void skipped(std::int64_t count) { skipped_->Increment(static_cast<double>(count)); }
  // Records of the alerts topic that are none, by PublishedFault.
  void no_alerts(const std::array<std::uint64_t, kPublishedFaults>& counts);
  void retried() { retried_->Increment(); }
  void transaction(std::size_t records) {
    transactions_->Increment();
    published_->Increment(static_cast<double>(records));
  }
  // Whether the journal is this detector's.
  void active(bool is_active) { active_->Set(is_active ? 1 : 0); }
  void lag(std::int64_t records) { lag_->Set(static_cast<double>(records)); }

  // Adds what it grew by since the last call.
  void stats(const detect::DetectorStats& now);
  void new_detector() { last_ = {}; }

  // `newest_event`: the time of the newest record behind it, where that is not long gone.
  void published(const v1::Alert& alert, std::optional<Micros> newest_event);
  // What speaking again after a silence said, compared with what was published before.
  void reconciled(const std::vector<v1::Alert>& before, const std::vector<v1::Alert>& said);

 private:
  prometheus::Counter& refused(journal::Refusal reason) const {
    return *refused_[static_cast<std::size_t>(reason)];
  }

  telemetry::Telemetry& telemetry_;
  prometheus::Counter *records_, *skipped_, *unknown_series_, *stale_, *reopened_, *closed_,
      *inconclusive_, *former_owners_, *over_key_limit_, *generations_, *subjects_forgotten_,
      *too_old_, *retried_, *transactions_, *published_, *announced_, *amended_, *withdrawn_;
  std::array<prometheus::Counter*, journal::kRefusalCount> refused_;
  std::array<prometheus::Counter*, kPublishedFaults> no_alerts_;
  prometheus::Gauge *watermark_lag_, *lag_, *subjects_, *active_;
  detect::DetectorStats last_;
};

}  // namespace surgewatch::services
