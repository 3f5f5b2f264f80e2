#include "kafka/consumer.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/time.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLargestBatch = 10'000;

// While nothing comes and something is wrong.
constexpr milliseconds kAskEvery{1'000};
constexpr milliseconds kAskWait{100};

}  // namespace

// librdkafka's batch call, since fetching one message at a time costs half as much again for each
// event. Before 2.1.0 it could pass over records after a pause and resume, because it moved its own
// position past messages that it then discarded. We never pause; librdkafka does around a
// rebalance, but an eager one ends with the partitions taken away and assigned anew from offsets of
// ours. Positions are counted here, from what was visited.
//
// It fills its array or waits its time out, so: take what is there; if nothing is, wait for one and
// take what came with it.
absl::StatusOr<std::size_t> ConsumerOverRdkafka::poll(
    milliseconds wait, std::size_t limit, const std::function<void(const Message&)>& visit) {
  SW_RETURN_IF_ERROR(native_->fatal_error());
  limit = std::clamp<std::size_t>(limit, 1, kLargestBatch);
  batch_.clear();
  batch_.reserve(limit);
  batch_.take(queue_.get(), milliseconds(0), limit);
  if (batch_.size() == 0) ++empty_polls_;
  if (batch_.size() == 0 && wait.count() > 0 && pending_rebalances_.empty()) {
    batch_.take(queue_.get(), wait, 1);
    if (batch_.size() == 1 && limit > 1) batch_.take(queue_.get(), milliseconds(0), limit);
  }
  if (wakes_fetching_ && fetch_wake_.is_due(rd_kafka_queue_length(queue_.get()))) wake_fetching();
  std::size_t visited = 0;
  absl::Status failure = std::exchange(topic_error_, absl::OkStatus());
  bool answered = false;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    const rd_kafka_message_t& from = batch_[i];
    if (from.err != RD_KAFKA_RESP_ERR_NO_ERROR) [[unlikely]] {
      answered |= from.err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
      if (absl::Status status = serve_error(from); !status.ok() && failure.ok()) failure = status;
      continue;
    }
    Partition* partition = partition_of(from);
    if (partition == nullptr || partition->suspicion == Suspicion::kDamaged) continue;
    fetch_wake_.took(from.len + from.key_len);
    if (from.offset < partition->position) [[unlikely]] {
      came_again(partition, from.offset);
      continue;
    }
    fill(from, *partition);
    visit(message_);
    partition->position = from.offset + 1;
    ++visited;
  }
  if (answered || visited > 0) native_->set_last_error(absl::OkStatus());
  serve_rebalances();
  if (const absl::Status status = look_into_suspects(); absl::IsUnavailable(status)) {
    native_->set_last_error(status);  // and looked into again
  } else if (failure.ok()) {
    failure = status;
  }
  if (!failure.ok()) {
    native_->set_last_error(failure);
    return failure;
  }
  if (!answered && visited == 0) ask_whether_brokers_answer();
  return visited;
}

// On quiet topics, and for a member of a group that was given nothing, no record and no end of a
// partition tells that an outage is over.
void ConsumerOverRdkafka::ask_whether_brokers_answer() {
  if (!absl::IsUnavailable(native_->last_error())) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < ask_next_) return;
  ask_next_ = now + kAskEvery;
  if (has_suspects_) return;  // no outage, and it has an end of its own
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(native_->get(), /*all_topics=*/0, /*only_rkt=*/nullptr, &metadata,
                        static_cast<int>(kAskWait.count())) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return;
  }
  rd_kafka_metadata_destroy(metadata);
  native_->set_last_error(absl::OkStatus());
}

// librdkafka has begun once more where it began to read the partition.
void ConsumerOverRdkafka::came_again(Partition* partition, std::int64_t offset) {
  if (std::exchange(partition->has_come_again, true)) return;
  native_->log(
      fmt::format("{} [{}]: offset {} came again behind offset {}, and what follows it is "
                  "passed over up to there",
                  partition->id.topic, partition->id.partition, offset, partition->position - 1),
      true);
}

