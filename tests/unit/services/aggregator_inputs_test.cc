// An aggregator on the embedded broker: what it does with what it can't count, where it begins,
// what it says of both.
#include <fmt/format.h>

#include <map>

#include "support/kafka_admin.h"
#include "support/log_lines.h"
#include "support/record_batch.h"
#include "support/running_aggregator.h"

namespace surgewatch::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int kTooLargeForUs = 1'000'000;  // message.max.bytes of our producers
constexpr int kRequestTimedOut = 7;

class OnEmbeddedBroker : public ::testing::Test {
 protected:
  OnEmbeddedBroker() {
    for (const kafka::TopicSpec& spec : topics_.specs(1)) {
      EXPECT_EQ(broker_->create_topic(spec.name, 1), absl::OkStatus());
    }
  }

  const std::string& brokers() const { return broker_->brokers(); }
  std::shared_ptr<const config::Config> config(const std::string& more = "") const {
    return aggregator_config(brokers(), "", more);
  }
  void send(const std::string& topic, const std::string& key, const std::string& payload,
            std::optional<std::int64_t> timestamp_ms = std::nullopt) {
    ASSERT_EQ(producer_->produce(topic, 0, key, payload, {}, timestamp_ms), absl::OkStatus());
    ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  }
  void send(const v1::Invoice& one) { send("invoices", one.order_id(), one.SerializeAsString()); }
  void send(const v1::Shipment& one) { send("shipments", one.order_id(), one.SerializeAsString()); }
  std::vector<kafka::Kept> records(const std::string& topic) const {
    const auto consumer = kafka::make_consumer(brokers(), "reader", {.headers = true});
    return kafka::read_to_end(*consumer, {{{topic, 0}, kafka::kBeginning}});
  }
  static std::map<std::string, std::string> headers(const kafka::Kept& record) {
    std::map<std::string, std::string> headers;
    for (const kafka::Header& header : record.headers) headers[header.name] = header.value;
    return headers;
  }
  // As if the group had been here before.
  void committed_before(const std::string& topic, std::int64_t offset,
                        const std::string& metadata = "") {
    ASSERT_EQ(commit(brokers(), "group", {topic, 0}, offset, metadata), absl::OkStatus());
  }

  std::unique_ptr<kafka::EmbeddedBroker> broker_ = *kafka::EmbeddedBroker::start();
  const kafka::Topics topics_{""};
  std::unique_ptr<kafka::Producer> producer_ = kafka::make_producer(brokers());
};

