#include <algorithm>
#include <cstddef>
#include <ranges>
#include <string>

#include "base/check.h"
#include "base/status.h"
#include "kafka/client.h"
#include "kafka/corrupt_batch.h"
#include "kafka/message_batch.h"
#include "kafka/native.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;

static_assert(kBeginning == RD_KAFKA_OFFSET_BEGINNING && kEnd == RD_KAFKA_OFFSET_END);

constexpr std::size_t kLargestBatch = 10'000;
constexpr milliseconds kCommitWait{10'000};
constexpr milliseconds kCloseWait{1'500};
constexpr int kAnswerWaitMs = 10'000;
constexpr std::int64_t kUnknown = RD_KAFKA_OFFSET_INVALID;

Settings consumer_settings(const Consumer::Options& options) {
  return {
      {"group.id", options.group_id.empty() ? "surgewatch-unused" : options.group_id},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      // Starts are always explicit. What lies outside the log is an error, not a silent jump.
      {"auto.offset.reset", "error"},
      {"isolation.level", options.read_committed ? "read_committed" : "read_uncommitted"},
      {"check.crcs", "true"},
      {"allow.auto.create.topics", "false"},
      {"enable.partition.eof", "true"},
      // Eager, and equal numbers of two topics go together. (librdkafka before 2.6.1 has defects in
      // cooperative-sticky besides.)
      {"partition.assignment.strategy", "range"},
      {"session.timeout.ms", "10000"},
      {"heartbeat.interval.ms", "3000"},
      {"max.poll.interval.ms", "300000"},
      // A fetch is answered as soon as there is anything; otherwise it waits at the broker, and the
      // end of a log is known only then.
      {"fetch.min.bytes", "1"},
      {"fetch.wait.max.ms", "100"},
      {"fetch.error.backoff.ms", "100"},
      {"max.partition.fetch.bytes", "1048576"},
      {"fetch.max.bytes", "52428800"},
      {"queued.min.messages", "100000"},
      {"queued.max.messages.kbytes", "65536"},
  };
}

struct Partition {
  TopicPartition id;
  std::int64_t position = kUnknown;  // the next offset to visit
  bool end_reached = false;
  CorruptBatch corrupt;
  std::uint64_t abandoned_in = 0;  // the poll in which the rest of what was fetched became stale
};

std::vector<TopicPartition> partitions_of(const rd_kafka_topic_partition_list_t& list) {
  std::vector<TopicPartition> partitions;
  for (int i = 0; i < list.cnt; ++i) {
    partitions.push_back({list.elems[i].topic, list.elems[i].partition});
  }
  std::ranges::sort(partitions);
  return partitions;
}

bool is_corruption(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__BAD_MSG || code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
         code == RD_KAFKA_RESP_ERR_INVALID_MSG;
}

class ConsumerOverRdkafka final : public Consumer {
 public:
  explicit ConsumerOverRdkafka(const Options& options)
      : headers_(options.headers),
        has_group_(!options.group_id.empty()),
        skipped_(options.skipped) {}
  ~ConsumerOverRdkafka() override;

  absl::Status open(const Options& options);

  absl::Status subscribe(const std::vector<std::string>& topics, Rebalance rebalance) override;
  absl::Status assign(const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) override;
  absl::StatusOr<std::size_t> poll(milliseconds wait, std::size_t limit,
                                   const std::function<void(const Message&)>& visit) override;
  absl::Status last_error() const override { return native_->last_error(); }
  bool at_end() const override;
  std::map<TopicPartition, std::int64_t> lag() const override;
  std::uint64_t skipped_records() const override { return skipped_records_; }
  bool assignment_lost() const override { return rd_kafka_assignment_lost(native_->get()) != 0; }
  absl::Status commit(const std::vector<std::pair<TopicPartition, std::int64_t>>& next) override;
  absl::StatusOr<std::vector<std::optional<std::int64_t>>> committed(
      const std::vector<TopicPartition>& partitions) override;
  void* native() override { return native_->get(); }

 private:
  static void on_rebalance(void* owner, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t* partitions);
  static void on_topic_error(void* owner, rd_kafka_resp_err_t code, std::string_view reason);
  void serve_rebalances();
  absl::Status start(const std::vector<std::pair<TopicPartition, std::int64_t>>& starts);
  void stop();

  Partition* partition_of(const rd_kafka_message_t& message);
  bool readable(Partition& partition);
  void fill(const rd_kafka_message_t& from, const Partition& partition);
  absl::Status serve_error(const rd_kafka_message_t& message);
  void serve_corruption(const rd_kafka_message_t& message, Partition& partition);
  void seek(Partition& partition, std::int64_t offset);
  void report_skipped(Partition& partition, std::string_view why);

  const bool headers_;
  const bool has_group_;
  const std::function<void(const TopicPartition&, std::int64_t, std::int64_t, std::string_view)>
      skipped_;
  std::unique_ptr<Native> native_;
  Queue queue_;
  bool subscribed_ = false;
  Rebalance rebalance_;
  std::vector<std::pair<rd_kafka_resp_err_t, std::vector<TopicPartition>>> pending_rebalances_;

  std::map<TopicPartition, Partition> partitions_;  // as assigned
  // The last one that was looked up: messages come in runs of one partition.
  const rd_kafka_topic_t* found_topic_ = nullptr;
  std::int32_t found_number_ = -1;
  Partition* found_ = nullptr;

  MessageBatch batch_;
  Message message_;
  std::uint64_t polls_ = 0;
  std::uint64_t skipped_records_ = 0;
  std::string corruption_;  // the last one's reason
  absl::Status topic_error_;
};

absl::Status ConsumerOverRdkafka::open(const Options& options) {
  SW_ASSIGN_OR_RETURN(
      native_,
      Native::create(RD_KAFKA_CONSUMER, options.client, consumer_settings(options),
                     {.owner = this, .rebalance = &on_rebalance, .topic_error = &on_topic_error}));
  // Errors and logs come through the queue that poll() serves.
  rd_kafka_poll_set_consumer(native_->get());
  queue_.reset(rd_kafka_queue_get_consumer(native_->get()));
  SW_CHECK(queue_ != nullptr);
  return absl::OkStatus();
}

ConsumerOverRdkafka::~ConsumerOverRdkafka() {
  if (native_ == nullptr) return;
  batch_.clear();
  stop();
  // Leaves the group, so that others get our partitions at once and not after the session's time.
  // Bounded: when no broker answers, the session's time it is.
  Queue closing(rd_kafka_queue_new(native_->get()));
  const Error refused(rd_kafka_consumer_close_queue(native_->get(), closing.get()));
  const auto deadline = std::chrono::steady_clock::now() + kCloseWait;
  while (refused == nullptr && rd_kafka_consumer_closed(native_->get()) == 0 &&
         std::chrono::steady_clock::now() < deadline) {
    const Event event(rd_kafka_queue_poll(closing.get(), 10));
    if (event != nullptr && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      rd_kafka_assign(native_->get(), nullptr);
    }
  }
  queue_.reset();
}

absl::Status ConsumerOverRdkafka::subscribe(const std::vector<std::string>& topics,
                                            Rebalance rebalance) {
  SW_CHECK(rebalance.assigned != nullptr);
  if (!has_group_) return invalid_argument("a subscription needs a consumer group");
  rebalance_ = std::move(rebalance);
  const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  subscribed_ = true;
  return status_of(rd_kafka_subscribe(native_->get(), list.get()), "subscribing", "");
}

absl::Status ConsumerOverRdkafka::assign(
    const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) {
  if (subscribed_) {
    return failed_precondition(
        "a consumer that subscribed is assigned its partitions by the group");
  }
  return start(starts);
}

absl::Status ConsumerOverRdkafka::start(
    const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) {
  for (const auto& [id, offset] : starts) {
    if (offset < 0 && offset != kBeginning && offset != kEnd) {
      return invalid_argument("{} [{}]: {} is no offset to start at", id.topic, id.partition,
                              offset);
    }
  }
  stop();
  for (const auto& [id, offset] : starts) {
    partitions_[id] = {.id = id,
                       .position = offset < 0 ? kUnknown : offset,
                       .end_reached = false,
                       .corrupt = {},
                       .abandoned_in = 0};
  }
  return status_of(rd_kafka_assign(native_->get(), partition_list(starts).get()),
                   "taking partitions", "");
}

void ConsumerOverRdkafka::stop() {
  partitions_.clear();
  found_ = nullptr;
  found_topic_ = nullptr;
}

// Rebalances wait until what had been fetched before them is visited (see poll), so that revoked()
// sees every position where it is. The group waits for us meanwhile.
void ConsumerOverRdkafka::on_rebalance(void* owner, rd_kafka_resp_err_t code,
                                       rd_kafka_topic_partition_list_t* partitions) {
  auto* self = static_cast<ConsumerOverRdkafka*>(owner);
  self->pending_rebalances_.emplace_back(code, partitions_of(*partitions));
  rd_kafka_queue_yield(self->queue_.get());  // don't sit out the rest of the wait
}

// How librdkafka tells of a missing topic to one who reads it by hand; a subscriber gets a message.
void ConsumerOverRdkafka::on_topic_error(void* owner, rd_kafka_resp_err_t code,
                                         std::string_view reason) {
  auto* self = static_cast<ConsumerOverRdkafka*>(owner);
  self->topic_error_ = code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION
                           ? not_found("{}", reason)
                           : missing_topic(reason.substr(0, reason.find(' ')));
}

void ConsumerOverRdkafka::serve_rebalances() {
  for (const auto& [code, partitions] : std::exchange(pending_rebalances_, {})) {
    absl::Status status;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      const std::vector<std::int64_t> starts = rebalance_.assigned(partitions);
      SW_CHECK(starts.size() == partitions.size());
      std::vector<std::pair<TopicPartition, std::int64_t>> pairs;
      for (std::size_t i = 0; i < starts.size(); ++i) pairs.emplace_back(partitions[i], starts[i]);
      status = start(pairs);
    } else {
      if (rebalance_.revoked) rebalance_.revoked(partitions);
      stop();
      status = status_of(rd_kafka_assign(native_->get(), nullptr), "giving partitions back", "");
    }
    if (!status.ok()) {
      native_->log(message_of(status), true);
      native_->set_last_error(status);
    }
  }
}

// librdkafka's batch call, since fetching one message at a time costs half as much again for each
// event. Before 2.1.0 it could pass over records after a pause and resume, because it moved its own
// position past messages that it then discarded. We never pause; librdkafka does around a
// rebalance, but an eager one ends with the partitions taken away and assigned anew from offsets of
// ours; and a seek starts from an offset of ours too. Positions are counted here, from what was
// visited.
//
// It fills its array or waits its time out, so: take what is there; if nothing is, wait for one and
// take what came with it.
absl::StatusOr<std::size_t> ConsumerOverRdkafka::poll(
    milliseconds wait, std::size_t limit, const std::function<void(const Message&)>& visit) {
  SW_RETURN_IF_ERROR(native_->fatal_error());
  ++polls_;
  limit = std::clamp<std::size_t>(limit, 1, kLargestBatch);
  batch_.clear();
  batch_.reserve(limit);
  batch_.take(queue_.get(), milliseconds(0), limit);
  if (batch_.size() == 0 && wait.count() > 0 && pending_rebalances_.empty()) {
    batch_.take(queue_.get(), wait, 1);
    if (batch_.size() == 1 && limit > 1) batch_.take(queue_.get(), milliseconds(0), limit);
  }
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
    if (partition == nullptr || partition->abandoned_in == polls_) continue;
    if (!partition->corrupt.quiet() && !readable(*partition)) continue;
    fill(from, *partition);
    visit(message_);
    partition->position = from.offset + 1;
    ++visited;
  }
  if (answered || visited > 0) native_->set_last_error(absl::OkStatus());
  serve_rebalances();
  if (!failure.ok()) {
    native_->set_last_error(failure);
    return failure;
  }
  return visited;
}

