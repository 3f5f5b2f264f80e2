#include "kafka/log_ends.h"

#include <cstdint>
#include <string>
#include <utility>

#include "base/status.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;

// Not rd_kafka_query_watermark_offsets, which ignores its timeout before librdkafka 2.3.0: the
// lookup by time knows the log's ends as special times.
absl::StatusOr<std::vector<std::int64_t>> offsets_at(const Native& native,
                                                     const std::vector<TopicPartition>& partitions,
                                                     std::int64_t which, milliseconds wait) {
  std::vector<std::pair<TopicPartition, std::int64_t>> wanted;
  for (const TopicPartition& partition : partitions) wanted.emplace_back(partition, which);
  const PartitionList list = partition_list(wanted);
  const rd_kafka_resp_err_t all =
      rd_kafka_offsets_for_times(native.get(), list.get(), static_cast<int>(wait.count()));
  std::vector<std::int64_t> offsets;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    const rd_kafka_resp_err_t code = all != RD_KAFKA_RESP_ERR_NO_ERROR ? all : one.err;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
      return missing_topic(one.topic);
    }
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
      return not_found("{} [{}]: the topic has no such partition", one.topic, one.partition);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const absl::Status why = native.last_error();
      return status_of(code,
                       fmt::format("asking for the ends of {} [{}] at {}", one.topic, one.partition,
                                   native.brokers()),
                       why.ok() ? rd_kafka_err2str(code) : message_of(why));
    }
    offsets.push_back(one.offset);
  }
  return offsets;
}

}  // namespace

absl::StatusOr<std::vector<LogEnds>> log_ends(const Native& native,
                                              const std::vector<TopicPartition>& partitions,
                                              milliseconds wait) {
  std::vector<LogEnds> ends;
  if (partitions.empty()) return ends;
  SW_ASSIGN_OR_RETURN(const auto first, offsets_at(native, partitions, kBeginning, wait / 2));
  SW_ASSIGN_OR_RETURN(const auto next, offsets_at(native, partitions, kEnd, wait / 2));
  for (std::size_t i = 0; i < partitions.size(); ++i) ends.push_back({first[i], next[i]});
  return ends;
}

}  // namespace surgewatch::kafka