// Whatever the record was, the events behind it count.
class TooLargeToCopy : public OnEmbeddedBroker {
 protected:
  void expect_to_go_on(RunningAggregator& aggregator, std::uint64_t records_before) {
    send(invoice("goes-on", kFirstDay + 30 * 86'400));
    EXPECT_TRUE(aggregator.wait_until([&] {
      return aggregator.progress().processed == records_before + 1;
    })) << aggregator.status();
  }
  kafka::Kept only_record(const std::string& topic) const {
    const auto kept = records(topic);
    EXPECT_THAT(kept, SizeIs(1));
    return kept.empty() ? kafka::Kept{} : kept[0];
  }
};

TEST_F(TooLargeToCopy, ALateInvoiceGoesWithoutItsPayload) {
  send(invoice("newest", kFirstDay + 30 * 86'400));
  v1::Invoice late = invoice("late");
  late.mutable_bill_to()->set_name(std::string(999'929 - late.ByteSizeLong() - 6, 'n'));
  ASSERT_NEAR(static_cast<double>(late.ByteSizeLong()), 999'929, 8);
  send(late);
  RunningAggregator aggregator(config());
  expect_to_go_on(aggregator, 2);
  ASSERT_TRUE(wait_until([&] { return !records("surgewatch.late").empty(); }, kAggregatorPatience));
  const kafka::Kept copy = only_record("surgewatch.late");
  EXPECT_THAT(copy.payload, IsEmpty());
  EXPECT_EQ(copy.key, "late");
  auto said = headers(copy);
  EXPECT_EQ(said["reason"], "LATE");
  EXPECT_EQ(said["source_topic"], "invoices");
  EXPECT_EQ(said["source_offset"], "1");
  EXPECT_EQ(said["payload_bytes"], std::to_string(late.ByteSizeLong()));
  EXPECT_THAT(said["payload_xxh3"], SizeIs(16));
  EXPECT_EQ(aggregator.metric("side_outputs_cut_total", "late"), 1);
}

TEST_F(TooLargeToCopy, ARejectedRecordGoesWithoutAKeyThatIs) {
  send("invoices", std::string(999'900, 'k'), "x");
  RunningAggregator aggregator(config());
  expect_to_go_on(aggregator, 1);
  ASSERT_TRUE(
      wait_until([&] { return !records("surgewatch.dead-letter").empty(); }, kAggregatorPatience));
  const kafka::Kept copy = only_record("surgewatch.dead-letter");
  EXPECT_EQ(copy.payload, "x");
  EXPECT_FALSE(copy.has_key);
  EXPECT_EQ(headers(copy)["key_bytes"], "999900");
  EXPECT_EQ(headers(copy)["reason"], "REJECT_REASON_UNDECODABLE");
}

TEST_F(TooLargeToCopy, ARecordThatInflatesGoesWithoutItsPayload) {
  const auto compressing = *kafka::Producer::create(
      {.client = {.brokers = brokers(),
                  .properties = {{"compression.type", "gzip"}, {"message.max.bytes", "2000000"}}}});
  ASSERT_EQ(compressing->produce("invoices", 0, "k", std::string(1'100'000, '\xFF')),
            absl::OkStatus());
  ASSERT_EQ(compressing->flush(kAggregatorPatience), absl::OkStatus());
  RunningAggregator aggregator(config());
  expect_to_go_on(aggregator, 1);
  ASSERT_TRUE(
      wait_until([&] { return !records("surgewatch.dead-letter").empty(); }, kAggregatorPatience));
  const kafka::Kept copy = only_record("surgewatch.dead-letter");
  EXPECT_THAT(copy.payload, IsEmpty());
  EXPECT_EQ(headers(copy)["payload_bytes"], "1100000");
}

// The other side of the border: what fits goes as it came.
TEST_F(TooLargeToCopy, WhatFitsGoesAsItCame) {
  const std::string payload(kTooLargeForUs - 1'000, '\xFF');
  send("invoices", "k", payload);
  RunningAggregator aggregator(config());
  expect_to_go_on(aggregator, 1);
  ASSERT_TRUE(
      wait_until([&] { return !records("surgewatch.dead-letter").empty(); }, kAggregatorPatience));
  const kafka::Kept copy = only_record("surgewatch.dead-letter");
  EXPECT_EQ(copy.payload, payload);
  EXPECT_THAT(headers(copy), Not(testing::Contains(testing::Key("payload_bytes"))));
  EXPECT_LE(headers(copy)["detail"].size(), 600U);
}

TEST_F(OnEmbeddedBroker, ADeadLetterThatTakesLongEndsNothing) {
  send(invoice("a"));
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.progress().delivered == 1; }));
  send("invoices", "k", "no protobuf");
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.progress().processed == 2; }));
  broker_->fail_requests(kafka::EmbeddedBroker::Request::kProduce, 60, kRequestTimedOut);
  broker_->fail_requests(kafka::EmbeddedBroker::Request::kOffsetCommit, 3, kRequestTimedOut);
  send("invoices", "k", "no protobuf");
  // A new session would begin at 0.
  std::uint64_t lowest = UINT64_MAX;
  ASSERT_TRUE(aggregator.wait_until([&] {
    lowest = std::min(lowest, aggregator.progress().processed);
    return records("surgewatch.dead-letter").size() >= 2 &&
           committed(brokers(), "group", {"invoices", 0}).first == 3;
  }));
  EXPECT_GE(lowest, 2U);
}

// So many that they fill the queue: the worker reads no more, and stays in its group. Of a member
// that has lost its place, what comes next would be read again from the beginning.
TEST_F(OnEmbeddedBroker, AWorkerWhoseDeadLettersDontGoOutReadsNoMoreAndStaysAMember) {
  constexpr int kRecords = 3'000;  // of several polls
  constexpr int kEvery = 10;
  constexpr std::chrono::milliseconds kAwayFromGroup{3'000};
  auto config = std::make_shared<config::Config>(*this->config());
  config->kafka.properties["queue.buffering.max.messages"] = "20";
  config->kafka.properties["session.timeout.ms"] = "3000";
  config->kafka.properties["heartbeat.interval.ms"] = "300";
  config->kafka.properties["max.poll.interval.ms"] = std::to_string(kAwayFromGroup.count());
  std::vector<std::string> rejected;
  for (int i = 0; i < kRecords; ++i) {
    const bool is_bad = i % kEvery == kEvery - 1;
    const v1::Invoice one = invoice(fmt::format("i{}", i), kFirstDay + i);
    ASSERT_EQ(producer_->produce("invoices", 0, one.order_id(),
                                 is_bad ? "no protobuf" : one.SerializeAsString()),
              absl::OkStatus());
    if (is_bad) rejected.push_back(std::to_string(i));
  }
  ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  broker_->fail_requests(kafka::EmbeddedBroker::Request::kProduce, 1'000'000, kRequestTimedOut);
  const LogLines log;
  RunningAggregator aggregator(config, /*wait_in_place=*/std::chrono::milliseconds(100));
  ASSERT_TRUE(
      aggregator.wait_until([&] { return log.count("worker 0: nothing more is read until") > 0; }));
  const std::uint64_t read = aggregator.progress().processed;
  EXPECT_GT(read, 0U);
  EXPECT_LE(read, 512U);  // what a poll takes
  // The time in which the group would write off a member that does not poll, twice.
  EXPECT_FALSE(
      wait_until([&] { return aggregator.progress().processed != read; }, 2 * kAwayFromGroup));
  EXPECT_EQ(aggregator.metric("worker_sources"), 2);
  EXPECT_LE(committed(brokers(), "group", {"invoices", 0}).first, kEvery - 1);
  broker_->stop_failing(kafka::EmbeddedBroker::Request::kProduce);
  ASSERT_TRUE(aggregator.wait_until([&] {
    return aggregator.is_ready() &&
           committed(brokers(), "group", {"invoices", 0}).first == kRecords;
  })) << aggregator.missing();
  EXPECT_EQ(aggregator.metric("events_consumed_total"), kRecords);
  EXPECT_EQ(aggregator.metric("events_rejected_total"), rejected.size());
  EXPECT_EQ(aggregator.metric("events_duplicate_total"), 0);
  EXPECT_EQ(aggregator.metric("events_reread_total"), 0);
  std::vector<std::string> sent;
  for (const kafka::Kept& letter : records("surgewatch.dead-letter")) {
    sent.push_back(headers(letter)["source_offset"]);
  }
  EXPECT_EQ(sent, rejected);
}

TEST_F(OnEmbeddedBroker, ReadyMeansReadToTheEndAndInTheJournal) {
  constexpr int kRecords = 60'000;
  for (int i = 0; i < kRecords; ++i) {
    const v1::Invoice one = invoice(fmt::format("i{}", i), kFirstDay + i);
    ASSERT_EQ(producer_->produce("invoices", 0, one.order_id(), one.SerializeAsString()),
              absl::OkStatus());
  }
  ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  EXPECT_EQ(aggregator.progress().processed, static_cast<std::uint64_t>(kRecords));
  std::int64_t journaled = 0;
  for (const kafka::Kept& record : records("surgewatch.journal")) {
    v1::JournalRecord journal;
    ASSERT_TRUE(journal.ParseFromString(record.payload));
    if (journal.has_progress() && journal.source().topic() == "invoices") {
      journaled = journal.progress().next_offset();
    }
  }
  EXPECT_EQ(journaled, kRecords);
}

TEST_F(OnEmbeddedBroker, AMemberWithoutAPartitionIsReadyToo) {
  RunningAggregator first(config());
  ASSERT_TRUE(first.wait_until([&] { return first.is_ready(); })) << first.missing();
  RunningAggregator second(config());
  ASSERT_TRUE(second.wait_until([&] {
    return second.is_ready() && first.is_ready() &&
           first.metric("worker_sources") + second.metric("worker_sources") == 2;
  })) << first.missing()
      << " and " << second.missing();
}

// What the group has committed decides what is sent again and what is new: nothing is read before
// that is known.
TEST_F(OnEmbeddedBroker, OffsetsThatCantBeReadYetAreAskedForAgain) {
  constexpr int kCoordinatorNotAvailable = 15;
  send("invoices", "k", "no protobuf");
  committed_before("invoices", 1);
  send(invoice("a"));
  broker_->fail_requests(kafka::EmbeddedBroker::Request::kOffsetFetch, 1'000,
                         kCoordinatorNotAvailable);
  RunningAggregator aggregator(config());
  // Asked and not answered: long enough to have read all.
  EXPECT_FALSE(wait_until([&] { return aggregator.progress().processed > 0; },
                          std::chrono::milliseconds(8'000)));
  EXPECT_FALSE(aggregator.has_ended());
  EXPECT_FALSE(aggregator.is_ready());
  broker_->stop_failing(kafka::EmbeddedBroker::Request::kOffsetFetch);
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  EXPECT_EQ(aggregator.metric("events_reread_total"), 1);
  EXPECT_EQ(aggregator.metric("events_rejected_total"), 0);
  EXPECT_THAT(records("surgewatch.dead-letter"), IsEmpty());
}

// It writes neither a timestamp nor, often, a key.
TEST_F(OnEmbeddedBroker, ARecordOfAnOldProducerCounts) {
  ASSERT_EQ(producer_->produce("invoices", 0, {}, invoice("a").SerializeAsString(), {}, -1),
            absl::OkStatus());
  ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  RunningAggregator aggregator(config());
  ASSERT_TRUE(
      aggregator.wait_until([&] { return aggregator.metric("events_consumed_total") == 1; }));
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  EXPECT_EQ(aggregator.metric("events_rejected_total"), 0);
  EXPECT_EQ(aggregator.metric("events_miskeyed_total"), 1);
}

// As a client says when it has lost its brokers.
TEST_F(OnEmbeddedBroker, ATopicThatSeemsMissingAtTheStartIsAskedForAgain) {
  constexpr int kUnknownTopicOrPartition = 3;
  send(invoice("a"));
  broker_->fail_requests(kafka::EmbeddedBroker::Request::kListOffsets, 100,
                         kUnknownTopicOrPartition);
  LogLines log;
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] { return log.count("can't begin to read yet") > 0; }))
      << aggregator.status();
  broker_->stop_failing(kafka::EmbeddedBroker::Request::kListOffsets);
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); }))
      << aggregator.missing() << aggregator.status();
  EXPECT_EQ(aggregator.metric("events_consumed_total"), 1);
}

// Each record counts once, whoever reads it again.
TEST_F(OnEmbeddedBroker, WhatIsReadAgainIsCountedApartToTheBorder) {
  send(invoice("a"));
  send(invoice("a"));                                             // a duplicate
  send("invoices", "k", "no protobuf");                           // rejected
  send("invoices", "another", invoice("b").SerializeAsString());  // miskeyed
  committed_before("invoices", 4);
  send(invoice("b"));                                             // a duplicate
  send("invoices", "k", "no protobuf");                           // rejected
  send("invoices", "another", invoice("c").SerializeAsString());  // miskeyed
  v1::Invoice corrected = invoice("a");
  corrected.set_revision(2);
  send(corrected);
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] {
    return aggregator.metric("events_reread_total") + aggregator.metric("events_consumed_total") ==
           8;
  }));
  EXPECT_EQ(aggregator.metric("events_consumed_total", "invoices"), 4);
  EXPECT_EQ(aggregator.metric("events_reread_total", "invoices"), 4);
  EXPECT_EQ(aggregator.metric("events_duplicate_total"), 1);
  EXPECT_EQ(aggregator.metric("events_rejected_total"), 1);
  EXPECT_EQ(aggregator.metric("events_miskeyed_total"), 1);
  EXPECT_EQ(aggregator.metric("corrections_total"), 1);
  // And the letter that an earlier owner has sent is not sent again.
  EXPECT_TRUE(
      wait_until([&] { return !records("surgewatch.dead-letter").empty(); }, kAggregatorPatience));
  const auto letters = records("surgewatch.dead-letter");
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_EQ(headers(letters[0])["source_offset"], "5");
}

