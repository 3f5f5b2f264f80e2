// Messages that were taken from librdkafka and go back to it. For the .cc files of this
// folder only.
#pragma once

#include <librdkafka/rdkafka.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <vector>

namespace surgewatch::kafka {

class MessageBatch {
 public:
  MessageBatch() = default;
  ~MessageBatch() { clear(); }
  MessageBatch(const MessageBatch&) = delete;
  MessageBatch& operator=(const MessageBatch&) = delete;

  void reserve(std::size_t limit) {
    if (messages_.size() < limit) messages_.resize(limit);
  }
  // Appends what is there until there are `limit`, waiting for it up to `wait`.
  void take(rd_kafka_queue_t* queue, std::chrono::milliseconds wait, std::size_t limit) {
    const ssize_t taken = rd_kafka_consume_batch_queue(queue, static_cast<int>(wait.count()),
                                                       messages_.data() + count_, limit - count_);
    if (taken > 0) count_ += static_cast<std::size_t>(taken);
  }
  void clear() {
    for (std::size_t i = 0; i < count_; ++i) rd_kafka_message_destroy(messages_[i]);
    count_ = 0;
  }
  std::size_t size() const { return count_; }
  const rd_kafka_message_t& operator[](std::size_t i) const { return *messages_[i]; }

 private:
  std::vector<rd_kafka_message_t*> messages_;
  std::size_t count_ = 0;
};

}  // namespace surgewatch::kafka
