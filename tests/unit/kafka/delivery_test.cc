// What a producer says of each message: where it is, or why it is nowhere.
#include <atomic>
#include <thread>

#include "support/kafka_clients.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int kRequestTimedOut = 7;
constexpr int kMessageTooLarge = 10;
constexpr int kTopicAuthorizationFailed = 29;
constexpr int kInvalidRecord = 87;

class Deliveries : public ::testing::Test {
 protected:
  Deliveries() : broker_(*EmbeddedBroker::start()) {
    EXPECT_EQ(broker_->create_topic("topic", 2), absl::OkStatus());
  }

  std::unique_ptr<Producer> make(Producer::Options options = {}) {
    options.client.brokers = broker_->brokers();
    options.delivered = [this](const Delivery& delivery) { deliveries_.push_back(delivery); };
    auto producer = Producer::create(options);
    EXPECT_TRUE(producer.ok()) << producer.status();
    return *std::move(producer);
  }
  // Polls until there are so many deliveries, or a deadline.
  void await(Producer& producer, std::size_t count) {
    const auto deadline = steady_clock::now() + milliseconds(20'000);
    while (deliveries_.size() < count && steady_clock::now() < deadline) {
      (void)producer.flush(milliseconds(50));
    }
    ASSERT_THAT(deliveries_, SizeIs(count));
  }
  std::vector<std::string> written() {
    const auto consumer = make_consumer(broker_->brokers());
    return payloads(read_to_end(*consumer, {{{"topic", 0}, 0}}));
  }

  const std::unique_ptr<EmbeddedBroker> broker_;
  std::vector<Delivery> deliveries_;
};

TEST_F(Deliveries, SayWhereEachMessageIs) {
  const auto producer = make();
  for (std::uint64_t i = 0; i < 3; ++i) {
    ASSERT_EQ(producer->produce("topic", 0, "k", "v", {}, std::nullopt, 100 + i), absl::OkStatus());
  }
  ASSERT_EQ(producer->try_produce("topic", 1, "k", "v", {}, std::nullopt, UINT64_MAX),
            absl::OkStatus());
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  ASSERT_THAT(deliveries_, SizeIs(4));
  std::map<std::uint64_t, std::optional<std::int64_t>> offsets;
  for (const Delivery& one : deliveries_) {
    EXPECT_EQ(one.status, absl::OkStatus());
    offsets[one.tag] = one.offset;
  }
  EXPECT_EQ(offsets, (std::map<std::uint64_t, std::optional<std::int64_t>>{
                         {100, 0}, {101, 1}, {102, 2}, {UINT64_MAX, 0}}));
}

TEST_F(Deliveries, OfATransactionAreKnownOnceItIsCommitted) {
  const auto producer = make({.transactional_id = "worker-0"});
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  ASSERT_EQ(producer->produce("topic", 0, "k", "v", {}, std::nullopt, 5), absl::OkStatus());
  ASSERT_EQ(producer->commit_transaction(nullptr, {}), absl::OkStatus());
  ASSERT_THAT(deliveries_, SizeIs(1));
  EXPECT_EQ(deliveries_[0].tag, 5U);
  EXPECT_EQ(deliveries_[0].offset, 0);
}

TEST_F(Deliveries, WhatIsRefusedIsNamed) {
  const auto producer = make();
  const std::vector<std::pair<int, absl::StatusCode>> refusals = {
      {kMessageTooLarge, absl::StatusCode::kInvalidArgument},
      {kInvalidRecord, absl::StatusCode::kInvalidArgument},
      // The last: librdkafka refuses what follows to the topic by itself.
      {kTopicAuthorizationFailed, absl::StatusCode::kPermissionDenied}};
  for (const auto& [code, named] : refusals) {
    deliveries_.clear();
    broker_->fail_requests(EmbeddedBroker::Request::kProduce, 1, code);
    ASSERT_EQ(producer->produce("topic", 0, "k", "v", {}, std::nullopt, 7), absl::OkStatus());
    await(*producer, 1);
    EXPECT_EQ(deliveries_[0].tag, 7U);
    EXPECT_EQ(deliveries_[0].status.code(), named) << deliveries_[0].status;
    EXPECT_THAT(std::string(deliveries_[0].status.message()), HasSubstr("topic [0]"));
    EXPECT_EQ(deliveries_[0].offset, std::nullopt);
  }
}

TEST_F(Deliveries, WithoutATopicThereAreNone) {
  broker_->hide_topic("topic");
  const auto producer = make({.retries_for_ever = true});
  ASSERT_EQ(producer->produce("topic", 0, "k", "v", {}, std::nullopt, 7), absl::OkStatus());
  await(*producer, 1);
  EXPECT_TRUE(absl::IsNotFound(deliveries_[0].status)) << deliveries_[0].status;
}

TEST_F(Deliveries, ATimeoutIsUnavailable) {
  const auto producer = make({.client = {.properties = {{"message.timeout.ms", "300"}}}});
  broker_->fail_requests(EmbeddedBroker::Request::kProduce, 1'000, kRequestTimedOut);
  ASSERT_EQ(producer->produce("topic", 0, "k", "v", {}, std::nullopt, 7), absl::OkStatus());
  await(*producer, 1);
  EXPECT_TRUE(absl::IsUnavailable(deliveries_[0].status)) << deliveries_[0].status;
}

TEST_F(Deliveries, OfWhatIsRetriedForEverComeWhenTheBrokerDoes) {
  // The property would give it up 40 times while the broker is silent.
  const auto producer =
      make({.client = {.properties = {{"message.timeout.ms", "50"}}}, .retries_for_ever = true});
  broker_->fail_requests(EmbeddedBroker::Request::kProduce, 20, kRequestTimedOut);
  ASSERT_EQ(producer->produce("topic", 0, "k", "v", {}, std::nullopt, 7), absl::OkStatus());
  await(*producer, 1);
  EXPECT_EQ(deliveries_[0].status, absl::OkStatus());
  EXPECT_THAT(written(), ElementsAre("v"));
}

// What is on its way already, brokers refuse: tests/integration, since the embedded one doesn't.
TEST_F(Deliveries, BehindARefusalNothingIsWrittenByOneThatStopsAtGaps) {
  const auto producer = make({.retries_for_ever = true, .stops_at_gaps = true});
  broker_->fail_requests(EmbeddedBroker::Request::kProduce, 1, kMessageTooLarge);
  ASSERT_EQ(producer->produce("topic", 0, "k", "refused", {}, std::nullopt, 1), absl::OkStatus());
  await(*producer, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(deliveries_[0].status)) << deliveries_[0].status;
  const absl::Status status = producer->produce("topic", 0, "k", "behind", {}, std::nullopt, 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(written(), ElementsAre());
}

TEST_F(Deliveries, AFullQueueIsSaidAtOnceToOneWhoDoesNotWait) {
  broker_->set_reachable(false);
  const auto producer = make({.client = {.properties = {{"queue.buffering.max.messages", "10"}}},
                              .retries_for_ever = true});
  absl::Status status;
  int queued = 0;
  for (; status.ok() && queued < 100; ++queued) {
    status = producer->try_produce("topic", 0, "k", std::to_string(queued));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_LE(queued, 12);
  broker_->set_reachable(true);
  ASSERT_EQ(producer->flush(milliseconds(20'000)), absl::OkStatus());
  EXPECT_EQ(producer->try_produce("topic", 0, "k", "v"), absl::OkStatus());
}

TEST_F(Deliveries, OneWhoWaitsForRoomCanBeToldToStop) {
  broker_->set_reachable(false);
  std::atomic<bool> stop{false};
  const auto producer = make({.client = {.properties = {{"queue.buffering.max.messages", "10"}}},
                              .retries_for_ever = true,
                              .stop = &stop});
  std::atomic<bool> waits{false};
  absl::Status status;
  std::thread thread([&] {
    for (int i = 0; i < 100 && status.ok(); ++i) {
      if (i == 10) waits.store(true);
      status = producer->produce("topic", 0, "k", "v");
    }
  });
  while (!waits.load()) std::this_thread::yield();
  stop.store(true);
  thread.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

}  // namespace
}  // namespace surgewatch::kafka