// Batches that no client can read.
class Unreadable : public OnEmbeddedBroker {
 protected:
  static constexpr int kRecords = 3;  // of each

  void send_unreadable() {
    const RecordBatch batch{.body = "no stream of lz4", .records = kRecords, .codec = Codec::kLz4};
    ASSERT_EQ(test::produce(brokers(), {"invoices", 0}, batch.bytes()), absl::OkStatus());
  }
  void expect_read_to(const RunningAggregator& aggregator, std::int64_t offset) {
    ASSERT_TRUE(aggregator.wait_until([&] {
      return aggregator.is_ready() &&
             committed(brokers(), "group", {"invoices", 0}).first == offset;
    })) << aggregator.missing();
  }
  std::vector<std::string> offsets_of_letters() const {
    std::vector<std::string> offsets;
    for (const kafka::Kept& letter : records("surgewatch.dead-letter")) {
      auto said = headers(letter);
      offsets.push_back(said["source_offset"] + " to " + said["source_last_offset"]);
    }
    return offsets;
  }
};

TEST_F(Unreadable, ABatchIsCountedNamedAndReadPast) {
  send(invoice("a"));
  send_unreadable();
  send(invoice("b"));
  RunningAggregator aggregator(config());
  expect_read_to(aggregator, 5);
  EXPECT_EQ(aggregator.metric("events_rejected_total", "reason=\"unreadable\""), kRecords);
  EXPECT_EQ(aggregator.metric("events_rejected_total"), kRecords);
  EXPECT_EQ(aggregator.metric("events_consumed_total", "invoices"), 2 + kRecords);
  EXPECT_EQ(aggregator.progress().delivered, 2U + kRecords);
  const auto letters = records("surgewatch.dead-letter");
  ASSERT_THAT(letters, SizeIs(1));
  EXPECT_TRUE(letters[0].tombstone);
  EXPECT_FALSE(letters[0].has_key);
  auto said = headers(letters[0]);
  EXPECT_EQ(said["source_topic"], "invoices");
  EXPECT_EQ(said["source_partition"], "0");
  EXPECT_EQ(said["source_offset"], "1");
  EXPECT_EQ(said["source_last_offset"], "3");
  EXPECT_EQ(said["reason"], "REJECT_REASON_UNREADABLE");
  EXPECT_THAT(said["detail"], HasSubstr("failed"));
}

