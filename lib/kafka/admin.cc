#include <array>

#include "base/status.h"
#include "kafka/client.h"
#include "kafka/log_ends.h"
#include "kafka/native.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCreateWait{15'000};

class AdminOverRdkafka final : public Admin {
 public:
  absl::Status open(const ClientOptions& options) {
    // A consumer without a group: unlike a producer it never asks a broker to create what it looks
    // up.
    SW_ASSIGN_OR_RETURN(native_, Native::create(RD_KAFKA_CONSUMER, options,
                                                {{"allow.auto.create.topics", "false"},
                                                 {"isolation.level", "read_uncommitted"}},
                                                {}));
    return absl::OkStatus();
  }

  absl::Status create_topics(const std::vector<TopicSpec>& topics, int replication) override;
  absl::StatusOr<std::vector<std::optional<std::int32_t>>> partitions(
      const std::vector<std::string>& topics, milliseconds wait) override;
  absl::StatusOr<std::vector<LogEnds>> log_ends(const std::vector<TopicPartition>& partitions,
                                                milliseconds wait) override {
    return kafka::log_ends(*native_, partitions, wait);
  }
  absl::StatusOr<std::pair<std::int64_t, std::int64_t>> watermarks(const TopicPartition& partition,
                                                                   milliseconds wait) override;

 private:
  // Why no broker answered, as far as that is known.
  absl::Status no_answer(rd_kafka_resp_err_t code, std::string_view what);

  std::unique_ptr<Native> native_;
};

using Topic = std::unique_ptr<rd_kafka_topic_t, Free<rd_kafka_topic_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Free<rd_kafka_NewTopic_destroy>>;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, Free<rd_kafka_AdminOptions_destroy>>;

absl::StatusOr<NewTopic> new_topic(const TopicSpec& spec, int replication) {
  std::array<char, 512> reason{};
  NewTopic topic(rd_kafka_NewTopic_new(spec.name.c_str(), spec.partitions, replication,
                                       reason.data(), reason.size()));
  if (topic == nullptr) return invalid_argument("topic \"{}\": {}", spec.name, reason.data());
  for (const auto& [name, value] : spec.settings) {
    SW_RETURN_IF_ERROR(
        status_of(rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str()),
                  fmt::format("topic \"{}\", setting {}", spec.name, name), ""));
  }
  return topic;
}

absl::Status AdminOverRdkafka::no_answer(rd_kafka_resp_err_t code, std::string_view what) {
  rd_kafka_poll(native_->get(), 0);  // fetches the reason
  const absl::Status why = native_->last_error();
  const std::string reason = why.ok() ? rd_kafka_err2str(code) : message_of(why);
  return status_of(code, fmt::format("{} at {}", what, native_->brokers()), reason);
}

absl::Status AdminOverRdkafka::create_topics(const std::vector<TopicSpec>& topics,
                                             int replication) {
  std::vector<NewTopic> owned;
  std::vector<rd_kafka_NewTopic_t*> raw;
  for (const TopicSpec& spec : topics) {
    SW_ASSIGN_OR_RETURN(NewTopic topic, new_topic(spec, replication));
    raw.push_back(topic.get());
    owned.push_back(std::move(topic));
  }
  if (raw.empty()) return absl::OkStatus();
  std::array<char, 512> reason{};
  const AdminOptions options(
      rd_kafka_AdminOptions_new(native_->get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
  // Answered once the topics are there, so that what comes next can use them.
  for (const auto set :
       {rd_kafka_AdminOptions_set_request_timeout, rd_kafka_AdminOptions_set_operation_timeout}) {
    SW_RETURN_IF_ERROR(status_of(set(options.get(), 10'000, reason.data(), reason.size()),
                                 "creating topics", reason.data()));
  }
  const Queue answers(rd_kafka_queue_new(native_->get()));
  rd_kafka_CreateTopics(native_->get(), raw.data(), raw.size(), options.get(), answers.get());
  const Event answer(rd_kafka_queue_poll(answers.get(), static_cast<int>(kCreateWait.count())));
  if (answer == nullptr) return no_answer(RD_KAFKA_RESP_ERR__TIMED_OUT, "creating topics");
  if (const rd_kafka_resp_err_t code = rd_kafka_event_error(answer.get());
      code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return no_answer(code, "creating topics");
  }
  std::size_t count = 0;
  const rd_kafka_topic_result_t* const* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer.get()), &count);
  absl::Status first_failure;
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS || !first_failure.ok()) continue;
    const char* text = rd_kafka_topic_result_error_string(results[i]);
    first_failure = status_of(
        code, fmt::format("creating topic \"{}\"", rd_kafka_topic_result_name(results[i])),
        text == nullptr ? "" : text);
  }
  return first_failure;
}

absl::StatusOr<std::vector<std::optional<std::int32_t>>> AdminOverRdkafka::partitions(
    const std::vector<std::string>& topics, milliseconds wait) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  std::vector<std::optional<std::int32_t>> counts;
  for (const std::string& name : topics) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    const Topic topic(rd_kafka_topic_new(native_->get(), name.c_str(), nullptr));
    if (topic == nullptr) return invalid_argument("\"{}\" is no name for a topic", name);
    const rd_kafka_metadata_t* raw = nullptr;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(native_->get(), 0, topic.get(), &raw,
                          static_cast<int>(std::max<milliseconds::rep>(left.count(), 1)));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return no_answer(code, "asking for topics");
    const std::unique_ptr<const rd_kafka_metadata_t, Free<rd_kafka_metadata_destroy>> metadata(raw);
    std::optional<std::int32_t> count;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      const rd_kafka_metadata_topic_t& found = metadata->topics[i];
      if (name != found.topic) continue;
      if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        count = found.partition_cnt;
      } else if (found.err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        return status_of(found.err, fmt::format("topic \"{}\"", name), "");
      }
    }
    counts.push_back(count);
  }
  return counts;
}

absl::StatusOr<std::pair<std::int64_t, std::int64_t>> AdminOverRdkafka::watermarks(
    const TopicPartition& partition, milliseconds wait) {
  const auto ends = kafka::log_ends(*native_, {partition}, wait);
  if (absl::IsUnavailable(ends.status())) {
    return no_answer(
        RD_KAFKA_RESP_ERR__TIMED_OUT,
        fmt::format("asking for the ends of {} [{}]", partition.topic, partition.partition));
  }
  SW_RETURN_IF_ERROR(ends.status());
  return std::pair((*ends)[0].first, (*ends)[0].next);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Admin>> Admin::create(const ClientOptions& options) {
  auto admin = std::make_unique<AdminOverRdkafka>();
  SW_RETURN_IF_ERROR(admin->open(options));
  return absl::StatusOr<std::unique_ptr<Admin>>(std::move(admin));
}

}  // namespace surgewatch::kafka
