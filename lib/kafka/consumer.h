// The consumer over librdkafka: consumer.cc reads, consumer_unreadable.cc passes over what can't be
// read, consumer_group.cc takes and gives back partitions and commits. For these only, and for
// ReadProbe, which reads in its own way with the same settings.
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
#include "kafka/fetch_wake.h"
#include "kafka/message_batch.h"
#include "kafka/native.h"
#include "kafka/unreadable_search.h"

namespace surgewatch::kafka {

inline constexpr std::int64_t kUnknownOffset = RD_KAFKA_OFFSET_INVALID;

Settings consumer_settings(const Consumer::Options& options);
// Whatever changes what is read goes through here (consumer_group.cc says why).
absl::Status assign_and_wait(const Native& native, const rd_kafka_topic_partition_list_t* list,
                             std::string_view what);

class ConsumerOverRdkafka final : public Consumer {
 public:
  explicit ConsumerOverRdkafka(const Options& options)
      : options_(options), has_group_(!options.group_id.empty()) {}
  ~ConsumerOverRdkafka() override;

  absl::Status open();

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
  absl::Status fatal_error() const override { return native_->fatal_error(); }
  bool has_kept_its_place() const override { return has_kept_its_place_; }
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
  // What may be wrong with a partition, until a search has told.
  enum class Suspicion : std::uint8_t {
    kNone,
    kStandsStill,  // nothing comes, though there is more of it; if something does, all is well
    kDamaged,      // librdkafka may have passed over something: what comes is not used
  };
  // Where a partition stands, for who watches, and what there was when it came there.
  struct Stand {
    std::int64_t at = kUnknownOffset;
    std::chrono::steady_clock::time_point since;
    std::uint64_t oversized_answers = 0;
    std::uint64_t empty_polls = 0;
    std::chrono::milliseconds patience{0};  // for how long that is nothing to look into
    int unanswered = 0;                     // searches from there
  };
  struct Partition {
    TopicPartition id;
    std::int64_t start = kBeginning;         // as asked for
    std::int64_t position = kUnknownOffset;  // the next offset to visit
    bool end_reached = false;
    bool has_come_again = false;  // said once
    Suspicion suspicion = Suspicion::kNone;
    Stand stand;
  };
  // A commit that was sent.
  struct Commit {
    Queue answers;  // null: none is under way
    std::chrono::steady_clock::time_point deadline;
  };

  // What was given back in a rebalance that is under way.
  struct Revocation {
    std::string member_id;
    std::chrono::steady_clock::time_point heard_before;  // of the rebalance
  };

  static void on_rebalance(void* owner, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t* partitions);
  static void on_topic_error(void* owner, rd_kafka_resp_err_t code, std::string_view reason);
  void serve_rebalances();
  std::string member_id() const;
  bool is_still_the_member_of(const Revocation& revocation) const;
  absl::Status start(const std::vector<std::pair<TopicPartition, std::int64_t>>& starts);
  absl::Status add(const std::vector<std::pair<TopicPartition, std::int64_t>>& starts);
  absl::Status take();
  void stop();
  absl::StatusOr<Queue> send_commit(const std::vector<GroupOffset>& next);
  absl::Status no_commit_answer() const;

  void came_again(Partition* partition, std::int64_t offset);
  void wake_fetching();
  void ask_whether_brokers_answer();
  Partition* partition_of(const rd_kafka_message_t& message);
  void fill(const rd_kafka_message_t& from, const Partition& partition);
  absl::Status serve_error(const rd_kafka_message_t& message);
  absl::Status left_log(const Partition* partition, std::string_view place, std::int64_t offset,
                        std::string_view reason);

  void suspect(Partition* partition, Suspicion what);
  absl::Status look_into_suspects();
  absl::Status end_search(Partition* partition, const UnreadableSearch::Result& result);
  void watch_who_stands_still();
  bool stands_still(const Partition& partition) const;

  const Options options_;
  const bool has_group_;
  std::unique_ptr<Native> native_;
  Queue queue_;
  Commit commit_;
  bool subscribed_ = false;
  Rebalance rebalance_;
  std::vector<std::pair<rd_kafka_resp_err_t, std::vector<TopicPartition>>> pending_rebalances_;
  std::optional<Revocation> revocation_;
  bool has_kept_its_place_ = false;
  std::chrono::steady_clock::time_point polled_at_ = std::chrono::steady_clock::now();

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
  std::uint64_t skipped_records_ = 0;
  std::uint64_t empty_polls_ = 0;  // that found nothing without waiting
  bool has_suspects_ = false;
  std::unique_ptr<UnreadableSearch> search_;  // of one of them
  std::chrono::steady_clock::time_point search_next_;
  std::chrono::steady_clock::time_point watch_next_;
  absl::Status topic_error_;
  std::chrono::steady_clock::time_point ask_next_;
};

}  // namespace surgewatch::kafka
