// Batches that can't be read, whatever is wrong with them: passed over and told, and nothing else
// is. The embedded broker takes them as they are.
#include <algorithm>
#include <set>

#include "support/kafka_clients.h"
#include "support/record_batch.h"

namespace surgewatch::kafka {
namespace {

using test::Codec;
using test::RecordBatch;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr milliseconds kPatience{60'000};
constexpr int kRecords = 3;  // of a batch that is made by hand
using Skips = std::vector<std::pair<std::int64_t, std::int64_t>>;

RecordBatch batch_of(Codec codec, std::string body) {
  return {.body = std::move(body), .records = kRecords, .codec = codec};
}

// Whose checksum tells, before anything in it is looked at.
RecordBatch damaged(const std::string& payload = "a") {
  RecordBatch batch =
      batch_of(Codec::kNone, test::records({{"k", payload}, {"k", payload}, {"k", payload}}));
  batch.has_right_checksum = false;
  return batch;
}

struct Case {
  std::string name;
  RecordBatch batch;
};

std::vector<Case> cases() {
  const std::string noise = "neither gzip nor snappy nor lz4 nor zstd, by any reading of these";
  return {
      {"Gzip", batch_of(Codec::kGzip, noise)},
      {"Snappy", batch_of(Codec::kSnappy, noise)},
      {"Lz4", batch_of(Codec::kLz4, noise)},
      {"Zstd", batch_of(Codec::kZstd, noise)},
      {"ZstdOfNothing", batch_of(Codec::kZstd, "")},
      {"UnknownCodec", batch_of(Codec::kUnknown5, noise)},
      {"Checksum", damaged()},
      // Behind its header librdkafka reads on in the middle of it, and takes an offset from there.
      {"ChecksumOfALongBatch", damaged(std::string(2'000, 'A'))},
      // librdkafka has no word for these.
      {"RecordsThatAreNone", batch_of(Codec::kNone, std::string(60, '\xFF'))},
      {"NotEvenARecord", batch_of(Codec::kNone, "\x10")}};
}

class Unreadable : public ::testing::Test {
 protected:
  Unreadable() { EXPECT_EQ(broker_->create_topic("topic", 2), absl::OkStatus()); }

  void put(const std::vector<std::string>& payloads, int partition = 0) {
    const auto producer = make_producer(broker_->brokers());
    for (const std::string& payload : payloads) {
      ASSERT_EQ(producer->produce("topic", partition, "key", payload), absl::OkStatus());
    }
    ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  }
  void put_batch(const RecordBatch& batch) {
    ASSERT_EQ(test::produce(broker_->brokers(), {"topic", 0}, batch.bytes()), absl::OkStatus());
  }
  std::unique_ptr<Consumer> reader(std::map<std::string, std::string> properties = {}) {
    Consumer::Options options;
    options.client.properties = std::move(properties);
    options.skipped = [this](const TopicPartition& partition, std::int64_t first, std::int64_t next,
                             std::string_view why) {
      EXPECT_EQ(partition, (TopicPartition{"topic", 0}));
      EXPECT_FALSE(why.empty());
      skips_.emplace_back(first, next);
    };
    return make_consumer(broker_->brokers(), "test", options);
  }
  std::vector<std::string> read(Consumer& consumer, std::int64_t from = 0) {
    std::vector<Kept> kept;
    EXPECT_EQ(consumer.assign({{{"topic", 0}, from}}), absl::OkStatus());
    EXPECT_EQ(poll_until(
                  consumer, kept, [&] { return consumer.at_end(); }, kPatience),
              absl::OkStatus())
        << consumer.last_error();
    return payloads(kept);
  }

  const std::unique_ptr<EmbeddedBroker> broker_ = *EmbeddedBroker::start();
  Skips skips_;
};

class UnreadableBatch : public Unreadable, public ::testing::WithParamInterface<Case> {};
INSTANTIATE_TEST_SUITE_P(Of, UnreadableBatch, ::testing::ValuesIn(cases()),
                         [](const auto& made) { return made.param.name; });

TEST_P(UnreadableBatch, IsPassedOverAndToldAndNothingElseIs) {
  put({"0", "1"});
  put_batch(GetParam().batch);
  put({"5", "6"});
  const auto consumer = reader();
  EXPECT_THAT(read(*consumer), ElementsAre("0", "1", "5", "6"));
  EXPECT_THAT(skips_, ElementsAre(std::pair(2, 5)));
  EXPECT_EQ(consumer->skipped_records(), 3U);
  EXPECT_THAT(consumer->lag().at({"topic", 0}), 0);
}

TEST_F(Unreadable, WhatCanBeReadBeforeTheDamageIsRead) {
  const std::string sound = test::records({{"k", "0"}, {"k", "1"}, {"k", "2"}});
  put_batch(batch_of(Codec::kNone, sound.substr(0, sound.size() - 3)));
  put({"3"});
  EXPECT_THAT(read(*reader()), ElementsAre("0", "1", "3"));
  EXPECT_THAT(skips_, ElementsAre(std::pair(2, 3)));
}

TEST_F(Unreadable, TheWholeLogMayBe) {
  put_batch(damaged());
  put_batch(batch_of(Codec::kLz4, "no"));
  EXPECT_THAT(read(*reader(), kBeginning), IsEmpty());
  std::ranges::sort(skips_);
  EXPECT_THAT(skips_, ElementsAre(std::pair(0, 3), std::pair(3, 6)));
}

TEST_F(Unreadable, BatchesMayComeWhileReadingAndLieInARow) {
  put({"0"});
  const auto consumer = reader();
  ASSERT_THAT(read(*consumer), ElementsAre("0"));
  put_batch(batch_of(Codec::kSnappy, "no"));
  put_batch(damaged());
  put({"7"});
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(
                *consumer, kept, [&] { return !kept.empty(); }, kPatience),
            absl::OkStatus());
  EXPECT_THAT(payloads(kept), ElementsAre("7"));
  EXPECT_THAT(skips_, ElementsAre(std::pair(1, 4), std::pair(4, 7)));
}

TEST_F(Unreadable, OtherPartitionsGoOnMeanwhile) {
  put({"0"});
  put_batch(damaged());
  put({"4"});
  const auto consumer = reader();
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}, {{"topic", 1}, 0}}), absl::OkStatus());
  std::vector<Kept> kept;
  std::set<std::string> expected{"0", "4"};
  bool came_before_the_end = false;
  for (int i = 0; i < 20; ++i) {
    put({"other-" + std::to_string(i)}, 1);
    expected.insert("other-" + std::to_string(i));
    const std::size_t before = kept.size();
    ASSERT_EQ(poll_until(
                  *consumer, kept, [&] { return kept.size() > before; }, kPatience),
              absl::OkStatus());
    came_before_the_end |= skips_.empty();
  }
  ASSERT_EQ(poll_until(
                *consumer, kept, [&] { return kept.size() >= 22; }, kPatience),
            absl::OkStatus());
  EXPECT_TRUE(came_before_the_end);
  const auto all = payloads(kept);
  EXPECT_EQ(std::set(all.begin(), all.end()), expected);
  EXPECT_EQ(all.size(), expected.size()) << "something came twice";
  EXPECT_THAT(skips_, ElementsAre(std::pair(1, 4)));
}

TEST_F(Unreadable, WhoReadsNoMoreIsToldNothing) {
  put({"0"});
  put_batch(damaged());
  put({"other"}, 1);
  std::unique_ptr<Consumer> consumer;
  std::vector<Kept> kept;
  // Until it is caught between seeing the damage and saying how far it goes: a reader whose thread
  // has to wait may come to both at once.
  do {
    skips_.clear();
    consumer = reader();
    ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
    const auto knows = [&] { return !consumer->last_error().ok() || !skips_.empty(); };
    ASSERT_EQ(poll_until(*consumer, kept, knows, kPatience), absl::OkStatus());
  } while (!skips_.empty());
  ASSERT_EQ(consumer->assign({{{"topic", 1}, 0}}), absl::OkStatus());
  kept.clear();
  ASSERT_EQ(poll_until(
                *consumer, kept, [&] { return consumer->at_end(); }, kPatience),
            absl::OkStatus());
  EXPECT_THAT(payloads(kept), ElementsAre("other"));
  EXPECT_THAT(skips_, IsEmpty());
}

// A broker that has an answer ready for every fetch, and says nothing of the partition in it, is no
// reason to pass over what it has.
TEST_F(Unreadable, ABrokerThatIsNotTheLeaderForAWhileIsNoDamage) {
  constexpr int kNotLeader = 6;
  put({"0"});
  const auto consumer = reader();
  ASSERT_THAT(read(*consumer), ElementsAre("0"));
  put({"1", "2"});
  broker_->fail_requests(EmbeddedBroker::Request::kFetch, 60, kNotLeader);
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(
                *consumer, kept, [&] { return kept.size() == 2; }, kPatience),
            absl::OkStatus());
  EXPECT_THAT(skips_, IsEmpty());
}

