// Copies of what is not counted, against the embedded broker.
#include "aggregator/side_outputs.h"

#include <map>

#include "support/hostile.h"
#include "support/kafka_clients.h"
#include "support/process.h"
#include "support/shown.h"

namespace surgewatch::services {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Request = kafka::EmbeddedBroker::Request;

constexpr std::chrono::milliseconds kPatience{20'000};
constexpr int kMessageTooLarge = 10;
constexpr int kRequestTimedOut = 7;

class OfSideOutputs : public ::testing::Test {
 protected:
  OfSideOutputs() {
    EXPECT_EQ(broker_->create_topic("surgewatch.late", 1), absl::OkStatus());
    EXPECT_EQ(broker_->create_topic("surgewatch.dead-letter", 1), absl::OkStatus());
  }
  void make(const std::map<std::string, std::string>& properties = {}) {
    auto made = SideOutputs::create({.brokers = broker_->brokers(), .properties = properties},
                                    kafka::Topics(""), &meters_);
    ASSERT_TRUE(made.ok()) << made.status();
    outputs_ = *std::move(made);
  }
  void add(std::int64_t offset, const std::string& key, const std::string& payload,
           const std::string& detail = "why") {
    outputs_->add(kSource, {.offset = offset, .payload = payload, .key = key, .has_key = true},
                  {.disposition = aggregate::Disposition::kRejected,
                   .reason = v1::REJECT_REASON_UNDECODABLE,
                   .detail = detail});
  }
  bool deliver() {
    return test::wait_until(
        [&] {
          outputs_->poll();
          return outputs_->undelivered() == 0 || !outputs_->failure().ok();
        },
        kPatience);
  }
  std::vector<kafka::Kept> records(const std::string& topic = "surgewatch.dead-letter") const {
    const auto consumer = kafka::make_consumer(broker_->brokers(), "reader", {.headers = true});
    return kafka::read_to_end(*consumer, {{{topic, 0}, kafka::kBeginning}});
  }
  static std::map<std::string, std::string> headers(const kafka::Kept& record) {
    std::map<std::string, std::string> headers;
    for (const kafka::Header& header : record.headers) headers[header.name] = header.value;
    return headers;
  }

  const kafka::TopicPartition kSource{"invoices", 3};
  std::unique_ptr<kafka::EmbeddedBroker> broker_ = *kafka::EmbeddedBroker::start();
  telemetry::Telemetry telemetry_{"test", 1'000};
  AggregatorMeters meters_{&telemetry_};
  std::unique_ptr<SideOutputs> outputs_;
};

TEST_F(OfSideOutputs, WhatABrokerRefusesAsTooLargeGoesWithoutItsPayload) {
  make();
  broker_->fail_requests(Request::kProduce, 1, kMessageTooLarge);
  add(7, "key", "payload");
  ASSERT_TRUE(deliver());
  EXPECT_EQ(outputs_->failure(), absl::OkStatus());
  const auto kept = records();
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_TRUE(kept[0].tombstone);
  EXPECT_EQ(kept[0].key, "key");
  auto said = headers(kept[0]);
  EXPECT_EQ(said["source_topic"], "invoices");
  EXPECT_EQ(said["source_partition"], "3");
  EXPECT_EQ(said["source_offset"], "7");
  EXPECT_EQ(said["payload_bytes"], "7");
  EXPECT_EQ(said["payload_xxh3"], "32fe61f05b2d8d7b");
}

TEST_F(OfSideOutputs, WhatItRefusesAgainGoesWithoutItsKeyToo) {
  make();
  broker_->fail_requests(Request::kProduce, 2, kMessageTooLarge);
  add(7, "key", "payload");
  ASSERT_TRUE(deliver());
  const auto kept = records();
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_FALSE(kept[0].has_key);
  EXPECT_EQ(headers(kept[0])["key_bytes"], "3");
}

// What no try can mend: a topic that takes not even the headers.
TEST_F(OfSideOutputs, WhatIsRefusedThenIsAFailureByItsName) {
  make();
  broker_->fail_requests(Request::kProduce, 3, kMessageTooLarge);
  add(7, "key", "payload");
  ASSERT_TRUE(deliver());
  EXPECT_TRUE(absl::IsInvalidArgument(outputs_->failure())) << outputs_->failure();
  EXPECT_EQ(outputs_->lowest_undelivered(kSource), 7);
}

TEST_F(OfSideOutputs, WhatIsBeyondTheQueueWaitsInOrderAndNothingIsLost) {
  make({{"queue.buffering.max.messages", "2"}});
  broker_->fail_requests(Request::kProduce, 1'000, kRequestTimedOut);
  for (int i = 0; i < 5; ++i) add(10 + i, "k", std::to_string(i));
  EXPECT_TRUE(outputs_->is_full());
  outputs_->poll();
  EXPECT_EQ(outputs_->lowest_undelivered(kSource), 10);
  EXPECT_EQ(outputs_->undelivered(), 5U);
  broker_->stop_failing(Request::kProduce);
  ASSERT_TRUE(deliver());
  EXPECT_FALSE(outputs_->is_full());
  EXPECT_EQ(outputs_->lowest_undelivered(kSource), std::nullopt);
  EXPECT_THAT(kafka::payloads(records()), ElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(OfSideOutputs, AStopDoesNotWaitForWhatCantBeDelivered) {
  make();
  broker_->fail_requests(Request::kProduce, 1'000, kRequestTimedOut);
  add(7, "key", "payload");
  const auto start = std::chrono::steady_clock::now();
  outputs_->drain(std::chrono::milliseconds(300));
  outputs_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_F(OfSideOutputs, DetailsAreBoundedBetweenCharacters) {
  make();
  std::string detail;
  for (int i = 0; i < 1'000; ++i) detail += "\xC3\xA9";  // two bytes each
  add(7, "key", "payload", "x" + detail);
  ASSERT_TRUE(deliver());
  const auto kept = records();
  ASSERT_THAT(kept, SizeIs(1));
  const std::string said = headers(kept[0])["detail"];
  EXPECT_LE(said.size(), 512U);
  EXPECT_THAT(said, testing::EndsWith("\xC3\xA9\\…"));
}

TEST_F(OfSideOutputs, CopiesAreExactAndDetailsAreLinesThatShow) {
  make();
  const std::vector<test::Hostile> all = test::hostile_texts();
  for (std::size_t i = 0; i < all.size(); ++i) {
    add(static_cast<std::int64_t>(i), all[i].text, all[i].text, "it is '" + all[i].text + "'");
  }
  ASSERT_TRUE(deliver());
  const auto kept = records();
  ASSERT_THAT(kept, SizeIs(all.size()));
  for (const kafka::Kept& copy : kept) {
    auto said = headers(copy);
    const test::Hostile& hostile = all.at(std::stoul(said["source_offset"]));
    SCOPED_TRACE(hostile.what);
    EXPECT_EQ(copy.payload, hostile.text);
    EXPECT_EQ(copy.key, hostile.text);
    EXPECT_THAT(said["detail"], test::IsSafeToShow());
    EXPECT_THAT(said["detail"], testing::StartsWith("it is '"));
    EXPECT_THAT(said, SizeIs(5));
  }
}

TEST_F(OfSideOutputs, AnotherOwnersAreNotWaitedFor) {
  make();
  broker_->fail_requests(Request::kProduce, 1'000, kRequestTimedOut);
  add(7, "key", "payload");
  outputs_->forget(kSource);
  EXPECT_EQ(outputs_->lowest_undelivered(kSource), std::nullopt);
  add(9, "key", "payload");
  EXPECT_EQ(outputs_->lowest_undelivered(kSource), 9);
}

}  // namespace
}  // namespace surgewatch::services
