// Short ways to make clients and to wait for them in tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kafka/client.h"

namespace surgewatch::kafka {

using std::chrono::milliseconds;

// A message that outlives the poll.
struct Kept {
  std::string topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::int64_t> timestamp_ms;
  std::string key;
  bool has_key = false;
  std::string payload;
  bool tombstone = false;
  std::vector<Header> headers;
};

inline Kept keep(const Message& message) {
  return {.topic = std::string(message.topic),
          .partition = message.partition,
          .offset = message.offset,
          .timestamp_ms = message.timestamp_ms,
          .key = std::string(message.key),
          .has_key = message.has_key,
          .payload = std::string(message.payload),
          .tombstone = message.payload.data() == nullptr,
          .headers = message.headers};
}

inline std::unique_ptr<Consumer> make_consumer(const std::string& brokers,
                                               const std::string& group = "test",
                                               Consumer::Options options = {}) {
  options.client.brokers = brokers;
  options.group_id = group;
  auto consumer = Consumer::create(options);
  EXPECT_TRUE(consumer.ok()) << consumer.status();
  return *std::move(consumer);
}

inline std::unique_ptr<Producer> make_producer(const std::string& brokers,
                                               const std::string& transactional_id = "") {
  auto producer =
      Producer::create({.client = {.brokers = brokers}, .transactional_id = transactional_id});
  EXPECT_TRUE(producer.ok()) << producer.status();
  return *std::move(producer);
}

// Polls until `done` or a deadline; what came is appended to `into`.
inline absl::Status poll_until(Consumer& consumer, std::vector<Kept>& into,
                               const std::function<bool()>& done,
                               milliseconds within = milliseconds(20'000)) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!done() && std::chrono::steady_clock::now() < deadline) {
    auto polled = consumer.poll(milliseconds(50), 1000,
                                [&](const Message& message) { into.push_back(keep(message)); });
    if (!polled.ok()) return polled.status();
  }
  return done() ? absl::OkStatus() : absl::DeadlineExceededError("the condition did not come true");
}

inline std::vector<Kept> read_to_end(
    Consumer& consumer, const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) {
  std::vector<Kept> kept;
  EXPECT_EQ(consumer.assign(starts), absl::OkStatus());
  EXPECT_EQ(poll_until(consumer, kept, [&] { return consumer.at_end(); }), absl::OkStatus());
  return kept;
}

inline std::vector<std::string> payloads(const std::vector<Kept>& kept) {
  std::vector<std::string> result;
  for (const Kept& one : kept) result.push_back(one.payload);
  return result;
}

}  // namespace surgewatch::kafka
