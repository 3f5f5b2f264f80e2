// What a detector knows before the journal is its own: its state as far as what it would say has
// been published by another, and what that is. So whoever is given the journal has little left to
// read, however long its history is.
//
//   journal ──► Detector, silent, up to the offset that the group has committed
//   alerts  ──► the newest revision of each
//
// Where the last transaction was cut within a record, it stays before that one: whoever goes on
// says its points again (journal_position.h).
//
// Threads: one.
// Errors: UNAVAILABLE: step() may be called again. Any other: this one is of no use any more, and a
// tenure without one reads everything.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "detect/detector.h"
#include "detector/detector_service.h"
#include "detector/published_alerts.h"
#include "detector/refusals.h"
#include "kafka/client.h"
#include "kafka/topics.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::services {

// That of a life before it speaks.
std::unique_ptr<detect::Detector> silent_detector(const DetectorService::Options& options);

class Follower {
 public:
  // What it has come to.
  struct Followed {
    std::unique_ptr<detect::Detector> detector;  // has taken all records below …
    std::int64_t next_offset = 0;
    std::optional<std::uint64_t> first_record;  // fingerprint of the journal's; none was read
    std::unique_ptr<PublishedReader> published;
  };

  // `member`: of the group, to ask what it has committed; need not be in it yet.
  static absl::StatusOr<std::unique_ptr<Follower>> open(const DetectorService::Options& options,
                                                        const kafka::Topics& topics,
                                                        Refusals* refusals,
                                                        const std::string& group_id);

  // Some of what can be done now. Waits for a few milliseconds where more is to come.
  absl::Status step();
  // There is nothing left to do: all that was published when that was last asked for is known, or
  // more of it than the journal has, which is for a tenure to judge.
  bool has_caught_up() const;
  // Records that others have published, and this one has not taken.
  std::int64_t behind() const;
  std::int64_t next_offset() const { return followed_.next_offset; }

  Followed finish() && { return std::move(followed_); }

 private:
  Follower(const kafka::TopicPartition& journal, Refusals* refusals,
           std::unique_ptr<kafka::Consumer> reader, Followed followed)
      : journal_(journal),
        refusals_(*refusals),
        reader_(std::move(reader)),
        followed_(std::move(followed)) {}

  absl::Status ask_how_far();
  absl::Status read();
  void take(const kafka::Message& message);

  const kafka::TopicPartition journal_;
  Refusals& refusals_;
  std::unique_ptr<kafka::Consumer> reader_;
  Followed followed_;
  // No record from there on is taken, unless those before it are missing: then a tenure that begins
  // in this moment does without.
  std::int64_t bound_ = 0;
  bool is_told_ = false;  // how far
  std::chrono::steady_clock::time_point asked_at_;
  v1::JournalRecord record_;
  detect::Emissions said_;  // nothing
};

}  // namespace surgewatch::services