// Brokers give a batch that is larger than was asked for, since nothing could go past it else.
const std::map<std::string, std::string> kLittle{{"message.max.bytes", "1000"},
                                                 {"fetch.max.bytes", "20000"},
                                                 {"receive.message.max.bytes", "21000"}};

TEST_F(Unreadable, ABatchThatIsTooLargeToReceiveIsPassedOver) {
  put({"0"});
  put({std::string(100'000, 'x')});
  put({"2"});
  EXPECT_THAT(read(*reader(kLittle)), ElementsAre("0", "2"));
  EXPECT_THAT(skips_, ElementsAre(std::pair(1, 2)));
}

TEST_F(Unreadable, ABatchThatInflatesBeyondWhatIsReceivedIsPassedOver) {
  put({"0"});
  const auto compressing = *Producer::create(
      {.client = {.brokers = broker_->brokers(), .properties = {{"compression.type", "zstd"}}}});
  ASSERT_EQ(compressing->produce("topic", 0, "key", std::string(900'000, 'x')), absl::OkStatus());
  ASSERT_EQ(compressing->flush(milliseconds(10'000)), absl::OkStatus());
  put({"2"});
  EXPECT_THAT(read(*reader(kLittle)), ElementsAre("0", "2"));
  EXPECT_THAT(skips_, ElementsAre(std::pair(1, 2)));
}

}  // namespace
}  // namespace surgewatch::kafka
