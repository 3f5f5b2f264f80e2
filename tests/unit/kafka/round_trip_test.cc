#include <librdkafka/rdkafka.h>

#include <cstdlib>
#include <memory>
#include <set>

#include "base/time.h"
#include "kafka/fetch_wake.h"
#include "support/kafka_clients.h"

namespace surgewatch::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EmbeddedBrokerTest : public ::testing::Test {
 protected:
  EmbeddedBrokerTest() : broker_(*EmbeddedBroker::start()) {}

  void create(const std::string& topic, std::int32_t partitions = 1) {
    ASSERT_EQ(broker_->create_topic(topic, partitions), absl::OkStatus());
  }
  // One record of each payload, in partition 0.
  void put(const std::string& topic, const std::vector<std::string>& records) {
    const auto producer = make_producer(broker_->brokers());
    for (const std::string& record : records) {
      ASSERT_EQ(producer->produce(topic, 0, "key", record), absl::OkStatus());
    }
    ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  }

  const std::unique_ptr<EmbeddedBroker> broker_;
};

using RoundTrip = EmbeddedBrokerTest;

// Who reads it multiplies it.
TEST_F(RoundTrip, ATimestampThatIsNoTimeOfTheCalendarIsNone) {
  create("topic");
  const auto producer = make_producer(broker_->brokers());
  constexpr std::int64_t kLast = kMaxTime / 1'000;
  for (const std::int64_t timestamp : {kLast, kLast + 1, INT64_MAX}) {
    ASSERT_EQ(producer->produce("topic", 0, "k", "v", {}, timestamp), absl::OkStatus());
  }
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  const auto consumer = make_consumer(broker_->brokers(), "test");
  const std::vector<Kept> kept = read_to_end(*consumer, {{{"topic", 0}, kBeginning}});
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].timestamp_ms, kLast);
  EXPECT_EQ(kept[1].timestamp_ms, std::nullopt);
  EXPECT_EQ(kept[2].timestamp_ms, std::nullopt);
}

TEST_F(RoundTrip, KeepsKeyHeadersTimestampAndBytes) {
  create("topic");
  const std::string bytes("\0\x01\xff", 3);
  const auto producer = make_producer(broker_->brokers());
  ASSERT_EQ(producer->produce("topic", 0, "order-1", bytes, {{"reason", "late"}, {"empty", ""}},
                              1'700'000'000'123),
            absl::OkStatus());
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  EXPECT_EQ(producer->pending(), 0U);
  EXPECT_EQ(producer->failed_deliveries(), 0U);

  const auto consumer = make_consumer(broker_->brokers(), "test", {.headers = true});
  const std::vector<Kept> kept = read_to_end(*consumer, {{{"topic", 0}, kBeginning}});
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].topic, "topic");
  EXPECT_EQ(kept[0].partition, 0);
  EXPECT_EQ(kept[0].offset, 0);
  EXPECT_EQ(kept[0].timestamp_ms, 1'700'000'000'123);
  EXPECT_EQ(kept[0].key, "order-1");
  EXPECT_EQ(kept[0].payload, bytes);
  ASSERT_EQ(kept[0].headers.size(), 2U);
  EXPECT_EQ(kept[0].headers[0].name, "reason");
  EXPECT_EQ(kept[0].headers[0].value, "late");
  EXPECT_EQ(kept[0].headers[1].value, "");
}

TEST_F(RoundTrip, TellsNullFromEmpty) {
  create("topic");
  const auto producer = make_producer(broker_->brokers());
  ASSERT_EQ(producer->produce("topic", 0, std::string_view(), ""), absl::OkStatus());
  ASSERT_EQ(producer->produce("topic", 0, "", std::string_view()), absl::OkStatus());
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  const auto consumer = make_consumer(broker_->brokers());
  const std::vector<Kept> kept = read_to_end(*consumer, {{{"topic", 0}, 0}});
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_FALSE(kept[0].has_key);
  EXPECT_FALSE(kept[0].tombstone);
  EXPECT_TRUE(kept[1].has_key);
  EXPECT_TRUE(kept[1].tombstone);
}

