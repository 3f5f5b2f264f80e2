// What may happen to input topics, on a real Kafka: deleted and made again, cut at the beginning,
// given more partitions, read by one more or one fewer.
#include <fmt/format.h>

#include <map>
#include <set>

#include "detect/rules/table.h"
#include "support/kafka_admin.h"
#include "support/kafka_server.h"
#include "support/kafka_server_fixture.h"
#include "support/running_aggregator.h"

namespace surgewatch::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Inputs : public KafkaServerFixture {
 protected:
  void SetUp() override {
    static int count = 0;
    prefix_ = fmt::format("inputs{}-", ++count);
    admin_ = *kafka::Admin::create({.brokers = brokers()});
    producer_ = kafka::make_producer(brokers());
  }
  void create_topics(int partitions) {
    ASSERT_EQ(admin_->create_topics(topics().specs(partitions), 1), absl::OkStatus());
  }
  kafka::Topics topics() const { return kafka::Topics(prefix_); }
  static const std::string& brokers() { return server_->brokers(); }
  std::string group() const { return prefix_ + "group"; }
  std::shared_ptr<const config::Config> config() const {
    return aggregator_config(brokers(), prefix_);
  }

  // Keyed as producers do, so that the number of partitions decides where they go.
  void send_invoices(int from, int to) {
    for (int i = from; i < to; ++i) {
      const v1::Invoice one = invoice(fmt::format("i{}", i));
      ASSERT_EQ(producer_->produce(topics().invoices, -1, one.order_id(), one.SerializeAsString()),
                absl::OkStatus());
    }
    ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  }
  void send_shipments(int from, int to) {
    for (int i = from; i < to; ++i) {
      const v1::Shipment one = shipment(fmt::format("s{}", i));
      ASSERT_EQ(producer_->produce(topics().shipments, -1, one.order_id(), one.SerializeAsString()),
                absl::OkStatus());
    }
    ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  }
  void make_again(const std::string& topic) {
    ASSERT_EQ(delete_topic(brokers(), topic), absl::OkStatus());
    // The broker takes its time with what is behind the answer.
    ASSERT_TRUE(wait_until(
        [&] {
          return admin_->create_topics({{topic, 1, {}}}, 1).ok() &&
                 admin_->watermarks({topic, 0}, kafka::milliseconds(1'000)).ok();
        },
        kAggregatorPatience));
    producer_ = kafka::make_producer(brokers());  // which knows nothing of the other one
  }
  // A life that has read and committed all, and is over.
  void live_once(int invoices, int shipments) {
    RunningAggregator aggregator(config());
    ASSERT_TRUE(aggregator.wait_until([&] {
      return aggregator.is_ready() &&
             aggregator.metric("events_consumed_total") == invoices + shipments;
    })) << aggregator.missing();
  }
  std::string newest_topology() const {
    const auto consumer = kafka::make_consumer(brokers(), "reader");
    std::string newest;
    for (const auto& kept :
         kafka::read_to_end(*consumer, {{{topics().journal, 0}, kafka::kBeginning}})) {
      v1::JournalRecord record;
      EXPECT_TRUE(record.ParseFromString(kept.payload));
      if (!record.has_topology()) continue;
      newest.clear();
      for (const auto& topic : record.topology().topics()) {
        newest += fmt::format("{} {} ", topic.name(), topic.partitions());
      }
    }
    return newest;
  }
  // Documents of the first day's invoices, as the journal holds them: what was said last stands.
  std::int64_t invoices_in_journal() const {
    const auto consumer = kafka::make_consumer(brokers(), "reader");
    std::int64_t documents = 0;
    for (const auto& kept :
         kafka::read_to_end(*consumer, {{{topics().journal, 0}, kafka::kBeginning}})) {
      v1::JournalRecord record;
      EXPECT_TRUE(record.ParseFromString(kept.payload));
      if (record.source().topic() != "invoices") continue;
      EXPECT_EQ(record.panes().corrections_size(), 0);
      for (const auto& update : record.panes().updates()) documents = update.measures().documents();
    }
    return documents;
  }
  void expect_incident(const RunningAggregator& aggregator, const std::string& name) {
    EXPECT_TRUE(aggregator.wait_until([&] {
      return aggregator.metric("incident", "incident=\"" + name + "\"") > 0;
    })) << name
        << " is not said; lacking: " << aggregator.missing() << aggregator.status();
    EXPECT_THAT(aggregator.missing(), HasSubstr(name));
  }
  // The other topic goes on.
  void expect_shipments_go_on(const RunningAggregator& aggregator, int from) {
    const double before = aggregator.metric("events_consumed_total", "shipments");
    send_shipments(from, from + 5);
    EXPECT_TRUE(aggregator.wait_until(
        [&] { return aggregator.metric("events_consumed_total", "shipments") == before + 5; }));
  }

  std::string prefix_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<kafka::Producer> producer_;
};

TEST_F(Inputs, ATopicThatIsMadeAgainBetweenLivesIsNotReadAsTheOldOne) {
  create_topics(1);
  send_invoices(0, 20);
  send_shipments(0, 20);
  live_once(20, 20);
  make_again(topics().invoices);
  send_invoices(100, 105);
  RunningAggregator aggregator(config());
  expect_incident(aggregator, "topic_replaced");
  EXPECT_EQ(aggregator.metric("incident", "topic=\"invoices\""), 1);
  expect_shipments_go_on(aggregator, 20);
  aggregator.stop();
  // Nor after that: shipments have been committed since.
  RunningAggregator next(config());
  expect_incident(next, "topic_replaced");
}

// With both topics all offsets of the group are gone; the journal remembers.
TEST_F(Inputs, TopicsThatAreBothMadeAgainBetweenLivesAreNotReadAsTheOldOnes) {
  create_topics(1);
  send_invoices(0, 20);
  send_shipments(0, 20);
  live_once(20, 20);
  make_again(topics().invoices);
  make_again(topics().shipments);
  send_invoices(100, 105);   // fewer than were read
  send_shipments(100, 150);  // more
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] {
    return aggregator.metric("incident", "incident=\"topic_replaced\"") == 2;
  })) << aggregator.missing();
  EXPECT_EQ(aggregator.metric("events_consumed_total") + aggregator.metric("events_reread_total"),
            0);
  // Who means it starts another group.
  RunningAggregator anew(aggregator_config(brokers(), prefix_, "", "another"));
  ASSERT_TRUE(anew.wait_until([&] { return anew.is_ready(); })) << anew.missing();
  EXPECT_EQ(anew.metric("events_consumed_total"), 55);
}

