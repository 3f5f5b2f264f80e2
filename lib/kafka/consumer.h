// The consumer over librdkafka: consumer.cc reads and passes over what can't be read,
// consumer_group.cc takes and gives back partitions and commits. For these two only.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kafka/client.h"
#include "kafka/corrupt_batch.h"
#include "kafka/fetch_wake.h"
#include "kafka/message_batch.h"
#include "kafka/native.h"

namespace surgewatch::kafka {

inline constexpr std::int64_t kUnknownOffset = RD_KAFKA_OFFSET_INVALID;

class ConsumerOverRdkafka final : public Consumer {
 public:
  explicit ConsumerOverRdkafka(const Options& options)
      : headers_(options.headers),
        has_group_(!options.group_id.empty()),
        skipped_(options.skipped),
        left_log_(options.left_log) {}
  ~ConsumerOverRdkafka() override;

  absl::Status open(const Options& options);

  absl::Status subscribe(const std::vector<std::string>& topics, Rebalance rebalance) override;
  absl::Status assign(const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) override;
  absl::Status begin(const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) override;
  absl::Status leave(const std::vector<TopicPartition>& partitions) override;
  absl::Status suspend() override;
  absl::Status resume() override;
  absl::StatusOr<std::size_t> poll(std::chrono::milliseconds wait, std::size_t limit,
                                   const std::function<void(const Message&)>& visit) override;
  absl::Status last_error() const override { return native_->last_error(); }
  bool at_end() const override;
  std::map<TopicPartition, std::int64_t> lag() const override;
  std::uint64_t skipped_records() const override { return skipped_records_; }
  bool assignment_lost() const override { return rd_kafka_assignment_lost(native_->get()) != 0; }
  absl::Status commit(const std::vector<GroupOffset>& next) override;
  absl::Status start_commit(const std::vector<GroupOffset>& next) override;
  bool is_committing() const override { return commit_.answers != nullptr; }
  std::optional<absl::Status> commit_answer() override;
  absl::StatusOr<std::vector<std::optional<GroupOffset>>> committed(
      const std::vector<TopicPartition>& partitions, std::chrono::milliseconds wait) override;
  absl::StatusOr<std::vector<LogEnds>> log_ends(const std::vector<TopicPartition>& partitions,
                                                std::chrono::milliseconds wait) override;
  void* native() override { return native_->get(); }

 private:
  struct Partition {
    TopicPartition id;
    std::int64_t start = kBeginning;         // as asked for
    std::int64_t position = kUnknownOffset;  // the next offset to visit
    bool end_reached = false;
    CorruptBatch corrupt;
    std::uint64_t abandoned_in = 0;  // the poll in which the rest of what was fetched became stale
  };
  // A commit that was sent.
  struct Commit {
    Queue answers;  // null: none is under way
    std::chrono::steady_clock::time_point deadline;
  };

  static void on_rebalance(void* owner, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t* partitions);
  static void on_topic_error(void* owner, rd_kafka_resp_err_t code, std::string_view reason);
  void serve_rebalances();
  absl::Status start(const std::vector<std::pair<TopicPartition, std::int64_t>>& starts);
  absl::Status add(const std::vector<std::pair<TopicPartition, std::int64_t>>& starts);
  absl::Status take();
  absl::Status assign_and_wait(const rd_kafka_topic_partition_list_t* list, std::string_view what);
  void stop();
  absl::StatusOr<Queue> send_commit(const std::vector<GroupOffset>& next);
  absl::Status no_commit_answer() const;

  void wake_fetching();
  void ask_whether_brokers_answer();
  Partition* partition_of(const rd_kafka_message_t& message);
  bool readable(Partition& partition);
  void fill(const rd_kafka_message_t& from, const Partition& partition);
  absl::Status serve_error(const rd_kafka_message_t& message);
  absl::Status left_log(const Partition* partition, std::string_view place, std::int64_t offset,
                        std::string_view reason);
  void serve_corruption(const rd_kafka_message_t& message, Partition& partition);
  void seek(Partition& partition, std::int64_t offset);
  void report_skipped(Partition& partition, std::string_view why);

  const bool headers_;
  const bool has_group_;
  const std::function<void(const TopicPartition&, std::int64_t, std::int64_t, std::string_view)>
      skipped_;
  const std::function<void(const TopicPartition&, std::string_view)> left_log_;
  std::unique_ptr<Native> native_;
  Queue queue_;
  Commit commit_;
  bool subscribed_ = false;
  Rebalance rebalance_;
  std::vector<std::pair<rd_kafka_resp_err_t, std::vector<TopicPartition>>> pending_rebalances_;

  std::map<TopicPartition, Partition> partitions_;  // that are read
  bool is_suspended_ = false;
  // The last one that was looked up: messages come in runs of one partition.
  const rd_kafka_topic_t* found_topic_ = nullptr;
  std::int32_t found_number_ = -1;
  Partition* found_ = nullptr;

  MessageBatch batch_;
  bool wakes_fetching_ = false;
  FetchWake fetch_wake_;
  Message message_;
  std::uint64_t polls_ = 0;
  std::uint64_t skipped_records_ = 0;
  std::string corruption_;  // the last one's reason
  absl::Status topic_error_;
  std::chrono::steady_clock::time_point ask_next_;
};

}  // namespace surgewatch::kafka
