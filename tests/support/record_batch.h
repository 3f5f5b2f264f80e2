// Record batches made by hand, byte for byte, so that they can be what no producer writes; and a
// way to send them to a broker as they are. The embedded broker takes nearly anything; a real one
// looks into it, so there they are put behind its log (KafkaServer::append_to_log).
//
// Source: Kafka's protocol guide, record batch (magic 2), Produce (version 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kafka/client.h"

namespace surgewatch::test {

enum class Codec : std::uint8_t { kNone, kGzip, kSnappy, kLz4, kZstd, kUnknown5, kUnknown6 };

struct RecordBatch {
  std::string body;  // the records, as the codec would have them
  std::int32_t records = 1;
  Codec codec = Codec::kNone;
  std::int8_t magic = 2;
  bool has_right_checksum = true;
  std::int64_t first_offset = 0;  // brokers that take it write their own

  std::string bytes() const;
};

// The body of a batch of such keys and payloads, uncompressed.
std::string records(const std::vector<std::pair<std::string, std::string>>& records);

// UNAVAILABLE with the broker's error code, if that is what it answers.
absl::Status produce(const std::string& brokers, const kafka::TopicPartition& partition,
                     const std::string& batch);

}  // namespace surgewatch::test