// Kafka drops the offsets of a group that has been away for a week.
TEST_F(Inputs, AGroupThatWasAwayForLongKnowsItsLogsAgain) {
  create_topics(1);
  send_invoices(0, 20);
  send_shipments(0, 20);
  live_once(20, 20);
  ASSERT_EQ(delete_group(brokers(), group()), absl::OkStatus());
  {
    RunningAggregator aggregator(config());
    ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); }))
        << aggregator.missing();
    EXPECT_EQ(aggregator.metric("events_consumed_total"), 0);
    EXPECT_EQ(aggregator.metric("events_reread_total"), 40);
  }
  ASSERT_EQ(delete_group(brokers(), group()), absl::OkStatus());
  ASSERT_EQ(delete_records(brokers(), {topics().invoices, 0}, 10), absl::OkStatus());
  RunningAggregator aggregator(config());
  expect_incident(aggregator, "log_start_moved");
  EXPECT_EQ(aggregator.metric("incident", "topic=\"invoices\""), 1);
  expect_shipments_go_on(aggregator, 20);
  aggregator.stop();
  // Nor after that: shipments have offsets again, and invoices have none.
  RunningAggregator next(config());
  expect_incident(next, "log_start_moved");
}

// With fewer records than were read, the position lies outside the new log; with more, only the
// first record tells.
class MadeAgain : public Inputs, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(WithFewerRecords, MadeAgain, ::testing::Values(5));
INSTANTIATE_TEST_SUITE_P(WithMoreRecords, MadeAgain, ::testing::Values(50));

TEST_P(MadeAgain, WhileRunningIsNoticed) {
  create_topics(1);
  send_invoices(0, 20);
  send_shipments(0, 20);
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  make_again(topics().invoices);
  send_invoices(100, 100 + GetParam());
  expect_incident(aggregator, "topic_replaced");
  ASSERT_TRUE(aggregator.wait_until([&] {
    return aggregator.missing().find("topic_missing") == std::string::npos;
  })) << aggregator.missing();
  expect_shipments_go_on(aggregator, 20);
}

