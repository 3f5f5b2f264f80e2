// What has been published, read back from the topic of alerts: the newest revision of each alert is
// state that a detector goes on from.
//
// Every record there carries two headers. `topic_identity`: 16 hexadecimal digits, drawn by whoever
// writes the first record and taken over by all others, so that a topic that was deleted and made
// again has another. `journal`: the fingerprint of the first record of the journal that it was said
// of, and the group, since Kafka forgets what a group has committed of a topic that is deleted.
#pragma once

#include <array>
#include <cstdint>
#include <map>
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

 private:
  struct Newest {
    v1::Alert alert;
    RevisionChain chain;
  };
  void refuse(const kafka::Message& message, PublishedFault fault);

  const std::string group_id_;
  std::map<std::string, Newest> newest_;
  PublishedAlerts result_;
};

// Reads what is committed, up to the end as it is now. UNAVAILABLE if nothing comes for a while;
// CANCELLED if asked to stop.
absl::StatusOr<PublishedAlerts> read_published(const config::Kafka& kafka, const std::string& topic,
                                               const Stop& stop);

}  // namespace surgewatch::services
