// The detector's work from being assigned the journal until it is taken away: a tenure.
//
//   begin:  fence the one before ─► committed offset ─► read alerts back ─► is the journal whole?
//   then:   records below the committed offset ─► silently, those that a follower has not taken
//           at it: what is published and what holds are compared; what differs is said, once
//           records from there on ─► alerts and points, in transactions with the offset
//
// Where nothing is committed, points are published from the first record on. So are alerts, unless
// there are published ones: then they speak where the journal ended when the tenure began. (A group
// that was away for a week has lost its offsets, and nobody wants each alert to end and fire
// again.)
//
// A rebalance takes the journal away and most often gives it back to the same member at once. The
// tenure rests meanwhile: what was gathered is published before, and it goes on if nobody else has
// had a word.
//
// Threads: one. Errors: as Publisher's; after one, the tenure is over.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/alert_news.h"
#include "detect/detector.h"
#include "detector/detector_service.h"
#include "detector/follower.h"
#include "detector/journal_position.h"
#include "detector/meters.h"
#include "detector/published_alerts.h"
#include "detector/publisher.h"
#include "detector/refusals.h"
#include "kafka/client.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::services {

class Tenure {
 public:
  // `consumer`: the member that has been assigned the journal, and does not read it yet.
  // `follower`: null if there is none.
  Tenure(const DetectorService::Options& options, const kafka::Topics& topics,
         DetectorService::Meters* meters, Refusals* refusals, kafka::Consumer* consumer,
         std::unique_ptr<Follower> follower, const Stop& stop);

  // Begins to read. An incident: nothing may be read, until somebody has acted.
  absl::StatusOr<std::optional<Incident>> begin();
  // The journal's next record. Publishes where it gives rise to much.
  absl::Status take(const kafka::Message& message);
  // Publishes what was taken; after each poll.
  absl::Status publish();
  // The journal is taken away; after an error the tenure is over.
  absl::Status rest();
  // It has come back, and is read on. ABORTED: somebody else has had it.
  absl::Status resume();

  // All that the journal held when the tenure began is applied and published.
  bool has_caught_up() const;
  // The last try to publish succeeded.
  bool is_publishing() const { return is_publishing_; }
  std::int64_t position() const { return next_offset_; }
  detect::DetectorStats stats() const { return detector_->stats(); }

 private:
  absl::Status open_publisher();
  absl::StatusOr<PublishedAlerts> read_alerts();
  // As far as a follower has come with this journal; from the beginning if there is none.
  void take_over(std::optional<std::uint64_t> first_record, std::int64_t journal_end);
  std::optional<KnownJournal> known_journal(const std::optional<JournalPosition>& committed) const;
  // Where silence ends, for points and for alerts.
  void find_start(const std::optional<JournalPosition>& committed);
  absl::Status apply(const v1::JournalRecord& record, std::int64_t offset);
  absl::Status speak();
  void published(const v1::Alert& alert);

  const DetectorService::Options& options_;
  const kafka::Topics& topics_;
  const kafka::TopicPartition journal_;
  DetectorService::Meters& meters_;
  Refusals& refusals_;
  kafka::Consumer& consumer_;
  const Stop& stop_;

  Follower::Followed followed_;  // until begin()
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<detect::Detector> detector_;
  PublishedAlerts published_;     // emptied when the silence has ended
  std::int64_t points_from_ = 0;  // points of records below have been published
  std::int64_t alerts_from_ = 0;  // the silence about alerts ends before this record
  bool has_spoken_ = false;
  bool is_publishing_ = false;
  std::int64_t end_at_begin_ = 0;  // of the journal
  std::int64_t next_offset_ = 0;
  AlertNews news_;
  std::optional<Micros> newest_event_;  // the time of the newest record that was not silent
  v1::JournalRecord record_;
  detect::Emissions said_;
};

}  // namespace surgewatch::services
