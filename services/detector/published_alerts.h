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
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/published_record.h"
#include "common/stop.h"
#include "config/config.h"
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

// Reads what is committed, up to the end as it is now. UNAVAILABLE if nothing comes for a while;
// CANCELLED if asked to stop.
absl::StatusOr<PublishedAlerts> read_published(const config::Kafka& kafka, const std::string& topic,
                                               const Stop& stop);

}  // namespace surgewatch::services