TEST_F(Unreadable, IsNeitherCountedNorNamedAgainByTheNextLife) {
  send(invoice("a"));
  send_unreadable();
  {
    RunningAggregator aggregator(config());
    expect_read_to(aggregator, 4);
  }
  send_unreadable();
  RunningAggregator aggregator(config());
  expect_read_to(aggregator, 7);
  EXPECT_EQ(aggregator.metric("events_reread_total"), 1 + kRecords);
  EXPECT_EQ(aggregator.metric("events_rejected_total"), kRecords);
  EXPECT_THAT(offsets_of_letters(), testing::ElementsAre("1 to 3", "4 to 6"));
}

// Though nothing tells the beginning of such a log but its place.
TEST_F(Unreadable, ALogOfNothingElseIsNotCountedAgainEither) {
  send_unreadable();
  {
    RunningAggregator aggregator(config());
    expect_read_to(aggregator, 3);
  }
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  EXPECT_EQ(aggregator.metric("events_reread_total"), kRecords);
  EXPECT_EQ(aggregator.metric("events_rejected_total"), 0);
  EXPECT_EQ(aggregator.metric("incident"), 0);
  EXPECT_THAT(offsets_of_letters(), SizeIs(1));
}

TEST_F(Unreadable, WhatAnEarlierOwnerHadReadOfItIsNotSaidAgain) {
  send_unreadable();
  committed_before("invoices", 2);
  RunningAggregator aggregator(config());
  expect_read_to(aggregator, 3);
  EXPECT_EQ(aggregator.metric("events_reread_total"), 2);
  EXPECT_EQ(aggregator.metric("events_rejected_total"), 1);
  EXPECT_THAT(offsets_of_letters(), testing::ElementsAre("2 to 2"));
}