// As librdkafka does by itself now and then, when a topic has just been made.
TEST_F(RoundTrip, ARecordIsVisitedOnceThoughTheClientBeginsAgain) {
  create("topic");
  put("topic", {"0", "1", "2"});
  const auto consumer = make_consumer(broker_->brokers());
  std::vector<Kept> kept = read_to_end(*consumer, {{{"topic", 0}, kBeginning}});
  ASSERT_EQ(kept.size(), 3U);
  const std::unique_ptr<rd_kafka_topic_partition_list_t,
                        decltype(&rd_kafka_topic_partition_list_destroy)>
      back(rd_kafka_topic_partition_list_new(1), &rd_kafka_topic_partition_list_destroy);
  rd_kafka_topic_partition_list_add(back.get(), "topic", 0)->offset = 0;
  auto* client = static_cast<rd_kafka_t*>(consumer->native());
  ASSERT_EQ(rd_kafka_seek_partitions(client, back.get(), 10'000), nullptr);
  put("topic", {"3", "4"});
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return kept.size() >= 5; }), absl::OkStatus());
  EXPECT_THAT(payloads(kept), ElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(RoundTrip, HeadersAreLeftOutUnlessAskedFor) {
  create("topic");
  const auto producer = make_producer(broker_->brokers());
  ASSERT_EQ(producer->produce("topic", 0, "k", "v", {{"a", "b"}}), absl::OkStatus());
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  const auto consumer = make_consumer(broker_->brokers());
  EXPECT_THAT(read_to_end(*consumer, {{{"topic", 0}, 0}}).at(0).headers, IsEmpty());
}

TEST_F(RoundTrip, APartitionKeepsItsOrder) {
  create("topic", 3);
  const auto producer = make_producer(broker_->brokers());
  constexpr int kRecords = 3000;
  for (int i = 0; i < kRecords; ++i) {
    ASSERT_EQ(producer->produce("topic", i % 3, "k", std::to_string(i)), absl::OkStatus());
  }
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  const auto consumer = make_consumer(broker_->brokers());
  std::vector<int> last(3, -1);
  std::vector<std::int64_t> offset(3, -1);
  const auto kept =
      read_to_end(*consumer, {{{"topic", 0}, 0}, {{"topic", 1}, 0}, {{"topic", 2}, 0}});
  EXPECT_EQ(kept.size(), std::size_t{kRecords});
  for (const Kept& one : kept) {
    const auto p = static_cast<std::size_t>(one.partition);
    EXPECT_EQ(one.offset, ++offset[p]);
    EXPECT_LT(last[p], std::atoi(one.payload.c_str()));
    last[p] = std::atoi(one.payload.c_str());
  }
}

// Each poll takes little, so that fetching stops at a full queue and is woken, again and again.
TEST_F(RoundTrip, MoreThanTheQueueOfFetchedRecordsHolds) {
  constexpr std::int32_t kPartitions = 4;
  constexpr std::size_t kRecordBytes = 100'000;
  constexpr std::int64_t kRecords = 40;  // of a partition: the embedded broker keeps 5 MB of one
  static_assert(kPartitions * kRecords * kRecordBytes > 3 * kQueuedKilobytes * 1'024);
  create("topic", kPartitions);
  const auto producer = make_producer(broker_->brokers());
  for (std::int32_t i = 0; i < kPartitions * kRecords; ++i) {
    ASSERT_EQ(producer->produce("topic", i % kPartitions, "k", std::string(kRecordBytes, 'x')),
              absl::OkStatus());
  }
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());

  const auto consumer = make_consumer(broker_->brokers());
  std::vector<std::pair<TopicPartition, std::int64_t>> starts;
  for (std::int32_t i = 0; i < kPartitions; ++i) starts.push_back({{"topic", i}, 0});
  ASSERT_EQ(consumer->assign(starts), absl::OkStatus());
  std::vector<std::int64_t> next(kPartitions, 0);
  while (!consumer->at_end()) {
    const auto polled = consumer->poll(milliseconds(10'000), 2, [&](const Message& message) {
      EXPECT_EQ(message.offset, next[static_cast<std::size_t>(message.partition)]++);
      EXPECT_EQ(message.payload.size(), kRecordBytes);
    });
    ASSERT_TRUE(polled.ok()) << polled.status();
  }
  EXPECT_THAT(next, ::testing::Each(kRecords));
}

TEST_F(RoundTrip, EqualKeysMeetInOnePartitionAsWithKafkasOwnClients) {
  create("topic", 4);
  const auto producer = make_producer(broker_->brokers());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(producer->produce("topic", -1, "order-1", "a"), absl::OkStatus());
    ASSERT_EQ(producer->produce("topic", -1, "21", "b"), absl::OkStatus());
  }
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  const auto consumer = make_consumer(broker_->brokers());
  std::set<std::int32_t> of_21;
  for (const Kept& one :
       read_to_end(*consumer,
                   {{{"topic", 0}, 0}, {{"topic", 1}, 0}, {{"topic", 2}, 0}, {{"topic", 3}, 0}})) {
    if (one.key == "21") of_21.insert(one.partition);
  }
  // Kafka's Utils.murmur2("21") is -973932308 (its own unit test says so): & 0x7fffffff, mod 4.
  EXPECT_THAT(of_21, ElementsAre((-973932308 & 0x7fffffff) % 4));
}

