// librdkafka's handles as objects that clean up after themselves, and what its clients have in
// common: configuration, errors, log. For the .cc files of this folder only.
//
// Threads: as client.h says. librdkafka's own threads never call us: errors, logs, rebalances and
// delivery reports are queued and served in our calls.
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kafka/client.h"

namespace surgewatch::kafka {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using Queue = std::unique_ptr<rd_kafka_queue_t, Free<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Free<rd_kafka_event_destroy>>;
using Error = std::unique_ptr<rd_kafka_error_t, Free<rd_kafka_error_destroy>>;
using PartitionList =
    std::unique_ptr<rd_kafka_topic_partition_list_t, Free<rd_kafka_topic_partition_list_destroy>>;

PartitionList partition_list(const std::vector<std::pair<TopicPartition, std::int64_t>>& offsets);
PartitionList offset_list(const std::vector<GroupOffset>& offsets);

// One library call's answer as a status; OK for no error. `what` opens the message: "commit to …".
absl::Status status_of(rd_kafka_resp_err_t code, std::string_view what, std::string_view detail);

// NOT_FOUND with the way out.
absl::Status missing_topic(std::string_view topic);

// What librdkafka's callbacks are for; each is given the owner.
struct Hooks {
  void* owner = nullptr;
  void (*rebalance)(void* owner, rd_kafka_resp_err_t code,
                    rd_kafka_topic_partition_list_t* partitions) = nullptr;
  void (*delivery)(void* owner, const rd_kafka_message_t& message) = nullptr;
  // An error of a topic, told without a message: `reason` begins with "topic [partition]: ".
  void (*topic_error)(void* owner, rd_kafka_resp_err_t code, std::string_view reason) = nullptr;
  // librdkafka's figures as JSON, every statistics.interval.ms.
  void (*statistics)(void* owner, std::string_view json) = nullptr;
};

using Settings = std::vector<std::pair<std::string, std::string>>;

class Native {
 public:
  // `settings`: ours, before the user's. INVALID_ARGUMENT names the property that is wrong.
  static absl::StatusOr<std::unique_ptr<Native>> create(rd_kafka_type_t type,
                                                        const ClientOptions& options,
                                                        const Settings& settings, Hooks hooks);
  // Bounded: what librdkafka has not ended by then it ends on a thread of its own.
  ~Native();
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  rd_kafka_t* get() const { return handle_; }
  const std::string& brokers() const { return options_.brokers; }

  absl::Status last_error() const;
  void set_last_error(absl::Status status);
  // The client can't go on: FAILED_PRECONDITION; else OK.
  absl::Status fatal_error() const;
  // Errors of transport so far.
  std::uint64_t errors() const { return errors_.load(std::memory_order_relaxed); }
  // Those among them in which a broker's answer could not be received, being larger than
  // receive.message.max.bytes: fetching from that broker stands still.
  std::uint64_t oversized_answers() const {
    return oversized_answers_.load(std::memory_order_relaxed);
  }

  void log(std::string_view line, bool error = false) const;

 private:
  Native(const ClientOptions& options, Hooks hooks) : options_(options), hooks_(hooks) {}
  static void on_error(rd_kafka_t* handle, int code, const char* reason, void* self);
  static void on_log(const rd_kafka_t* handle, int level, const char* facility, const char* text);

  const ClientOptions options_;
  const Hooks hooks_;
  rd_kafka_t* handle_ = nullptr;

  // A producer is polled by one thread while another asks.
  // (Not absl::Mutex: ThreadSanitizer can't see through Debian's build of that.)
  mutable std::mutex mutex_;
  absl::Status last_error_;  // guarded by mutex_
  // Counts for comparison; they order nothing.
  std::atomic<std::uint64_t> errors_{0};
  std::atomic<std::uint64_t> oversized_answers_{0};
};

}  // namespace surgewatch::kafka