Partition* ConsumerOverRdkafka::partition_of(const rd_kafka_message_t& message) {
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
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) message_.timestamp_ms = timestamp_ms;
  message_.has_key = from.key != nullptr;
  message_.key = {static_cast<const char*>(from.key), from.key == nullptr ? 0 : from.key_len};
  message_.payload = {static_cast<const char*>(from.payload),
                      from.payload == nullptr ? 0 : from.len};
  if (!headers_) return;
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
  if (partition != nullptr && partition->abandoned_in == polls_) return absl::OkStatus();
  const std::string topic = message.rkt == nullptr ? "" : rd_kafka_topic_name(message.rkt);
  const char* text = rd_kafka_message_errstr(&message);
  const std::string reason = text == nullptr ? rd_kafka_err2str(message.err) : text;
  const std::string place = fmt::format("{} [{}]", topic, message.partition);
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      if (partition == nullptr || !readable(*partition)) return absl::OkStatus();
      partition->end_reached = true;
      // Past what read_committed or compaction leaves out before the end.
      partition->position = std::max(partition->position, message.offset);
      return absl::OkStatus();
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return failed_precondition(
          "{}: can't read from offset {}: {}; its records were deleted or never written: start "
          "from "
          "another offset",
          place,
          partition != nullptr && partition->position >= 0 ? partition->position : message.offset,
          reason);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      return missing_topic(topic);
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return not_found("{}: the topic has no such partition", place);
    default:
      break;
  }
  if (is_corruption(message.err) && partition != nullptr) {
    corruption_ = reason;
    serve_corruption(message, *partition);
    return absl::OkStatus();
  }
  const absl::Status status = status_of(
      message.err, topic.empty() ? fmt::format("Kafka at {}", native_->brokers()) : place, reason);
  if (!absl::IsUnavailable(status)) return status;
  native_->set_last_error(status);
  return absl::OkStatus();
}

