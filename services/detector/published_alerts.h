// What has been published, read back from the topic of alerts: the newest revision of each alert is
// state that a detector goes on from.
//
// Every record there carries two headers. `topic_identity`: 16 hexadecimal digits, drawn by whoever
// writes the first record and taken over by all others, so that a topic that was deleted and made
// again has another. `journal`: the fingerprint of the first record of the journal that it was said
// of, and the group, since Kafka forgets what a group has committed of a topic that is deleted.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/revision_chain.h"
#include "common/published_record.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/client.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::services {

inline constexpr const char* kTopicIdentityHeader = "topic_identity";
inline constexpr const char* kJournalHeader = "journal";

struct PublishedAlerts {
  std::vector<v1::Alert> newest;  // of each alert, by its id; without those that were deleted
  std::string identity;           // the newest record's that has one; of none, a new one
  std::string journal;            // the newest record's header that is of our group, if one is
  std::int64_t next_offset = 0;   // where the topic ends
  // Records that are no alerts.
  std::array<std::uint64_t, kPublishedFaults> faults{};
};

// One reading of the topic, apart from Kafka: its records in order, whoever has written them. What
// is no alert is counted, and the first of each kind named in the log.
//
// Threads: one.
class PublishedReading {
 public:
  explicit PublishedReading(std::string group_id) : group_id_(std::move(group_id)) {}

  // A payload without bytes that is not even empty (null) is a tombstone.
  void take(const kafka::Message& message);
  // `end`: where the topic ends. `unreadable`: records that Kafka's client could not read.
  PublishedAlerts finish(std::int64_t end, std::uint64_t unreadable) &&;

  // Behind the last record that was taken; 0 before the first.
  std::int64_t next_offset() const { return result_.next_offset; }
  // Of the records so far; empty while none has one.
  const std::string& identity() const { return result_.identity; }

 private:
  struct Newest {
    v1::Alert alert;
    RevisionChain chain;
  };
  void refuse(const kafka::Message& message, PublishedFault fault);

  std::string group_id_;
  std::map<std::string, Newest> newest_;
  PublishedAlerts result_;
};

// Reads what is committed, as it comes, and at last to its end. A topic that was made anew
// meanwhile is read from its beginning.
//
// Threads: one. Errors: UNAVAILABLE if nothing comes for a while; CANCELLED if asked to stop.
class PublishedReader {
 public:
  static absl::StatusOr<std::unique_ptr<PublishedReader>> open(const config::Kafka& kafka,
                                                               const std::string& topic);

  // Some of what is there; doesn't wait.
  absl::Status step();
  // Has been at the topic's end.
  bool has_caught_up() const { return has_caught_up_; }
  // All up to the end as it is now. The last call.
  absl::StatusOr<PublishedAlerts> finish(const Stop& stop);

 private:
  PublishedReader(const config::Kafka& kafka, const std::string& topic,
                  std::unique_ptr<kafka::Consumer> consumer)
      : group_id_(kafka.group_id),
        alerts_{topic, 0},
        consumer_(std::move(consumer)),
        reading_(group_id_) {}
  absl::StatusOr<std::size_t> poll(std::chrono::milliseconds wait);
  absl::Status begin_again();
  absl::Status read_to_end(const Stop& stop);

  const std::string group_id_;
  const kafka::TopicPartition alerts_;
  std::unique_ptr<kafka::Consumer> consumer_;
  PublishedReading reading_;
  bool has_caught_up_ = false;
};

}  // namespace surgewatch::services