using Start = EmbeddedBrokerTest;

TEST_F(Start, IsTheOffsetGiven) {
  create("topic");
  put("topic", {"0", "1", "2", "3"});
  const auto consumer = make_consumer(broker_->brokers());
  EXPECT_THAT(payloads(read_to_end(*consumer, {{{"topic", 0}, 2}})), ElementsAre("2", "3"));
  EXPECT_THAT(payloads(read_to_end(*consumer, {{{"topic", 0}, kBeginning}})),
              ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(payloads(read_to_end(*consumer, {{{"topic", 0}, kEnd}})), IsEmpty());
  EXPECT_THAT(payloads(read_to_end(*consumer, {{{"topic", 0}, 4}})), IsEmpty());
}

TEST_F(Start, OutsideTheLogIsAnErrorThatNamesPartitionAndOffset) {
  create("topic");
  put("topic", {"0", "1"});
  const auto consumer = make_consumer(broker_->brokers());
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 3}}), absl::OkStatus());
  std::vector<Kept> kept;
  const absl::Status status = poll_until(*consumer, kept, [] { return false; });
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("topic [0]: can't read from offset 3"));
  EXPECT_THAT(kept, IsEmpty());
}

TEST_F(Start, ANumberThatIsNoOffsetIsRefused) {
  const auto consumer = make_consumer(broker_->brokers());
  EXPECT_TRUE(absl::IsInvalidArgument(consumer->assign({{{"topic", 0}, kNotYet - 1}})));
  // By hand nothing waits for begin().
  EXPECT_TRUE(absl::IsInvalidArgument(consumer->assign({{{"topic", 0}, kNotYet}})));
}

using End = EmbeddedBrokerTest;

TEST_F(End, IsReachedByEveryPartitionAndLagFalls) {
  create("topic", 2);
  put("topic", {"0", "1", "2"});
  const auto consumer = make_consumer(broker_->brokers());
  EXPECT_FALSE(consumer->at_end());
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}, {{"topic", 1}, 0}}), absl::OkStatus());
  EXPECT_FALSE(consumer->at_end());
  std::vector<Kept> kept;
  // One at a time, so that the lag can be seen between.
  while (kept.empty()) {
    ASSERT_TRUE(
        consumer->poll(milliseconds(50), 1, [&](const Message& m) { kept.push_back(keep(m)); })
            .ok());
  }
  EXPECT_EQ((consumer->lag()[{"topic", 0}]), 2);
  EXPECT_FALSE(consumer->at_end());
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return consumer->at_end(); }), absl::OkStatus());
  EXPECT_EQ(kept.size(), 3U);
  const std::map<TopicPartition, std::int64_t> none = {{{"topic", 0}, 0}, {{"topic", 1}, 0}};
  EXPECT_EQ(consumer->lag(), none);
}

