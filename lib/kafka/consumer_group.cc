#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <ranges>
#include <string>

#include "base/check.h"
#include "base/status.h"
#include "kafka/consumer.h"
#include "kafka/log_ends.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;

static_assert(kBeginning == RD_KAFKA_OFFSET_BEGINNING && kEnd == RD_KAFKA_OFFSET_END);

constexpr milliseconds kCommitWait{10'000};
constexpr milliseconds kCloseWait{1'500};
// How long a group waits for a member in a rebalance, too.
constexpr const char* kMaxPollInterval = "max.poll.interval.ms";
constexpr milliseconds kMaxPollIntervalByDefault{300'000};

// The version from which on a full queue is looked at again in time: 2.2.
constexpr int kLooksByItself = 0x02020000;

}  // namespace

Settings consumer_settings(const Consumer::Options& options) {
  Settings settings{
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
      {"heartbeat.interval.ms", "1000"},
      {kMaxPollInterval, std::to_string(kMaxPollIntervalByDefault.count())},
      // A fetch is answered as soon as there is anything; otherwise it waits at the broker, and the
      // end of a log is known only then.
      {"fetch.min.bytes", "1"},
      {"fetch.wait.max.ms", "100"},
      {"fetch.error.backoff.ms", "100"},
      {"max.partition.fetch.bytes", "1048576"},
      {"fetch.max.bytes", "52428800"},
      {"queued.min.messages", std::to_string(kQueuedMessages)},
      {"queued.max.messages.kbytes", std::to_string(kQueuedKilobytes)},
  };
  if (!options.instance_id.empty()) {
    settings.emplace_back("group.instance.id", options.instance_id);
  }
  if (rd_kafka_version() >= kLooksByItself) settings.emplace_back("fetch.queue.backoff.ms", "2");
  return settings;
}

namespace {

std::vector<TopicPartition> partitions_of(const rd_kafka_topic_partition_list_t& list) {
  std::vector<TopicPartition> partitions;
  for (int i = 0; i < list.cnt; ++i) {
    partitions.push_back({list.elems[i].topic, list.elems[i].partition});
  }
  std::ranges::sort(partitions);
  return partitions;
}

// Nothing is put off here: the group does not ask.
absl::Status expect_offsets(const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) {
  for (const auto& [id, offset] : starts) {
    if (offset == kNotYet) {
      return invalid_argument("{} [{}]: it is to be read now; give an offset to start at", id.topic,
                              id.partition);
    }
  }
  return absl::OkStatus();
}

absl::Status status_of_commit(rd_kafka_event_t& answer) {
  if (rd_kafka_event_error(&answer) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return status_of(rd_kafka_event_error(&answer), "committing offsets",
                     rd_kafka_event_error_string(&answer));
  }
  const rd_kafka_topic_partition_list_t* done = rd_kafka_event_topic_partition_list(&answer);
  for (int i = 0; done != nullptr && i < done->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = done->elems[i];
    SW_RETURN_IF_ERROR(status_of(
        one.err,
        fmt::format("committing offset {} of {} [{}]", one.offset, one.topic, one.partition), ""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ConsumerOverRdkafka::open() {
  SW_ASSIGN_OR_RETURN(
      native_,
      Native::create(RD_KAFKA_CONSUMER, options_.client, consumer_settings(options_),
                     {.owner = this, .rebalance = &on_rebalance, .topic_error = &on_topic_error}));
  // Errors and logs come through the queue that poll() serves.
  rd_kafka_poll_set_consumer(native_->get());
  queue_.reset(rd_kafka_queue_get_consumer(native_->get()));
  SW_CHECK(queue_ != nullptr);
  wakes_fetching_ = rd_kafka_version() < kLooksByItself;
  return absl::OkStatus();
}

ConsumerOverRdkafka::~ConsumerOverRdkafka() {
  if (native_ == nullptr) return;
  batch_.clear();
  commit_.answers.reset();
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
      rd_kafka_assign(native_->get(), nullptr);  // the last, and who is gone answers no question
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
  SW_RETURN_IF_ERROR(expect_offsets(starts));
  return start(starts);
}

absl::Status ConsumerOverRdkafka::start(
    const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) {
  stop();
  SW_RETURN_IF_ERROR(add(starts));
  return take();
}

absl::Status ConsumerOverRdkafka::add(
    const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) {
  for (const auto& [id, offset] : starts) {
    if (offset < 0 && offset != kBeginning && offset != kEnd && offset != kNotYet) {
      return invalid_argument("{} [{}]: {} is no offset to start at", id.topic, id.partition,
                              offset);
    }
  }
  for (const auto& [id, offset] : starts) {
    if (offset == kNotYet) continue;
    Partition partition;
    partition.id = id;
    partition.start = offset;
    if (offset >= 0) partition.position = offset;
    partitions_[id] = std::move(partition);
  }
  return absl::OkStatus();
}

// By a new assignment, from positions of ours, rather than by a pause, which has passed over
// records (see poll).
absl::Status ConsumerOverRdkafka::take() {
  std::vector<std::pair<TopicPartition, std::int64_t>> from;
  for (const auto& [id, partition] : partitions_) {
    if (is_suspended_) break;
    from.emplace_back(id, partition.position >= 0 ? partition.position : partition.start);
  }
  return assign_and_wait(*native_, partition_list(from).get(), "taking partitions");
}

// Whatever changes what is read goes through here. librdkafka answers before the partitions of the
// assignment before have stopped; where the next one comes meanwhile, it stops them once more and
// ends the process by an assertion (librdkafka issue 5573, in all versions up to 2.15). Its main
// thread does what is behind the answer in two steps, each put at the end of the queue from which
// it takes our questions: so when it has answered two of these, one after the other, all have
// stopped. They ask no broker.
absl::Status assign_and_wait(const Native& native, const rd_kafka_topic_partition_list_t* list,
                             std::string_view what) {
  SW_RETURN_IF_ERROR(status_of(rd_kafka_assign(native.get(), list), what, ""));
  for (int step = 0; step < 2; ++step) {
    rd_kafka_topic_partition_list_t* assigned = nullptr;
    SW_RETURN_IF_ERROR(status_of(rd_kafka_assignment(native.get(), &assigned), what, ""));
    const PartitionList owned(assigned);
  }
  return absl::OkStatus();
}

absl::Status ConsumerOverRdkafka::begin(
    const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) {
  SW_RETURN_IF_ERROR(expect_offsets(starts));
  SW_RETURN_IF_ERROR(add(starts));
  return starts.empty() ? absl::OkStatus() : take();
}

absl::Status ConsumerOverRdkafka::leave(const std::vector<TopicPartition>& partitions) {
  std::size_t left = 0;
  for (const TopicPartition& partition : partitions) left += partitions_.erase(partition);
  if (left == 0) return absl::OkStatus();
  found_ = nullptr;
  found_topic_ = nullptr;
  return take();
}

absl::Status ConsumerOverRdkafka::suspend() {
  is_suspended_ = true;
  return take();
}

absl::Status ConsumerOverRdkafka::resume() {
  is_suspended_ = false;
  return take();
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

std::string ConsumerOverRdkafka::member_id() const {
  const std::unique_ptr<char, decltype(&std::free)> id(rd_kafka_memberid(native_->get()),
                                                       &std::free);
  return id == nullptr ? "" : id.get();
}

// A member whom the group has given up gets another id. One with an instance id keeps it though the
// group may have gone on without him; but it waits for him so long.
bool ConsumerOverRdkafka::is_still_the_member_of(const Revocation& revocation) const {
  milliseconds waited = kMaxPollIntervalByDefault;
  if (const auto set = options_.client.properties.find(kMaxPollInterval);
      set != options_.client.properties.end()) {
    waited = milliseconds(std::atoi(set->second.c_str()));
  }
  return member_id() == revocation.member_id &&
         std::chrono::steady_clock::now() - revocation.heard_before < waited / 2;
}

void ConsumerOverRdkafka::serve_rebalances() {
  const auto heard_before = std::exchange(polled_at_, std::chrono::steady_clock::now());
  for (const auto& [code, partitions] : std::exchange(pending_rebalances_, {})) {
    absl::Status status;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      const auto revocation = std::exchange(revocation_, std::nullopt);
      has_kept_its_place_ = revocation.has_value() && is_still_the_member_of(*revocation);
      const std::vector<std::int64_t> starts = rebalance_.assigned(partitions);
      SW_CHECK(starts.size() == partitions.size());
      std::vector<std::pair<TopicPartition, std::int64_t>> pairs;
      for (std::size_t i = 0; i < starts.size(); ++i) pairs.emplace_back(partitions[i], starts[i]);
      status = start(pairs);
    } else {
      revocation_.reset();
      if (!assignment_lost()) revocation_ = {member_id(), heard_before};
      if (rebalance_.revoked) rebalance_.revoked(partitions);
      stop();
      status = assign_and_wait(*native_, nullptr, "giving partitions back");
    }
    if (!status.ok()) {
      native_->log(message_of(status), true);
      native_->set_last_error(status);
    }
  }
}

bool ConsumerOverRdkafka::at_end() const {
  return !partitions_.empty() && std::ranges::all_of(partitions_, [](const auto& entry) {
    return entry.second.end_reached;
  });
}

std::map<TopicPartition, std::int64_t> ConsumerOverRdkafka::lag() const {
  std::map<TopicPartition, std::int64_t> lags;
  for (const auto& [id, partition] : partitions_) {
    std::int64_t first = kUnknownOffset;
    std::int64_t next = kUnknownOffset;
    if (rd_kafka_get_watermark_offsets(native_->get(), id.topic.c_str(), id.partition, &first,
                                       &next) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        next < 0 || partition.position < 0) {
      continue;
    }
    lags[id] = std::max<std::int64_t>(0, next - partition.position);
  }
  return lags;
}

// By a queue of its own, since librdkafka's synchronous call waits for a broker without limit.
absl::StatusOr<Queue> ConsumerOverRdkafka::send_commit(const std::vector<GroupOffset>& next) {
  if (!has_group_) return invalid_argument("committing offsets needs a consumer group");
  Queue answers(rd_kafka_queue_new(native_->get()));
  const PartitionList list = offset_list(next);
  SW_RETURN_IF_ERROR(
      status_of(rd_kafka_commit_queue(native_->get(), list.get(), answers.get(), nullptr, nullptr),
                "committing offsets", ""));
  return answers;
}

absl::Status ConsumerOverRdkafka::no_commit_answer() const {
  return unavailable("committing offsets: no answer from Kafka at {} within {} s",
                     native_->brokers(), kCommitWait.count() / 1000);
}

absl::Status ConsumerOverRdkafka::commit(const std::vector<GroupOffset>& next) {
  if (next.empty()) return absl::OkStatus();
  SW_ASSIGN_OR_RETURN(const Queue answers, send_commit(next));
  const Event answer(rd_kafka_queue_poll(answers.get(), static_cast<int>(kCommitWait.count())));
  return answer == nullptr ? no_commit_answer() : status_of_commit(*answer);
}

absl::Status ConsumerOverRdkafka::start_commit(const std::vector<GroupOffset>& next) {
  if (is_committing()) return failed_precondition("another commit of offsets is under way");
  if (next.empty()) return absl::OkStatus();
  SW_ASSIGN_OR_RETURN(commit_.answers, send_commit(next));
  commit_.deadline = std::chrono::steady_clock::now() + kCommitWait;
  return absl::OkStatus();
}

std::optional<absl::Status> ConsumerOverRdkafka::commit_answer() {
  if (!is_committing()) return std::nullopt;
  std::optional<absl::Status> status;
  if (const Event answer(rd_kafka_queue_poll(commit_.answers.get(), 0)); answer != nullptr) {
    status = status_of_commit(*answer);
  } else if (std::chrono::steady_clock::now() >= commit_.deadline) {
    status = no_commit_answer();
  }
  if (status.has_value()) commit_.answers.reset();
  return status;
}

absl::StatusOr<std::vector<std::optional<GroupOffset>>> ConsumerOverRdkafka::committed(
    const std::vector<TopicPartition>& partitions, milliseconds wait) {
  if (!has_group_) return invalid_argument("committed offsets need a consumer group");
  std::vector<std::optional<GroupOffset>> offsets;
  if (partitions.empty()) return offsets;
  std::vector<std::pair<TopicPartition, std::int64_t>> wanted;
  for (const TopicPartition& partition : partitions) wanted.emplace_back(partition, kUnknownOffset);
  const PartitionList list = partition_list(wanted);
  SW_RETURN_IF_ERROR(
      status_of(rd_kafka_committed(native_->get(), list.get(), static_cast<int>(wait.count())),
                fmt::format("asking Kafka at {} for committed offsets", native_->brokers()), ""));
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    if (one.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return missing_topic(one.topic);
    SW_RETURN_IF_ERROR(status_of(
        one.err, fmt::format("committed offset of {} [{}]", one.topic, one.partition), ""));
    if (one.offset < 0) {
      offsets.emplace_back();
      continue;
    }
    const auto* metadata = static_cast<const char*>(one.metadata);
    offsets.push_back(GroupOffset{
        .partition = {one.topic, one.partition},
        .offset = one.offset,
        .metadata = metadata == nullptr ? "" : std::string(metadata, one.metadata_size)});
  }
  return offsets;
}

absl::StatusOr<std::vector<LogEnds>> ConsumerOverRdkafka::log_ends(
    const std::vector<TopicPartition>& partitions, milliseconds wait) {
  return kafka::log_ends(*native_, partitions, wait);
}

absl::StatusOr<std::unique_ptr<Consumer>> Consumer::create(const Options& options) {
  auto consumer = std::make_unique<ConsumerOverRdkafka>(options);
  SW_RETURN_IF_ERROR(consumer->open());
  return absl::StatusOr<std::unique_ptr<Consumer>>(std::move(consumer));
}

}  // namespace surgewatch::kafka