TEST_F(Inputs, ALogThatWasCutAtTheBeginningIsNotCountedAgain) {
  create_topics(1);
  send_invoices(0, 20);
  send_shipments(0, 20);
  live_once(20, 20);
  ASSERT_EQ(delete_records(brokers(), {topics().invoices, 0}, 10), absl::OkStatus());
  RunningAggregator aggregator(config());
  expect_incident(aggregator, "log_start_moved");
  expect_shipments_go_on(aggregator, 20);
  EXPECT_EQ(aggregator.metric("events_reread_total", "invoices"), 0);
}

// The group that starts anew takes what is left.
TEST_F(Inputs, AnotherGroupCountsWhatIsLeft) {
  create_topics(1);
  send_invoices(0, 20);
  live_once(20, 0);
  ASSERT_EQ(delete_records(brokers(), {topics().invoices, 0}, 10), absl::OkStatus());
  RunningAggregator aggregator(aggregator_config(brokers(), prefix_, "", "another"));
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  EXPECT_EQ(aggregator.metric("events_consumed_total", "invoices"), 10);
}

// 1 to 2: every key that has not moved to the new partition is where it was.
TEST_F(Inputs, PartitionsAddedToOneTopicAloneAreNamedAndNothingIsCountedTwice) {
  create_topics(1);
  send_invoices(0, 200);
  send_shipments(0, 20);
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  ASSERT_EQ(set_partitions(brokers(), topics().invoices, 2), absl::OkStatus());
  ASSERT_TRUE(wait_until(
      [&] {
        const auto counts = admin_->partitions({topics().invoices}, kafka::milliseconds(1'000));
        return counts.ok() && (*counts)[0] == 2;
      },
      kAggregatorPatience));
  producer_ = kafka::make_producer(brokers());
  send_invoices(0, 200);  // duplicates, all of them
  expect_incident(aggregator, "partitions_differ");
  expect_shipments_go_on(aggregator, 20);
  const auto invoices = [&](const std::string& name) {
    return aggregator.metric(name, "invoices");
  };
  const auto ends = *admin_->watermarks({topics().invoices, 0}, kafka::milliseconds(5'000));
  ASSERT_TRUE(aggregator.wait_until([&] {
    return invoices("events_consumed_total") == static_cast<double>(ends.second);
  })) << invoices("events_consumed_total");
  EXPECT_EQ(invoices("events_consumed_total") - invoices("events_duplicate_total"), 200);
  // And the journal says that there is one more, so that no pane closes without it.
  EXPECT_TRUE(aggregator.wait_until([&] { return newest_topology() == "invoices 2 shipments 1 "; }))
      << newest_topology();
}

// 2 to 3: keys move among the old ones as well, so these are held too. And a start that finds both
// topics alike knows it from what the group remembers.
TEST_F(Inputs, PartitionsAddedToBothTopicsAreNamedAlsoAfterARestart) {
  create_topics(2);
  send_invoices(0, 200);
  send_shipments(0, 20);
  {
    RunningAggregator aggregator(config());
    ASSERT_TRUE(aggregator.wait_until([&] {
      return aggregator.is_ready() &&
             committed(brokers(), group(), {topics().invoices, 0}).first > 0;
    })) << aggregator.missing();
    for (const std::string& topic : {topics().invoices, topics().shipments}) {
      ASSERT_EQ(set_partitions(brokers(), topic, 3), absl::OkStatus());
    }
    expect_incident(aggregator, "partitions_changed");
  }
  producer_ = kafka::make_producer(brokers());
  send_invoices(0, 200);
  RunningAggregator aggregator(config());
  expect_incident(aggregator, "partitions_changed");
  EXPECT_EQ(aggregator.metric("events_consumed_total", "invoices"), 0);
}

TEST_F(Inputs, ADeadLetterThatItsTopicFindsTooLargeGoesWithoutItsPayload) {
  create_topics(1);
  ASSERT_EQ(set_topic(brokers(), topics().dead_letter, "max.message.bytes", "2000"),
            absl::OkStatus());
  ASSERT_EQ(producer_->produce(topics().invoices, 0, "k", std::string(50'000, '\xFF')),
            absl::OkStatus());
  send_invoices(0, 1);
  RunningAggregator aggregator(config());
  const auto letters = [&] {
    const auto consumer = kafka::make_consumer(brokers(), "reader", {.headers = true});
    return kafka::read_to_end(*consumer, {{{topics().dead_letter, 0}, kafka::kBeginning}});
  };
  ASSERT_TRUE(aggregator.wait_until([&] { return !letters().empty(); })) << aggregator.status();
  const auto kept = letters();
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_THAT(kept[0].payload, IsEmpty());
  std::map<std::string, std::string> said;
  for (const kafka::Header& header : kept[0].headers) said[header.name] = header.value;
  EXPECT_EQ(said["payload_bytes"], "50000");
  // It counts as delivered.
  EXPECT_TRUE(aggregator.wait_until([&] {
    return committed(brokers(), group(), {topics().invoices, 0}).first == 2;
  }));
}

// Paused for longer than the session of a member, so that the group gives all anew.
TEST_F(Inputs, BrokersThatAreAwayAreNamedUntilTheyAreBackAndAllCountsOnce) {
  // A request that is not answered is given up after 10 s.
  constexpr std::chrono::milliseconds kNoticed{16'000};
  create_topics(1);
  send_invoices(0, 20);
  send_shipments(0, 20);
  RunningAggregator aggregator(config());
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  server_->pause();
  EXPECT_TRUE(wait_until(
      [&] {
        return aggregator.missing().find("aggregator reaches the brokers") != std::string::npos;
      },
      kNoticed))
      << aggregator.missing();
  // On its way while nobody takes it.
  const v1::Invoice meanwhile = invoice("i20");
  ASSERT_EQ(producer_->produce(topics().invoices, -1, meanwhile.order_id(),
                               meanwhile.SerializeAsString()),
            absl::OkStatus());
  server_->resume();
  ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  ASSERT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
  send_invoices(21, 30);
  send_invoices(0, 30);  // duplicates
  EXPECT_TRUE(aggregator.wait_until([&] {
    return aggregator.is_ready() &&
           committed(brokers(), group(), {topics().invoices, 0}).first == 60;
  })) << aggregator.missing();
  EXPECT_EQ(invoices_in_journal(), 30);
}

// Whoever reads them, records count once.
TEST_F(Inputs, MembersThatComeAndGoCountEachRecordOnce) {
  create_topics(2);
  send_invoices(0, 300);
  send_invoices(0, 100);  // duplicates
  const auto count = [&](const RunningAggregator& one, const std::string& name) {
    return one.metric(name, "invoices");
  };
  auto first = std::make_unique<RunningAggregator>(config());
  ASSERT_TRUE(first->wait_until([&] { return first->is_ready(); })) << first->missing();
  RunningAggregator second(config());
  RunningAggregator third(config());  // more than there are pairs
  ASSERT_TRUE(second.wait_until([&] {
    return first->is_ready() && second.is_ready() && third.is_ready() &&
           first->metric("worker_sources") + second.metric("worker_sources") +
                   third.metric("worker_sources") ==
               4;
  })) << first->missing()
      << second.missing() << third.missing();
  send_invoices(300, 350);
  send_invoices(300, 310);  // duplicates
  const auto all = [&](const std::string& name, double so_far) {
    return so_far + count(second, name) + count(third, name);
  };
  ASSERT_TRUE(second.wait_until(
      [&] { return all("events_consumed_total", count(*first, "events_consumed_total")) == 460; }));
  first->stop();
  const double consumed = count(*first, "events_consumed_total");
  const double duplicate = count(*first, "events_duplicate_total");
  first.reset();
  ASSERT_TRUE(second.wait_until([&] {
    return second.is_ready() && third.is_ready() &&
           second.metric("worker_sources") + third.metric("worker_sources") == 4;
  }));
  send_invoices(400, 410);
  EXPECT_TRUE(second.wait_until([&] { return all("events_consumed_total", consumed) >= 470; }));
  EXPECT_EQ(all("events_consumed_total", consumed), 470);
  EXPECT_EQ(all("events_duplicate_total", duplicate), 110);
  EXPECT_GT(all("events_reread_total", 0), 0);
}

// What stays with whom it was is read on in a rebalance, and not from its beginning.
TEST_F(Inputs, ARebalanceReadsNothingAgainOfWhatStays) {
  create_topics(4);
  send_invoices(0, 400);
  send_shipments(0, 100);
  RunningAggregator first(config());
  ASSERT_TRUE(first.wait_until([&] {
    return first.is_ready() && first.metric("events_consumed_total") == 500;
  })) << first.missing();
  auto second = std::make_unique<RunningAggregator>(config());
  ASSERT_TRUE(first.wait_until([&] {
    return first.is_ready() && second->is_ready() && first.metric("worker_sources") == 4 &&
           second->metric("worker_sources") == 4;
  })) << first.missing()
      << second->missing();
  EXPECT_EQ(first.progress().processed, 500);
  send_invoices(400, 500);
  send_invoices(0, 50);  // duplicates: what it knew it still knows
  const auto all = [&](const std::string& name) {
    return first.metric(name) + second->metric(name);
  };
  ASSERT_TRUE(first.wait_until([&] { return all("events_consumed_total") == 650; }));
  EXPECT_EQ(all("events_duplicate_total"), 50);
  EXPECT_EQ(first.metric("events_reread_total"), 0);
  second->stop();
  const auto moved = static_cast<double>(second->progress().processed);
  EXPECT_GT(moved, 0);
  ASSERT_TRUE(
      first.wait_until([&] { return first.is_ready() && first.metric("worker_sources") == 8; }));
  EXPECT_EQ(first.metric("events_reread_total"), moved);
  EXPECT_EQ(all("events_consumed_total"), 650);
}

// What an order's invoices have declared before a rebalance is known of its shipments after it.
TEST_F(Inputs, OrdersStayOpenThroughARebalance) {
  constexpr int kOrders = 60;
  create_topics(2);
  const auto with_orders = config::parse(
      "series: [{name: billed, event: invoice, group_by: [bill_to], measures: [units], pane: 1d}]\n"
      "rules: [{name: diverted, type: order_diversion}]\n"
      "kafka: {brokers: '" +
          brokers() + "', topic_prefix: '" + prefix_ + "', group_id: '" + group() + "'}\n",
      "test.yaml", detect::rule_specs());
  ASSERT_TRUE(with_orders.ok()) << with_orders.status();
  const auto send = [&](const std::string& topic, const auto& event) {
    ASSERT_EQ(producer_->produce(topic, -1, event.order_id(), event.SerializeAsString()),
              absl::OkStatus());
  };
  for (int i = 0; i < kOrders; ++i) {
    v1::Invoice one = invoice(fmt::format("o{}", i));
    one.mutable_ship_to()->set_country("SG");
    send(topics().invoices, one);
  }
  ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  RunningAggregator first(*with_orders);
  ASSERT_TRUE(first.wait_until([&] {
    return first.is_ready() && first.metric("events_consumed_total") == kOrders;
  })) << first.missing();
  RunningAggregator second(*with_orders);
  ASSERT_TRUE(first.wait_until([&] {
    return first.is_ready() && second.is_ready() && first.metric("worker_sources") == 2 &&
           second.metric("worker_sources") == 2;
  })) << first.missing()
      << second.missing();
  EXPECT_EQ(first.progress().processed, kOrders);
  for (int i = 0; i < kOrders; ++i) {
    v1::Shipment one = shipment(fmt::format("o{}", i));
    one.mutable_ship_to()->set_country("MY");
    send(topics().shipments, one);
  }
  ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  ASSERT_TRUE(first.wait_until([&] {
    return first.metric("events_consumed_total") + second.metric("events_consumed_total") ==
           2 * kOrders;
  }));
  first.stop();
  second.stop();
  std::set<std::string> found;
  const auto consumer = kafka::make_consumer(brokers(), "reader");
  for (const auto& kept :
       kafka::read_to_end(*consumer, {{{topics().journal, 0}, kafka::kBeginning}})) {
    v1::JournalRecord record;
    ASSERT_TRUE(record.ParseFromString(kept.payload));
    for (const auto& finding : record.findings().findings()) {
      if (finding.holds()) found.insert(finding.order_id());
    }
  }
  EXPECT_THAT(found, SizeIs(kOrders));
}

}  // namespace
}  // namespace surgewatch::test