// Whether what came may be used, after an error at this partition.
bool ConsumerOverRdkafka::readable(Partition& partition) {
  if (partition.corrupt.quiet()) return true;
  const std::optional<std::int64_t> to = partition.corrupt.succeeded();
  report_skipped(partition, corruption_);
  if (!to.has_value()) return true;
  seek(partition, *to);
  return false;
}

void ConsumerOverRdkafka::serve_corruption(const rd_kafka_message_t& message,
                                           Partition& partition) {
  std::int64_t first = 0;
  std::int64_t end = 0;
  rd_kafka_get_watermark_offsets(native_->get(), partition.id.topic.c_str(), partition.id.partition,
                                 &first, &end);
  native_->set_last_error(unavailable("{} [{}] at offset {}: {}", partition.id.topic,
                                      partition.id.partition, message.offset, corruption_));
  const std::optional<std::int64_t> to =
      partition.corrupt.failed(message.offset, partition.position, end);
  report_skipped(partition, corruption_);
  if (to.has_value()) seek(partition, *to);
}

void ConsumerOverRdkafka::seek(Partition& partition, std::int64_t offset) {
  // At once: what was fetched before is stale, in librdkafka's queue (by the version that a seek
  // raises) as in our batch.
  partition.abandoned_in = polls_;
  const PartitionList list = partition_list({{partition.id, offset}});
  const Error error(rd_kafka_seek_partitions(native_->get(), list.get(), 0));
  if (error != nullptr) {
    native_->log(fmt::format("{} [{}]: seeking {}: {}", partition.id.topic, partition.id.partition,
                             offset, rd_kafka_error_string(error.get())),
                 true);
  }
}