// Asks the partitions' leaders for the ends of their logs and does not wait for the answers: to
// send that, their threads wake, and look whether there is room for more.
void ConsumerOverRdkafka::wake_fetching() {
  std::vector<std::pair<TopicPartition, std::int64_t>> ends;
  for (const auto& [id, partition] : partitions_) ends.emplace_back(id, kEnd);
  if (ends.empty()) return;
  // It says that it had no time to wait, or that the leader is not known: then nothing is fetched.
  static_cast<void>(
      rd_kafka_offsets_for_times(native_->get(), partition_list(ends).get(), /*timeout_ms=*/0));
}

ConsumerOverRdkafka::Partition* ConsumerOverRdkafka::partition_of(
    const rd_kafka_message_t& message) {
  if (message.rkt == found_topic_ && message.partition == found_number_) return found_;
  if (message.rkt == nullptr) return nullptr;
  const auto found = partitions_.find({rd_kafka_topic_name(message.rkt), message.partition});
  if (found == partitions_.end()) return nullptr;
  found_topic_ = message.rkt;
  found_number_ = message.partition;
  found_ = &found->second;
  return found_;
}

void ConsumerOverRdkafka::fill(const rd_kafka_message_t& from, const Partition& partition) {
  message_.topic = partition.id.topic;
  message_.partition = from.partition;
  message_.offset = from.offset;
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t timestamp_ms = rd_kafka_message_timestamp(&from, &type);
  message_.timestamp_ms.reset();
  // Old producers write −1 for none. What is no time of the calendar, others compute with.
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && timestamp_ms >= 0 &&
      timestamp_ms <= kMaxTime / 1'000) {
    message_.timestamp_ms = timestamp_ms;
  }
  message_.has_key = from.key != nullptr;
  message_.key = {static_cast<const char*>(from.key), from.key == nullptr ? 0 : from.key_len};
  message_.payload = {static_cast<const char*>(from.payload),
                      from.payload == nullptr ? 0 : from.len};
  if (!options_.headers) return;
  message_.headers.clear();
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&from, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    const auto* bytes = static_cast<const char*>(value);
    message_.headers.push_back({name, bytes == nullptr ? "" : std::string(bytes, size)});
  }
}

absl::Status ConsumerOverRdkafka::serve_error(const rd_kafka_message_t& message) {
  Partition* partition = partition_of(message);
  if (partition != nullptr && partition->suspicion == Suspicion::kDamaged) return absl::OkStatus();
  const std::string topic = message.rkt == nullptr ? "" : rd_kafka_topic_name(message.rkt);
  const char* text = rd_kafka_message_errstr(&message);
  const std::string reason = text == nullptr ? rd_kafka_err2str(message.err) : text;
  const std::string place = fmt::format("{} [{}]", topic, message.partition);
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__FATAL:
      return native_->fatal_error();
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      if (partition == nullptr) return absl::OkStatus();
      partition->end_reached = true;
      // Past what read_committed or compaction leaves out before the end.
      partition->position = std::max(partition->position, message.offset);
      return absl::OkStatus();
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      return missing_topic(topic);
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return not_found("{}: the topic has no such partition", place);
    default:
      break;
  }
  if (is_outside_of_log(message.err)) {
    const bool is_ours = partition == nullptr || partition->position < 0 || message.offset < 0 ||
                         message.offset == partition->position;
    if (is_ours) return left_log(partition, place, message.offset, reason);
    suspect(partition, Suspicion::kDamaged);  // librdkafka took that offset out of a damaged batch
    return absl::OkStatus();
  }
  if (is_unreadable(message.err) && partition != nullptr) {
    native_->set_last_error(unavailable("{} at offset {}: {}", place, message.offset, reason));
    suspect(partition, Suspicion::kDamaged);
    return absl::OkStatus();
  }
  const absl::Status status = status_of(
      message.err, topic.empty() ? fmt::format("Kafka at {}", native_->brokers()) : place, reason);
  if (!absl::IsUnavailable(status)) return status;
  native_->set_last_error(status);
  return absl::OkStatus();
}

absl::Status ConsumerOverRdkafka::left_log(const Partition* partition, std::string_view place,
                                           std::int64_t offset, std::string_view reason) {
  if (partition != nullptr && partition->position >= 0) offset = partition->position;
  const absl::Status status = failed_precondition(
      "{}: can't read from offset {}: {}; its records were deleted or never written: start from "
      "another offset",
      place, offset, reason);
  if (partition == nullptr || options_.left_log == nullptr) return status;
  options_.left_log(partition->id, message_of(status));
  return absl::OkStatus();
}

}  // namespace surgewatch::kafka