TEST_F(End, PollTakesAtMostItsLimit) {
  create("topic");
  put("topic", {"0", "1", "2", "3", "4"});
  const auto consumer = make_consumer(broker_->brokers());
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
  std::vector<Kept> kept;
  while (kept.size() < 5) {
    const auto polled =
        consumer->poll(milliseconds(50), 2, [&](const Message& m) { kept.push_back(keep(m)); });
    ASSERT_TRUE(polled.ok());
    EXPECT_LE(*polled, 2U);
  }
  EXPECT_THAT(payloads(kept), ElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(End, PollDoesNotSitOutItsWaitOnceSomethingIsThere) {
  create("topic");
  put("topic", {"0"});
  const auto consumer = make_consumer(broker_->brokers());
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
  const auto start = std::chrono::steady_clock::now();
  std::size_t count = 0;
  const auto polled = consumer->poll(milliseconds(20'000), 1000, [&](const Message&) { ++count; });
  ASSERT_TRUE(polled.ok());
  EXPECT_EQ(count, 1U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(10'000));
}

using Offsets = EmbeddedBrokerTest;

TEST_F(Offsets, CommittedAreFoundAgainByTheGroupAndByNoOther) {
  create("topic", 2);
  {
    const auto consumer = make_consumer(broker_->brokers(), "group");
    ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}, {{"topic", 1}, 0}}), absl::OkStatus());
    ASSERT_EQ(consumer->commit({{{"topic", 0}, 7}}), absl::OkStatus());
  }
  const std::vector<TopicPartition> both = {{"topic", 0}, {"topic", 1}};
  const auto again = make_consumer(broker_->brokers(), "group");
  const auto offsets = again->committed(both);
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_THAT(*offsets, ElementsAre(GroupOffset{{"topic", 0}, 7}, std::nullopt));
  const auto other = make_consumer(broker_->brokers(), "other");
  const auto none = other->committed(both);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_THAT(*none, ElementsAre(std::nullopt, std::nullopt));
}

TEST_F(Offsets, CarryATextOfOurs) {
  create("topic", 2);
  const GroupOffset said{{"topic", 1}, 7, "first=3 topic=0011223344556677"};
  {
    const auto consumer = make_consumer(broker_->brokers(), "group");
    ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}, {{"topic", 1}, 0}}), absl::OkStatus());
    ASSERT_EQ(consumer->commit({{{"topic", 0}, 5}, said}), absl::OkStatus());
  }
  const auto again = make_consumer(broker_->brokers(), "group");
  const auto offsets = again->committed({{"topic", 1}, {"topic", 0}});
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_THAT(*offsets, ElementsAre(said, GroupOffset{{"topic", 0}, 5, ""}));
}

TEST_F(Offsets, ACommitThatIsNotWaitedForIsAnsweredLater) {
  create("topic");
  const auto consumer = make_consumer(broker_->brokers(), "group");
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
  EXPECT_EQ(consumer->commit_answer(), std::nullopt);
  ASSERT_EQ(consumer->start_commit({{{"topic", 0}, 7, "text"}}), absl::OkStatus());
  EXPECT_TRUE(consumer->is_committing());
  EXPECT_TRUE(absl::IsFailedPrecondition(consumer->start_commit({{{"topic", 0}, 8}})));
  std::optional<absl::Status> answer;
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(*consumer, kept,
                       [&] {
                         if (!answer) answer = consumer->commit_answer();
                         return answer.has_value();
                       }),
            absl::OkStatus());
  EXPECT_EQ(*answer, absl::OkStatus());
  EXPECT_FALSE(consumer->is_committing());
  EXPECT_EQ(consumer->commit_answer(), std::nullopt);  // given once
  const auto offsets = consumer->committed({{"topic", 0}});
  ASSERT_TRUE(offsets.ok()) << offsets.status();
  EXPECT_THAT(*offsets, ElementsAre(GroupOffset{{"topic", 0}, 7, "text"}));
}

TEST_F(Offsets, ARefusedCommitThatIsNotWaitedForSaysSo) {
  create("topic");
  const auto consumer = make_consumer(broker_->brokers(), "group");
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
  constexpr int kGroupAuthorizationFailed = 30;
  broker_->fail_requests(EmbeddedBroker::Request::kOffsetCommit, 1, kGroupAuthorizationFailed);
  ASSERT_EQ(consumer->start_commit({{{"topic", 0}, 7}}), absl::OkStatus());
  std::optional<absl::Status> answer;
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(*consumer, kept,
                       [&] {
                         if (!answer) answer = consumer->commit_answer();
                         return answer.has_value();
                       }),
            absl::OkStatus());
  EXPECT_TRUE(absl::IsPermissionDenied(*answer)) << *answer;
}