void ConsumerOverRdkafka::report_skipped(Partition& partition, std::string_view why) {
  const auto skipped = partition.corrupt.take_skipped();
  if (!skipped.has_value()) return;
  const auto [first, next] = *skipped;
  skipped_records_ += static_cast<std::uint64_t>(next - first);
  partition.position = next;
  native_->log(fmt::format("{} [{}]: offsets {} to {} can't be read and are passed over: {}",
                           partition.id.topic, partition.id.partition, first, next - 1, why),
               true);
  if (skipped_) skipped_(partition.id, first, next, why);
}

bool ConsumerOverRdkafka::at_end() const {
  return !partitions_.empty() && std::ranges::all_of(partitions_, [](const auto& entry) {
    return entry.second.end_reached;
  });
}

std::map<TopicPartition, std::int64_t> ConsumerOverRdkafka::lag() const {
  std::map<TopicPartition, std::int64_t> lags;
  for (const auto& [id, partition] : partitions_) {
    std::int64_t first = kUnknown;
    std::int64_t next = kUnknown;
    if (rd_kafka_get_watermark_offsets(native_->get(), id.topic.c_str(), id.partition, &first,
                                       &next) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        next < 0 || partition.position < 0) {
      continue;
    }
    lags[id] = std::max<std::int64_t>(0, next - partition.position);
  }
  return lags;
}

