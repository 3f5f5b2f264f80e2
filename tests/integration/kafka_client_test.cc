// lib/kafka against a real Kafka: what the embedded broker can't show.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "kafka/topics.h"
#include "support/kafka_clients.h"
#include "support/kafka_server.h"
#include "support/kafka_server_fixture.h"
#include "support/process.h"
#include "support/record_batch.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::steady_clock;
using test::KafkaServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RealKafka : public test::KafkaServerFixture {
 protected:
  static const std::string& brokers() { return server_->brokers(); }

  static bool is_known(Admin& admin, const std::string& topic) {
    const auto found = admin.partitions({topic}, milliseconds(10'000));
    return found.ok() && found->front().has_value();
  }

  // A topic that no other test has.
  static std::string create(std::int32_t partitions = 1,
                            const std::map<std::string, std::string>& settings = {}) {
    static int count = 0;
    std::string name = "topic-" + std::to_string(++count);
    const auto admin = *Admin::create({.brokers = brokers()});
    EXPECT_EQ(admin->create_topics({{name, partitions, settings}}, 1), absl::OkStatus());
    // The broker tells of it a moment after the controller has made it.
    EXPECT_TRUE(test::wait_until([&] { return is_known(*admin, name); }, milliseconds(60'000)));
    return name;
  }
  static void put(Producer& producer, const std::string& topic, const std::string& payload,
                  std::int32_t partition = 0) {
    ASSERT_EQ(producer.produce(topic, partition, "key", payload), absl::OkStatus());
  }
  static std::vector<std::string> read(const std::string& topic, bool read_committed = true) {
    const auto consumer = make_consumer(brokers(), "reader", {.read_committed = read_committed});
    return payloads(read_to_end(*consumer, {{{topic, 0}, kBeginning}}));
  }
};

TEST_F(RealKafka, KeepsKeyHeadersTimestampAndBytes) {
  const std::string topic = create();
  const auto producer = make_producer(brokers());
  ASSERT_EQ(
      producer->produce(topic, -1, "order-1", "bytes", {{"reason", "late"}}, 1'700'000'000'123),
      absl::OkStatus());
  ASSERT_EQ(producer->produce(topic, -1, "order-1", std::string_view()), absl::OkStatus());
  ASSERT_EQ(producer->flush(milliseconds(20'000)), absl::OkStatus());
  const auto consumer = make_consumer(brokers(), "reader", {.headers = true});
  const auto kept = read_to_end(*consumer, {{{topic, 0}, kBeginning}});
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].key, "order-1");
  EXPECT_EQ(kept[0].payload, "bytes");
  EXPECT_EQ(kept[0].timestamp_ms, 1'700'000'000'123);
  ASSERT_EQ(kept[0].headers.size(), 1U);
  EXPECT_EQ(kept[0].headers[0].value, "late");
  EXPECT_TRUE(kept[1].tombstone);
}

TEST_F(RealKafka, ARecordComesWithinAMomentOfBeingWritten) {
  const std::string topic = create();
  const auto producer = make_producer(brokers());
  const auto consumer = make_consumer(brokers());
  ASSERT_TRUE(read_to_end(*consumer, {{{topic, 0}, 0}}).empty());
  put(*producer, topic, "first");  // the client learns of the topic
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return kept.size() == 1; }), absl::OkStatus());
  std::vector<std::int64_t> micros;
  for (std::size_t i = 2; i < 52; ++i) {
    const auto start = steady_clock::now();
    put(*producer, topic, "next");
    producer->poll();
    ASSERT_EQ(poll_until(*consumer, kept, [&] { return kept.size() == i; }), absl::OkStatus());
    micros.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start).count());
  }
  std::ranges::sort(micros);
  RecordProperty("median_us", std::to_string(micros[micros.size() / 2]));
  EXPECT_LT(micros[micros.size() / 2], 500'000);
}

TEST_F(RealKafka, CommittedTransactionsAreSeenWholeAndAbortedOnesNot) {
  const std::string in = create();
  const std::string out = create();
  const auto consumer = make_consumer(brokers(), "group-" + in);
  const auto producer = make_producer(brokers(), "id-" + in);
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  put(*producer, out, "kept");
  ASSERT_EQ(producer->commit_transaction(consumer.get(), {{{in, 0}, 5, "partial"}}),
            absl::OkStatus());
  EXPECT_THAT(*consumer->committed({{in, 0}}), ElementsAre(GroupOffset{{in, 0}, 5, "partial"}));

  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  put(*producer, out, "aborted");
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());  // it is in the log
  ASSERT_EQ(producer->abort_transaction(), absl::OkStatus());
  EXPECT_THAT(*consumer->committed({{in, 0}}), ElementsAre(GroupOffset{{in, 0}, 5, "partial"}));

  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  put(*producer, out, "kept too");
  ASSERT_EQ(producer->commit_transaction(nullptr, {}), absl::OkStatus());
  EXPECT_THAT(read(out), ElementsAre("kept", "kept too"));
  EXPECT_THAT(read(out, false), ElementsAre("kept", "aborted", "kept too"));
}

// Whatever was on its way when the refusal came: the brokers see that something is missing.
TEST_F(RealKafka, BehindARefusedRecordNothingIsWrittenByOneThatStopsAtGaps) {
  const std::string topic = create(1, {{"max.message.bytes", "5000"}});
  std::vector<Delivery> deliveries;
  Producer::Options options;
  options.client = {.brokers = brokers(), .properties = {{"batch.num.messages", "1"}}};
  options.linger = milliseconds(0);
  options.delivered = [&](const Delivery& delivery) { deliveries.push_back(delivery); };
  options.retries_for_ever = true;
  options.stops_at_gaps = true;
  const auto producer = *Producer::create(options);
  put(*producer, topic, "first");
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  ASSERT_EQ(deliveries.size(), 1U);
  EXPECT_EQ(deliveries[0].offset, 0);
  server_->pause();
  put(*producer, topic, std::string(10'000, 'x'));
  for (int i = 0; i < 20; ++i) put(*producer, topic, "behind");
  server_->resume();
  const auto deadline = steady_clock::now() + milliseconds(20'000);
  while (deliveries.size() < 2 && steady_clock::now() < deadline) {
    (void)producer->flush(milliseconds(50));
  }
  ASSERT_GE(deliveries.size(), 2U);
  EXPECT_TRUE(absl::IsInvalidArgument(deliveries[1].status)) << deliveries[1].status;
  EXPECT_TRUE(absl::IsFailedPrecondition(producer->produce(topic, 0, "key", "later")));
  EXPECT_THAT(read(topic), ElementsAre("first"));
}

TEST_F(RealKafka, LagIsZeroAtTheEndThoughTheLogEndsWithAMarker) {
  const std::string topic = create();
  const auto producer = make_producer(brokers(), "id-" + topic);
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  put(*producer, topic, "1");
  ASSERT_EQ(producer->commit_transaction(nullptr, {}), absl::OkStatus());
  const auto consumer = make_consumer(brokers());
  EXPECT_EQ(read_to_end(*consumer, {{{topic, 0}, 0}}).size(), 1U);
  const std::map<TopicPartition, std::int64_t> none = {{{topic, 0}, 0}};
  EXPECT_EQ(consumer->lag(), none);
}

TEST_F(RealKafka, AnOpenTransactionHidesAndDestroyingTheProducerEndsIt) {
  const std::string topic = create();
  auto producer = make_producer(brokers(), "id-" + topic);
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  put(*producer, topic, "open");
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  EXPECT_THAT(read(topic), IsEmpty());
  producer.reset();
  const auto after = make_producer(brokers());
  put(*after, topic, "after");
  ASSERT_EQ(after->flush(milliseconds(10'000)), absl::OkStatus());
  const auto start = steady_clock::now();
  const auto consumer = make_consumer(brokers());
  ASSERT_EQ(consumer->assign({{{topic, 0}, 0}}), absl::OkStatus());
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return !kept.empty(); }), absl::OkStatus());
  EXPECT_THAT(payloads(kept), ElementsAre("after"));
  // Well before the transaction's own time is over.
  EXPECT_LT(steady_clock::now() - start, milliseconds(8'000));
}

TEST_F(RealKafka, ANewProducerFencesTheOldOneOfItsId) {
  const std::string topic = create();
  const auto old_one = make_producer(brokers(), "id-" + topic);
  ASSERT_EQ(old_one->begin_transaction(), absl::OkStatus());
  put(*old_one, topic, "of the zombie");
  ASSERT_EQ(old_one->flush(milliseconds(10'000)), absl::OkStatus());
  const auto new_one = make_producer(brokers(), "id-" + topic);
  const absl::Status fenced = old_one->commit_transaction(nullptr, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(fenced)) << fenced;
  EXPECT_TRUE(old_one->wants_recycling());
  ASSERT_EQ(new_one->begin_transaction(), absl::OkStatus());
  put(*new_one, topic, "of the successor");
  ASSERT_EQ(new_one->commit_transaction(nullptr, {}), absl::OkStatus());
  EXPECT_THAT(read(topic), ElementsAre("of the successor"));
}

TEST_F(RealKafka, ATransactionThatFailedIsAbortedAndDoneAgain) {
  const std::string topic = create();
  const auto producer = make_producer(brokers(), "id-" + topic);
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  put(*producer, topic, "first");
  ASSERT_EQ(producer->produce("no-such-topic", 0, "k", "v"), absl::OkStatus());
  const absl::Status status = producer->commit_transaction(nullptr, {});
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"no-such-topic\""));
  ASSERT_EQ(producer->abort_transaction(), absl::OkStatus());
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  put(*producer, topic, "again");
  ASSERT_EQ(producer->commit_transaction(nullptr, {}), absl::OkStatus());
  EXPECT_THAT(read(topic), ElementsAre("again"));
}

TEST_F(RealKafka, ACommitIsFastAndAFrozenBrokerMakesTheProducerWantRecycling) {
  const std::string topic = create();
  const auto producer = make_producer(brokers(), "id-" + topic);
  std::vector<std::int64_t> micros;
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
    put(*producer, topic, "v");
    const auto start = steady_clock::now();
    ASSERT_EQ(producer->commit_transaction(nullptr, {}), absl::OkStatus());
    micros.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start).count());
  }
  std::ranges::sort(micros);
  RecordProperty("median_us", std::to_string(micros[25]));
  RecordProperty("p95_us", std::to_string(micros[47]));
  EXPECT_FALSE(producer->wants_recycling());

  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  put(*producer, topic, "slow");
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  server_->pause();
  std::jthread thaw([] {
    std::this_thread::sleep_for(milliseconds(1'500));  // the fault's length
    server_->resume();
  });
  EXPECT_EQ(producer->commit_transaction(nullptr, {}), absl::OkStatus());
  EXPECT_TRUE(producer->wants_recycling());
}

// A member of a group that commits where it stopped when its partitions go.
struct Member {
  std::unique_ptr<Consumer> consumer;
  std::map<TopicPartition, std::int64_t> next;
  std::vector<Kept> kept;

  Member(const std::string& brokers, const std::string& group,
         const std::vector<std::string>& topics)
      : consumer(make_consumer(brokers, group)) {
    EXPECT_EQ(consumer->subscribe(
                  topics, {.assigned =
                               [this](const std::vector<TopicPartition>& partitions) {
                                 const auto committed = consumer->committed(partitions);
                                 EXPECT_TRUE(committed.ok()) << committed.status();
                                 std::vector<std::int64_t> starts;
                                 for (std::size_t i = 0; i < partitions.size(); ++i) {
                                   starts.push_back((*committed)[i] ? (*committed)[i]->offset : 0);
                                   next[partitions[i]] = starts.back();
                                 }
                                 return starts;
                               },
                           .revoked =
                               [this](const std::vector<TopicPartition>&) {
                                 EXPECT_FALSE(consumer->assignment_lost());
                                 std::vector<GroupOffset> all;
                                 for (const auto& [id, offset] : next) all.push_back({id, offset});
                                 EXPECT_EQ(consumer->commit(all), absl::OkStatus());
                                 next.clear();
                               }}),
              absl::OkStatus());
  }
  void poll() {
    const auto polled = consumer->poll(milliseconds(10), 1000, [&](const Message& message) {
      kept.push_back(keep(message));
      next[{std::string(message.topic), message.partition}] = message.offset + 1;
    });
    EXPECT_TRUE(polled.ok()) << polled.status();
  }
};

TEST_F(RealKafka, AGroupHandsPairsOverWithNothingTwiceAndNothingMissed) {
  const std::string invoices = create(4);
  const std::string shipments = create(4);
  const auto producer = make_producer(brokers());
  std::size_t written = 0;
  const auto write = [&] {
    for (int partition = 0; partition < 4; ++partition) {
      put(*producer, invoices, std::to_string(written++), partition);
      put(*producer, shipments, std::to_string(written++), partition);
    }
    ASSERT_EQ(producer->flush(milliseconds(20'000)), absl::OkStatus());
  };
  write();
  Member first(brokers(), "group-" + invoices, {invoices, shipments});
  const auto until = [](const std::function<bool()>& condition) {
    return test::wait_until(condition, milliseconds(40'000));
  };
  ASSERT_TRUE(until([&] { return first.poll(), first.kept.size() == 8; }));
  auto second =
      std::make_unique<Member>(brokers(), "group-" + invoices, std::vector{invoices, shipments});
  ASSERT_TRUE(until([&] {
    first.poll();
    second->poll();
    return first.next.size() == 4 && second->next.size() == 4;
  }));
  for (const Member* member : {&first, second.get()}) {
    for (const auto& [partition, offset] : member->next) {
      const std::string& other = partition.topic == invoices ? shipments : invoices;
      EXPECT_TRUE(member->next.contains({other, partition.partition}));
    }
  }
  write();
  ASSERT_TRUE(until([&] {
    first.poll();
    second->poll();
    return first.kept.size() + second->kept.size() >= written;
  }));
  std::set<std::string> seen;
  for (const Member* member : {&first, second.get()}) {
    for (const Kept& one : member->kept) EXPECT_TRUE(seen.insert(one.payload).second);
  }
  EXPECT_EQ(seen.size(), written);
  // One that leaves is followed without waiting for the end of its session.
  const auto start = steady_clock::now();
  second.reset();
  ASSERT_TRUE(until([&] { return first.poll(), first.next.size() == 8; }));
  EXPECT_LT(steady_clock::now() - start, milliseconds(9'000));
}

TEST_F(RealKafka, AMissingTopicIsNamedAndNotCreated) {
  const auto admin = *Admin::create({.brokers = brokers()});
  const auto consumer = make_consumer(brokers(), "group-nowhere");
  ASSERT_EQ(consumer->subscribe({"nowhere"}, {.assigned =
                                                  [](const auto& partitions) {
                                                    return std::vector<std::int64_t>(
                                                        partitions.size(), 0);
                                                  }}),
            absl::OkStatus());
  std::vector<Kept> kept;
  const absl::Status status = poll_until(*consumer, kept, [] { return false; });
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"nowhere\""));

  const auto by_hand = make_consumer(brokers());
  ASSERT_EQ(by_hand->assign({{{"nowhere", 0}, 0}}), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(poll_until(*by_hand, kept, [] { return false; })));

  const auto producer = make_producer(brokers());
  ASSERT_EQ(producer->produce("nowhere", -1, "k", "v"), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(producer->flush(milliseconds(20'000))));
  EXPECT_THAT(*admin->partitions({"nowhere"}, milliseconds(10'000)), ElementsAre(std::nullopt));

  // Once it is there, the subscriber goes on.
  ASSERT_EQ(admin->create_topics({{"nowhere", 1, {}}}, 1), absl::OkStatus());
  const auto later = make_producer(brokers());
  ASSERT_EQ(later->produce("nowhere", 0, "k", "v"), absl::OkStatus());
  ASSERT_EQ(later->flush(milliseconds(20'000)), absl::OkStatus());
  ASSERT_TRUE(test::wait_until(
      [&] {
        (void)consumer->poll(milliseconds(50), 10,
                             [&](const Message& message) { kept.push_back(keep(message)); });
        return !kept.empty();
      },
      milliseconds(30'000)));
  EXPECT_EQ(consumer->last_error(), absl::OkStatus());
}

TEST_F(RealKafka, MakesEveryTopicOnceAndLeavesThoseThatAreThere) {
  const auto admin = *Admin::create({.brokers = brokers()});
  const Topics topics("eu.");
  ASSERT_EQ(admin->create_topics(topics.specs(3), -1), absl::OkStatus());
  ASSERT_EQ(admin->create_topics(topics.specs(8), -1), absl::OkStatus());
  std::vector<std::string> names;
  std::vector<std::optional<std::int32_t>> expected;
  for (const TopicSpec& spec : topics.specs(3)) {
    names.push_back(spec.name);
    expected.emplace_back(spec.partitions);
  }
  EXPECT_EQ(*admin->partitions(names, milliseconds(10'000)), expected);
}

TEST_F(RealKafka, ARecordOfAClockThatRunsAheadIsRefused) {
  const auto admin = *Admin::create({.brokers = brokers()});
  const Topics topics("bounded.");
  ASSERT_EQ(create_topics(admin.get(), topics.specs(1, std::chrono::hours(24)), 1),
            absl::OkStatus());
  const auto now =
      std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  const auto put_at = [&](std::chrono::hours ahead) {
    const auto producer = make_producer(brokers());
    EXPECT_EQ(producer->produce(topics.invoices, 0, "k", "v", {}, (now + ahead).count()),
              absl::OkStatus());
    return producer->flush(milliseconds(20'000));
  };
  EXPECT_EQ(put_at(std::chrono::hours(23)), absl::OkStatus());
  const absl::Status refused = put_at(std::chrono::hours(25));
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(*admin->watermarks({topics.invoices, 0}, milliseconds(10'000)),
            std::pair(std::int64_t{0}, std::int64_t{1}));
}

TEST_F(RealKafka, ATopicThatKafkaRefusesIsNamedWithTheReason) {
  const auto admin = *Admin::create({.brokers = brokers()});
  const absl::Status setting =
      admin->create_topics({{"refused", 1, {{"cleanup.policy", "burn"}}}}, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(setting)) << setting;
  EXPECT_THAT(std::string(setting.message()), HasSubstr("\"refused\""));
  EXPECT_THAT(std::string(setting.message()), HasSubstr("burn"));
  // What brokers before 3.6 say of the bound on timestamps: see create_topics() of topics.h.
  const absl::Status unknown = admin->create_topics({{"refused", 1, {{"no.such.name", "1"}}}}, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(unknown)) << unknown;
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("no.such.name"));
  const absl::Status replicas = admin->create_topics({{"refused", 1, {}}}, 3);
  EXPECT_TRUE(absl::IsInvalidArgument(replicas)) << replicas;
}

TEST_F(RealKafka, WatermarksAreTheEndsOfTheLog) {
  const std::string topic = create(2);
  const auto producer = make_producer(brokers());
  for (int i = 0; i < 3; ++i) put(*producer, topic, "v", 1);
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  const auto admin = *Admin::create({.brokers = brokers()});
  EXPECT_EQ(*admin->watermarks({topic, 0}, milliseconds(10'000)),
            std::pair(std::int64_t{0}, std::int64_t{0}));
  EXPECT_EQ(*admin->watermarks({topic, 1}, milliseconds(10'000)),
            std::pair(std::int64_t{0}, std::int64_t{3}));
  EXPECT_TRUE(absl::IsNotFound(admin->watermarks({topic, 2}, milliseconds(10'000)).status()));
  EXPECT_TRUE(
      absl::IsNotFound(admin->watermarks({"never-made", 0}, milliseconds(10'000)).status()));
}

// The faults: after these the server is another process.

TEST_F(RealKafka, AFrozenBrokerDoesNotHoldUpTheEnd) {
  const std::string topic = create();
  auto member = std::make_unique<Member>(brokers(), "group-" + topic, std::vector{topic});
  ASSERT_TRUE(test::wait_until([&] { return member->poll(), member->next.size() == 1; },
                               milliseconds(40'000)));
  auto producer = make_producer(brokers(), "id-" + topic);
  ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
  put(*producer, topic, "v");
  server_->pause();
  auto start = steady_clock::now();
  member.reset();
  EXPECT_LT(steady_clock::now() - start, milliseconds(3'000));
  start = steady_clock::now();
  producer.reset();
  EXPECT_LT(steady_clock::now() - start, milliseconds(3'000));
  server_->resume();
}

TEST_F(RealKafka, ACommitThatIsNotAnsweredEnds) {
  const std::string topic = create();
  std::atomic<bool> stop = false;
  auto producer = *Producer::create(
      {.client = {.brokers = brokers()}, .transactional_id = "id-" + topic, .stop = &stop});
  for (const bool is_stopped : {true, false}) {
    SCOPED_TRACE(is_stopped ? "by a stop" : "by itself");
    stop = is_stopped;
    ASSERT_EQ(producer->begin_transaction(), absl::OkStatus());
    put(*producer, topic, "v");
    ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
    server_->pause();
    const auto start = steady_clock::now();
    const absl::Status status = producer->commit_transaction(nullptr, {});
    EXPECT_LT(steady_clock::now() - start, milliseconds(is_stopped ? 2'000 : 13'000));
    server_->resume();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    // What became of it, a new producer decides.
    stop = false;
    producer.reset();
    producer = make_producer(brokers(), "id-" + topic);
  }
}

TEST_F(RealKafka, ARestartIsRiddenOut) {
  const std::string topic = create();
  const auto producer = make_producer(brokers());
  const auto consumer = make_consumer(brokers());
  put(*producer, topic, "before");
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  ASSERT_EQ(consumer->assign({{{topic, 0}, 0}}), absl::OkStatus());
  std::vector<Kept> kept;
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return kept.size() == 1; }), absl::OkStatus());
  server_->kill();
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return !consumer->last_error().ok(); }),
            absl::OkStatus());
  put(*producer, topic, "meanwhile");
  ASSERT_EQ(server_->restart(), absl::OkStatus());
  ASSERT_EQ(producer->flush(milliseconds(30'000)), absl::OkStatus());
  ASSERT_EQ(poll_until(*consumer, kept, [&] { return kept.size() == 2; }), absl::OkStatus());
  EXPECT_THAT(payloads(kept), ElementsAre("before", "meanwhile"));
  EXPECT_EQ(consumer->last_error(), absl::OkStatus());
}

TEST_F(RealKafka, ADamagedBatchIsPassedOverAndNothingElse) {
  const std::string topic = create();
  const auto producer = make_producer(brokers());
  constexpr int kBatches = 3;
  constexpr int kRecords = 100;
  const std::string mark = "damage-me";
  for (int batch = 0; batch < kBatches; ++batch) {
    for (int i = 0; i < kRecords; ++i) {
      put(*producer, topic, batch == 1 && i == 50 ? mark : std::to_string(batch));
    }
    ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  }
  server_->stop();
  const auto log = server_->log_directory(topic, 0) / "00000000000000000000.log";
  std::string bytes;
  {
    std::ifstream in(log, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::size_t at = bytes.find(mark);
  ASSERT_NE(at, std::string::npos);
  std::fstream(log, std::ios::binary | std::ios::in | std::ios::out)
      .seekp(static_cast<std::streamoff>(at))
      .put('D');
  ASSERT_EQ(server_->restart(), absl::OkStatus());

  std::vector<std::pair<std::int64_t, std::int64_t>> skipped;
  const auto consumer =
      make_consumer(brokers(), "reader",
                    {.skipped = [&](const TopicPartition&, std::int64_t first, std::int64_t next,
                                    std::string_view) { skipped.emplace_back(first, next); }});
  const auto kept = read_to_end(*consumer, {{{topic, 0}, 0}});
  ASSERT_EQ(skipped.size(), 1U);
  const auto [first, next] = skipped.front();
  EXPECT_EQ(consumer->skipped_records(), static_cast<std::uint64_t>(next - first));
  // Whole batches of the producer's making, and those only.
  EXPECT_LE(first, 150);
  EXPECT_GT(next, 150);
  EXPECT_GE(first, 100);
  EXPECT_LE(next, 200);
  std::vector<std::int64_t> expected;
  for (std::int64_t i = 0; i < kBatches * kRecords; ++i) {
    if (i < first || i >= next) expected.push_back(i);
  }
  std::vector<std::int64_t> offsets;
  for (const Kept& one : kept) offsets.push_back(one.offset);
  EXPECT_EQ(offsets, expected);
}

// What a broker would not take from a producer, and has on its disk nevertheless.
TEST_F(RealKafka, WhateverIsWrongWithABatchNothingElseIsPassedOver) {
  const std::string topic = create();
  const auto producer = make_producer(brokers());
  put(*producer, topic, "first");
  ASSERT_EQ(producer->flush(milliseconds(10'000)), absl::OkStatus());
  server_->stop();

  constexpr int kRecords = 3;
  const std::string noise = "no codec's stream, whichever is asked";
  const std::string sound = test::records({{"k", "a"}, {"k", "b"}, {"k", "c"}});
  const auto batch = [&](test::Codec codec, const std::string& body) {
    return test::RecordBatch{.body = body, .records = kRecords, .codec = codec};
  };
  std::vector<test::RecordBatch> bad = {
      batch(test::Codec::kGzip, noise),     batch(test::Codec::kSnappy, noise),
      batch(test::Codec::kLz4, noise),      batch(test::Codec::kZstd, noise),
      batch(test::Codec::kUnknown5, noise), batch(test::Codec::kNone, sound),
      batch(test::Codec::kNone, sound),     batch(test::Codec::kNone, std::string(60, '\xFF'))};
  bad[5].has_right_checksum = false;
  bad[6].magic = 3;
  std::ofstream log(server_->log_directory(topic, 0) / "00000000000000000000.log",
                    std::ios::binary | std::ios::app);
  std::vector<std::pair<std::int64_t, std::int64_t>> expected;
  std::vector<std::string> readable{"first"};
  std::int64_t offset = 1;
  for (test::RecordBatch& one : bad) {
    one.first_offset = offset;
    log << one.bytes();
    expected.emplace_back(offset, offset + kRecords);
    offset += kRecords;
    readable.push_back("behind " + std::to_string(offset));
    const test::RecordBatch good{.body = test::records({{"k", readable.back()}}),
                                 .first_offset = offset++};
    log << good.bytes();
  }
  log.close();
  ASSERT_EQ(server_->restart(), absl::OkStatus());

  std::vector<std::pair<std::int64_t, std::int64_t>> skipped;
  const auto consumer =
      make_consumer(brokers(), "reader",
                    {.skipped = [&](const TopicPartition&, std::int64_t first, std::int64_t next,
                                    std::string_view) { skipped.emplace_back(first, next); }});
  std::vector<Kept> kept;
  ASSERT_EQ(consumer->assign({{{topic, 0}, 0}}), absl::OkStatus());
  ASSERT_EQ(poll_until(
                *consumer, kept, [&] { return consumer->at_end(); }, milliseconds(120'000)),
            absl::OkStatus());
  EXPECT_EQ(skipped, expected);
  EXPECT_EQ(payloads(kept), readable);
}

}  // namespace
}  // namespace surgewatch::kafka
