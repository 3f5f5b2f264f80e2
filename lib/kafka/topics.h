// The topics of the contract, with how they are made.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/client.h"

namespace surgewatch::kafka {

// Full names: the configured prefix is in them.
struct Topics {
  explicit Topics(std::string_view prefix);

  std::string invoices, shipments, journal, checkpoints, series, reference, alerts, late,
      dead_letter;

  // What `surgewatch topics create` makes; inputs get `input_partitions`, and, if
  // `timestamps_ahead` is given, the setting of kTimestampBound.
  std::vector<TopicSpec> specs(
      std::int32_t input_partitions,
      std::optional<std::chrono::milliseconds> timestamps_ahead = std::nullopt) const;
};

// A record whose timestamp is further ahead of the broker's clock than that is refused: whoever
// wrote it has a wrong clock, and is told so. Kafka knows it since 3.6 (KIP-937).
inline constexpr std::string_view kTimestampBound = "message.timestamp.after.max.ms";

// As Admin::create_topics; where the brokers don't know kTimestampBound the topics are made without
// it, with a warning.
absl::Status create_topics(Admin* admin, std::vector<TopicSpec> topics, int replication);

}  // namespace surgewatch::kafka
