// Publishes what the detector says: alerts, points and the journal's offset in one transaction, and
// in as many as it takes where one record gives rise to much.
//
//                 add(record 7), add(record 8), …            add(record 9: a back-fill)
//   transaction:  [ all of 7 and 8 | offset 9 ]   [ part of 9 | offset 10, partial ] … [ rest of 9
//   | offset 10 ]
//
// A transaction whose outcome is not known is never guessed at. A new producer of the same
// transactional id ends it, one way or the other; then the committed offset, whose metadata numbers
// transactions, says which way. What has not been committed is tried again for as long as the
// journal is ours.
//
// Whom this fences: a new producer, any earlier one of its transactional id. A commit, whoever is
// no member of the group's present generation. The broker does not check who owns a partition, so
// nothing that was gathered may be published with a consumer that has been assigned it anew since.
// What was gathered goes out in the revocation (give_back()), or the publisher ends there; where
// the journal comes back to the same member, it goes on only if nobody has committed meanwhile.
//
// Threads: one. Errors: ABORTED when the journal, or what has been published, is another's by now;
// UNAVAILABLE only where `strict`; others as kafka::Producer's. After an error: destroy it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/stop.h"
#include "config/config.h"
#include "detect/detector.h"
#include "detector/journal_position.h"
#include "kafka/client.h"
#include "kafka/topics.h"

namespace surgewatch::services {

class Publisher {
 public:
  struct Options {
    const config::Kafka* kafka = nullptr;
    const kafka::Topics* topics = nullptr;
    kafka::Consumer* consumer = nullptr;  // the group's member that has been assigned the journal
    const Stop* stop = nullptr;
    bool strict = false;
    std::size_t transaction_records = 0;  // at most so many in one
    // Told of: whether the last try succeeded; a try that failed and is made again; a
    // transaction of so many records; each alert.
    std::function<void(bool)> working = {};
    std::function<void(const absl::Status&)> retried = {};
    std::function<void(std::size_t)> committed = {};
    std::function<void(const v1::Alert&)> published = {};
  };

  // Begins by fencing whoever had the transactional id before: from then on the committed offset
  // and the topic of alerts are nobody's but ours.
  static absl::StatusOr<std::unique_ptr<Publisher>> open(Options options);

  // What the group has committed; nullopt if nothing.
  absl::StatusOr<std::optional<JournalPosition>> committed();

  // Before the first add(): what was committed, and the topic of alerts as it has been read back.
  void begin(const std::optional<JournalPosition>& held, std::string identity,
             std::int64_t alerts_end);
  // Of the journal, as soon as it is known.
  void set_first_record(std::uint64_t fingerprint) { first_record_ = fingerprint; }
  // Alerts do not speak before this offset.
  void set_silent_to(std::int64_t offset) { silent_to_ = offset; }

  // Takes what the records below `next` gave rise to since the last call, `said` is emptied.
  // `more`: there will be more of the last of them. Publishes what is too much for a transaction.
  absl::Status add(detect::Emissions* said, std::int64_t next, bool more);
  // Publishes all that was added. Where nothing is to be said for kCommitEvery, what the group has
  // committed follows nevertheless: whoever looks at its lag sees how far the journal is applied,
  // and who comes next begins there.
  static constexpr std::chrono::milliseconds kCommitEvery{2'000};
  absl::Status flush();
  // The same in a revocation, for which the group waits: tries once. Any error ends the publisher.
  absl::Status give_back();
  // Whether what the group has committed is what this one has.
  absl::StatusOr<bool> has_last_word();

 private:
  // Of the emissions that wait, as many as one transaction takes.
  struct Chunk {
    std::size_t alerts = 0;
    std::size_t points = 0;
    std::size_t records() const { return alerts + points; }
  };

  explicit Publisher(Options options);
  absl::Status make_producer();
  std::size_t waiting() const { return waiting_.alerts.size() + waiting_.points.size(); }
  bool ends_a_record(const Chunk& done) const;
  bool should_follow() const;
  Chunk next_chunk(const Chunk& from) const;
  absl::Status publish_waiting(bool is_partial);
  absl::Status commit(const Chunk& from, const Chunk& chunk, bool is_partial);
  absl::Status publish(const Chunk& from, const Chunk& chunk, const JournalPosition& to);
  absl::Status transaction(const Chunk& from, const Chunk& chunk, const JournalPosition& to);
  absl::StatusOr<bool> was_committed(const JournalPosition& to);
  absl::Status still_ours() const;
  bool worth_another_try(const absl::Status& status, int attempt) const;
  void delivered(const kafka::Delivery& delivery);

  const Options options_;
  const kafka::TopicPartition journal_;
  std::unique_ptr<kafka::Producer> producer_;  // null: to be made before the next transaction
  std::optional<JournalPosition> held_;        // as committed last
  std::optional<std::uint64_t> first_record_;
  std::int64_t silent_to_ = 0;
  std::string identity_;
  std::int64_t alerts_end_ = 0;  // beyond every record of the topic of alerts that is known
  absl::Status replaced_;        // an error once the topic of alerts is another one

  // Fits a transaction, or is of one record.
  detect::Emissions waiting_;
  std::size_t waiting_bytes_ = 0;
  std::int64_t next_ = 0;  // what waits is of records below, …
  bool is_said_ = true;    // … all of the last of them
  bool gives_back_ = false;
  std::chrono::steady_clock::time_point committed_at_ = std::chrono::steady_clock::now();
};

}  // namespace surgewatch::services
