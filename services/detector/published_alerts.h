// What has been published, read back from the topic of alerts: the newest revision of each alert is
// state that a detector goes on from.
//
// Every record there carries the topic's identity in a header: 16 hexadecimal digits, drawn by
// whoever writes the first and taken over by all others, so that a topic that was deleted and made
// again has another.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/stop.h"
#include "config/config.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::services {

inline constexpr const char* kTopicIdentityHeader = "topic_identity";

struct PublishedAlerts {
  std::vector<v1::Alert> newest;  // of each alert, by its id; without those that were deleted
  std::string identity;           // the newest record's that has one; of none, a new one
  std::int64_t next_offset = 0;   // where the topic ends
  std::uint64_t malformed = 0;    // records that could not be read
};

// Reads what is committed, up to the end as it is now. UNAVAILABLE if nothing comes for a while;
// CANCELLED if asked to stop.
absl::StatusOr<PublishedAlerts> read_published(const config::Kafka& kafka, const std::string& topic,
                                               const Stop& stop);

}  // namespace surgewatch::services
