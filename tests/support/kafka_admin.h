// What users' own tools do to topics and groups behind our back: deletes, adds, commits. Straight
// by librdkafka, since the product has no call for these.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "kafka/client.h"

namespace surgewatch::test {

// Each waits until it is done.
absl::Status delete_topic(const std::string& brokers, const std::string& topic);
absl::Status set_partitions(const std::string& brokers, const std::string& topic, int count);
// Those below `offset`, as retention would.
absl::Status delete_records(const std::string& brokers, const kafka::TopicPartition& partition,
                            std::int64_t offset);
absl::Status set_topic(const std::string& brokers, const std::string& topic,
                       const std::string& setting, const std::string& value);
// As a member of the group before this one; the group must have no members.
absl::Status commit(const std::string& brokers, const std::string& group,
                    const kafka::TopicPartition& partition, std::int64_t offset,
                    const std::string& metadata = "");
// With all its offsets, as Kafka does to one that was away for long; it must have no members.
absl::Status delete_group(const std::string& brokers, const std::string& group);
// What it holds: the offset, or below 0, and its metadata.
std::pair<std::int64_t, std::string> committed(const std::string& brokers, const std::string& group,
                                               const kafka::TopicPartition& partition);

}  // namespace surgewatch::test