TEST_F(Offsets, AreLookedUpWithinTheWait) {
  create("topic");
  const auto consumer = make_consumer(broker_->brokers(), "group");
  broker_->set_reachable(false);
  const auto start = std::chrono::steady_clock::now();
  const auto none = consumer->committed({{"topic", 0}}, milliseconds(300));
  EXPECT_TRUE(absl::IsUnavailable(none.status())) << none.status();
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(3'000));
  broker_->set_reachable(true);
  const auto later = consumer->committed({{"topic", 0}});
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_THAT(*later, ElementsAre(std::nullopt));
}

TEST_F(Offsets, ARefusedCommitSaysSo) {
  create("topic");
  const auto consumer = make_consumer(broker_->brokers(), "group");
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
  constexpr int kGroupAuthorizationFailed = 30;
  broker_->fail_requests(EmbeddedBroker::Request::kOffsetCommit, 1, kGroupAuthorizationFailed);
  const absl::Status status = consumer->commit({{{"topic", 0}, 7}});
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_EQ(consumer->commit({{{"topic", 0}, 7}}), absl::OkStatus());
}

TEST_F(Offsets, NeedAGroup) {
  create("topic");
  const auto consumer = make_consumer(broker_->brokers(), "");
  ASSERT_EQ(consumer->assign({{{"topic", 0}, 0}}), absl::OkStatus());
  EXPECT_TRUE(absl::IsInvalidArgument(consumer->commit({{{"topic", 0}, 7}})));
  EXPECT_TRUE(absl::IsInvalidArgument(consumer->committed({{"topic", 0}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(consumer->subscribe(
      {"topic"},
      {.assigned = [](const auto& p) { return std::vector<std::int64_t>(p.size(), 0); }})));
}

using Ends = EmbeddedBrokerTest;

TEST_F(Ends, OfSeveralLogsAreKnownAtOnce) {
  create("topic", 2);
  create("other");
  put("topic", {"0", "1", "2"});
  const auto consumer = make_consumer(broker_->brokers(), "");
  const auto ends =
      consumer->log_ends({{"topic", 1}, {"topic", 0}, {"other", 0}}, milliseconds(10'000));
  ASSERT_TRUE(ends.ok()) << ends.status();
  EXPECT_THAT(*ends, ElementsAre(LogEnds{0, 0}, LogEnds{0, 3}, LogEnds{0, 0}));
}

TEST_F(Ends, AreLookedUpWithinTheWait) {
  create("topic");
  const auto consumer = make_consumer(broker_->brokers(), "");
  broker_->set_reachable(false);
  const auto start = std::chrono::steady_clock::now();
  const auto ends = consumer->log_ends({{"topic", 0}}, milliseconds(300));
  EXPECT_TRUE(absl::IsUnavailable(ends.status())) << ends.status();
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(3'000));
}

TEST_F(Ends, TheFirstRecordsAreReadWhereThereAreAny) {
  create("topic", 3);
  const auto producer = make_producer(broker_->brokers());
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(producer->produce("topic", i % 2, i < 2 ? "key" : std::string_view(),
                                std::to_string(i), {}, 1'700'000'000'000 + i),
              absl::OkStatus());
  }
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  const auto records =
      first_records({.brokers = broker_->brokers()},
                    {{{"topic", 0}, 1}, {{"topic", 2}, kBeginning}, {{"topic", 1}, kBeginning}},
                    milliseconds(10'000));
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 3U);
  ASSERT_TRUE((*records)[0].has_value());
  EXPECT_EQ((*records)[0]->offset, 1);
  EXPECT_EQ((*records)[0]->payload, "2");
  EXPECT_FALSE((*records)[0]->has_key);
  EXPECT_FALSE((*records)[1].has_value());
  ASSERT_TRUE((*records)[2].has_value());
  EXPECT_EQ((*records)[2]->offset, 0);
  EXPECT_EQ((*records)[2]->payload, "1");
  EXPECT_EQ((*records)[2]->key, "key");
  EXPECT_TRUE((*records)[2]->has_key);
  EXPECT_EQ((*records)[2]->timestamp_ms, 1'700'000'000'001);
}

TEST_F(Ends, TheFirstRecordsOfADeadBrokerAreUnavailable) {
  create("topic");
  broker_->set_reachable(false);
  const auto start = std::chrono::steady_clock::now();
  const auto records = first_records({.brokers = broker_->brokers()}, {{{"topic", 0}, kBeginning}},
                                     milliseconds(300));
  EXPECT_TRUE(absl::IsUnavailable(records.status())) << records.status();
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(5'000));
}

using Transactions = EmbeddedBrokerTest;

// The embedded broker takes a transaction's offsets and doesn't keep them, and shows aborted
// records: that both are as they should be is tested in tests/integration.
TEST_F(Transactions, CommitRecordsAndOffsets) {
  create("in");
  create("out");
  put("in", {"0", "1"});
  const auto consumer = make_consumer(broker_->brokers(), "group");
  ASSERT_EQ(read_to_end(*consumer, {{{"in", 0}, 0}}).size(), 2U);
  const auto producer = make_producer(broker_->brokers(), "worker-0");
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  ASSERT_EQ(producer->produce("out", 0, "k", "sum"), absl::OkStatus());
  ASSERT_EQ(producer->commit_transaction(consumer.get(), {{{"in", 0}, 2}}), absl::OkStatus());
  EXPECT_FALSE(producer->wants_recycling());
  EXPECT_EQ(producer->pending(), 0U);

  const auto reader = make_consumer(broker_->brokers(), "group");
  EXPECT_THAT(payloads(read_to_end(*reader, {{{"out", 0}, 0}})), ElementsAre("sum"));
  // The same producer goes on.
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  ASSERT_EQ(producer->commit_transaction(nullptr, {}), absl::OkStatus());
}

TEST_F(Transactions, AnAbortedOneCommitsNoOffsets) {
  create("in");
  const auto consumer = make_consumer(broker_->brokers(), "group");
  const auto producer = make_producer(broker_->brokers(), "worker-0");
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  ASSERT_EQ(producer->produce("in", 0, "k", "v"), absl::OkStatus());
  ASSERT_EQ(producer->abort_transaction(), absl::OkStatus());
  EXPECT_THAT(*consumer->committed({{"in", 0}}), ElementsAre(std::nullopt));
  // Nothing to abort is no error.
  EXPECT_EQ(producer->abort_transaction(), absl::OkStatus());
}

TEST_F(Transactions, AfterARefusedCommitTheTransactionCanBeAborted) {
  create("out");
  const auto producer = make_producer(broker_->brokers(), "worker-0");
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  ASSERT_EQ(producer->produce("out", 0, "k", "v"), absl::OkStatus());
  constexpr int kTooLarge = 10;  // permanent, so the message fails
  broker_->fail_requests(EmbeddedBroker::Request::kProduce, 1, kTooLarge);
  const absl::Status status = producer->commit_transaction(nullptr, {});
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(producer->wants_recycling());
  EXPECT_EQ(producer->abort_transaction(), absl::OkStatus());
  EXPECT_EQ(producer->begin_transaction(), absl::OkStatus());
}

TEST_F(Transactions, AFencedProducerIsToBeMadeAnew) {
  create("out");
  const auto producer = make_producer(broker_->brokers(), "worker-0");
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  ASSERT_EQ(producer->produce("out", 0, "k", "v"), absl::OkStatus());
  constexpr int kInvalidProducerEpoch = 47;
  broker_->fail_requests(EmbeddedBroker::Request::kEndTxn, 1, kInvalidProducerEpoch);
  const absl::Status status = producer->commit_transaction(nullptr, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(producer->wants_recycling());
  EXPECT_TRUE(absl::IsFailedPrecondition(producer->begin_transaction()));
}

using Corruption = EmbeddedBrokerTest;

TEST_F(Corruption, WhatCuresItselfIsNotPassedOver) {
  create("topic");
  put("topic", {"0", "1", "2"});
  const auto consumer = make_consumer(broker_->brokers());
  constexpr int kCorruptMessage = 2;
  broker_->fail_requests(EmbeddedBroker::Request::kFetch, 4, kCorruptMessage);
  EXPECT_THAT(payloads(read_to_end(*consumer, {{{"topic", 0}, 0}})), ElementsAre("0", "1", "2"));
  EXPECT_EQ(consumer->skipped_records(), 0U);
}

}  // namespace
}  // namespace surgewatch::kafka