TEST_F(Unreadable, WhereTheBeginningCouldBeReadOnceItIsAnIncident) {
  send_unreadable();
  committed_before("invoices", 3, "v1 first=0 record=0123456789abcdef");
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] {
    return aggregator.metric("incident", "incident=\"log_start_moved\"") == 1;
  })) << aggregator.missing();
  EXPECT_EQ(aggregator.metric("events_consumed_total") + aggregator.metric("events_reread_total"),
            0);
}

// What is wrong with one input is said, and the other goes on.
class AnotherBeginning : public OnEmbeddedBroker {
 protected:
  void expect_incident(const std::string& name) {
    RunningAggregator aggregator(config());
    EXPECT_TRUE(aggregator.wait_until([&] {
      return aggregator.metric("incident", name) == 1 && aggregator.metric("worker_sources") == 1;
    })) << aggregator.missing();
    EXPECT_EQ(aggregator.metric("incident", "topic=\"invoices\""), 1);
    EXPECT_THAT(aggregator.missing(), HasSubstr(name));
    send(shipment("s"));
    EXPECT_TRUE(aggregator.wait_until(
        [&] { return aggregator.metric("events_consumed_total", "shipments") == 1; }));
    EXPECT_EQ(aggregator.metric("events_consumed_total", "invoices") +
                  aggregator.metric("events_reread_total", "invoices"),
              0);
    EXPECT_FALSE(aggregator.is_ready());
  }
};