absl::Status ConsumerOverRdkafka::commit(
    const std::vector<std::pair<TopicPartition, std::int64_t>>& next) {
  if (!has_group_) return invalid_argument("committing offsets needs a consumer group");
  if (next.empty()) return absl::OkStatus();
  // By a queue of its own, since librdkafka's synchronous call waits for a broker without limit.
  const Queue answers(rd_kafka_queue_new(native_->get()));
  const PartitionList list = partition_list(next);
  const rd_kafka_resp_err_t sent =
      rd_kafka_commit_queue(native_->get(), list.get(), answers.get(), nullptr, nullptr);
  if (sent != RD_KAFKA_RESP_ERR_NO_ERROR) return status_of(sent, "committing offsets", "");
  const Event answer(rd_kafka_queue_poll(answers.get(), static_cast<int>(kCommitWait.count())));
  if (answer == nullptr) {
    return unavailable("committing offsets: no answer from Kafka at {} within {} s",
                       native_->brokers(), kCommitWait.count() / 1000);
  }
  if (rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return status_of(rd_kafka_event_error(answer.get()), "committing offsets",
                     rd_kafka_event_error_string(answer.get()));
  }
  const rd_kafka_topic_partition_list_t* done = rd_kafka_event_topic_partition_list(answer.get());
  for (int i = 0; done != nullptr && i < done->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = done->elems[i];
    SW_RETURN_IF_ERROR(status_of(
        one.err,
        fmt::format("committing offset {} of {} [{}]", one.offset, one.topic, one.partition), ""));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::optional<std::int64_t>>> ConsumerOverRdkafka::committed(
    const std::vector<TopicPartition>& partitions) {
  if (!has_group_) return invalid_argument("committed offsets need a consumer group");
  std::vector<std::optional<std::int64_t>> offsets;
  if (partitions.empty()) return offsets;
  std::vector<std::pair<TopicPartition, std::int64_t>> wanted;
  for (const TopicPartition& partition : partitions) wanted.emplace_back(partition, kUnknown);
  const PartitionList list = partition_list(wanted);
  SW_RETURN_IF_ERROR(
      status_of(rd_kafka_committed(native_->get(), list.get(), kAnswerWaitMs),
                fmt::format("asking Kafka at {} for committed offsets", native_->brokers()), ""));
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    if (one.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return missing_topic(one.topic);
    SW_RETURN_IF_ERROR(status_of(
        one.err, fmt::format("committed offset of {} [{}]", one.topic, one.partition), ""));
    offsets.push_back(one.offset < 0 ? std::nullopt : std::optional<std::int64_t>(one.offset));
  }
  return offsets;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> Consumer::create(const Options& options) {
  auto consumer = std::make_unique<ConsumerOverRdkafka>(options);
  SW_RETURN_IF_ERROR(consumer->open(options));
  return absl::StatusOr<std::unique_ptr<Consumer>>(std::move(consumer));
}

}  // namespace surgewatch::kafka