TEST_F(AnotherBeginning, OfALogWhoseStartHasMoved) {
  // The embedded broker keeps 5 MB.
  for (int i = 0; i < 40; ++i) {
    v1::Invoice one = invoice(fmt::format("i{}", i));
    one.mutable_bill_to()->set_name(std::string(200'000, 'n'));
    send(one);
  }
  committed_before("invoices", 40);
  expect_incident("log_start_moved");
}

TEST_F(AnotherBeginning, OfALogThatEndsTooSoon) {
  send(invoice("a"));
  committed_before("invoices", 2);
  expect_incident("topic_replaced");
}

TEST_F(AnotherBeginning, OfALogThatBeginsWithAnotherRecord) {
  send(invoice("a"));
  committed_before("invoices", 1, "v1 first=0 record=0123456789abcdef partitions=1");
  expect_incident("topic_replaced");
}

// As after a topic was deleted, and its offsets with it, and made again.
TEST_F(AnotherBeginning, OfATopicThatOnlyItsPartnerRemembers) {
  send(invoice("a"));
  send(shipment("b"));
  committed_before("shipments", 1, "v1 first=0 partner_first=0 partner_record=0123456789abcdef");
  RunningAggregator aggregator(config());
  EXPECT_TRUE(
      aggregator.wait_until([&] { return aggregator.metric("incident", "topic_replaced") == 1; }));
  EXPECT_EQ(aggregator.metric("incident", "topic=\"invoices\""), 1);
}

// Two that begin together: the other has said that it has partition 0, and no more so far.
TEST_F(OnEmbeddedBroker, WhatAnotherHasBegunWithIsNotAllThatThereWas) {
  constexpr std::int32_t kPartitions = 4;
  const kafka::Topics wide("wide.");
  for (const kafka::TopicSpec& spec : wide.specs(kPartitions)) {
    ASSERT_EQ(broker_->create_topic(spec.name, spec.partitions), absl::OkStatus());
  }
  const auto config = aggregator_config(brokers(), "wide.");
  v1::JournalRecord claim;
  claim.mutable_source()->set_topic("invoices");
  v1::JournalRecord word = claim;
  claim.mutable_ownership()->set_group_id(config->kafka.group_id);
  claim.mutable_ownership()->set_generation(config->generation);
  for (const Topic topic : kInputTopics) {
    auto* said = claim.mutable_ownership()->mutable_topology()->add_topics();
    said->set_name(std::string(topic_name(topic)));
    said->set_partitions(kPartitions);
  }
  word.set_epoch(0);
  word.mutable_idle()->set_idle(false);
  send(wide.journal, "", claim.SerializeAsString());
  send(wide.journal, "", word.SerializeAsString());
  for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
    const v1::Invoice one = invoice(fmt::format("i{}", partition));
    ASSERT_EQ(producer_->produce(wide.invoices, partition, one.order_id(), one.SerializeAsString()),
              absl::OkStatus());
  }
  ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  RunningAggregator aggregator(config);
  EXPECT_TRUE(aggregator.wait_until([&] {
    return aggregator.is_ready() && aggregator.metric("events_consumed_total") == kPartitions;
  })) << aggregator.missing();
}

TEST_F(OnEmbeddedBroker, TheSameBeginningIsReadAgain) {
  send(invoice("a"));
  send(shipment("b"));
  {
    RunningAggregator aggregator(config());
    ASSERT_TRUE(aggregator.wait_until([&] {
      return committed(brokers(), "group", {"invoices", 0}).first == 1 &&
             committed(brokers(), "group", {"shipments", 0}).first == 1;
    }));
  }
  EXPECT_THAT(committed(brokers(), "group", {"invoices", 0}).second, HasSubstr("first=0 record="));
  send(invoice("c"));
  RunningAggregator aggregator(config());
  EXPECT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  EXPECT_EQ(aggregator.metric("events_reread_total"), 2);
  EXPECT_EQ(aggregator.metric("events_consumed_total"), 1);
}

// A first life takes the log as it finds it.
TEST_F(OnEmbeddedBroker, AFirstLifeBeginsWhereTheLogDoes) {
  for (int i = 0; i < 40; ++i) {
    v1::Invoice one = invoice(fmt::format("i{}", i));
    one.mutable_bill_to()->set_name(std::string(200'000, 'n'));
    send(one);
  }
  RunningAggregator aggregator(config());
  EXPECT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  EXPECT_GT(aggregator.metric("events_consumed_total"), 0);
}

}  // namespace
}  // namespace surgewatch::test
