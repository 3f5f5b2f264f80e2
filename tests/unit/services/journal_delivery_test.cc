// An aggregator whose brokers refuse, are slow, or are gone: what counts as said is in the journal.
#include <algorithm>
#include <map>
#include <thread>

#include "aggregator/aggregator.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/topics.h"
#include "support/kafka_clients.h"
#include "support/process.h"
#include "surgewatch/v1/events.pb.h"
#include "surgewatch/v1/journal.pb.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {
namespace {

using kafka::EmbeddedBroker;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kRequestTimedOut = 7;
constexpr int kMessageTooLarge = 10;
constexpr milliseconds kPatience{30'000};
constexpr std::int64_t kFirstDay = 1'704'067'200;  // 2024-01-01

v1::Invoice invoice(const std::string& id, const std::string& country, std::int64_t units) {
  v1::Invoice made;
  made.set_invoice_id(id);
  made.set_order_id(id);
  made.mutable_issue_time()->set_seconds(kFirstDay);
  made.mutable_bill_to()->set_country(country);
  v1::InvoiceLine* line = made.add_lines();
  line->set_sku("X");
  line->set_quantity(units);
  return made;
}

// An aggregator as a thread of the test.
class Running {
 public:
  explicit Running(std::shared_ptr<const config::Config> config)
      : aggregator_({.config = std::move(config), .telemetry = &telemetry_}),
        thread_([this] { status_ = aggregator_.run(stop_); }) {}
  ~Running() { static_cast<void>(stop()); }
  absl::Status stop() {
    stop_.request();
    if (thread_.joinable()) thread_.join();
    return status_;
  }
  Aggregator::Progress progress() const { return aggregator_.progress(); }
  std::string missing() const {
    std::string missing;
    return telemetry_.ready(&missing) ? "" : missing;
  }

 private:
  Stop stop_;
  telemetry::Telemetry telemetry_{"test", 1'000};
  Aggregator aggregator_;
  absl::Status status_;
  std::thread thread_;
};

class JournalDelivery : public ::testing::Test {
 protected:
  JournalDelivery() : broker_(*EmbeddedBroker::start()) {
    for (const kafka::TopicSpec& spec : topics_.specs(1)) {
      EXPECT_EQ(broker_->create_topic(spec.name, 1), absl::OkStatus());
    }
    producer_ = kafka::make_producer(broker_->brokers());
    reader_ = kafka::make_consumer(broker_->brokers());
    EXPECT_EQ(reader_->assign({{{topics_.journal, 0}, kafka::kBeginning}}), absl::OkStatus());
  }

  std::shared_ptr<const config::Config> config(const std::string& more = "") const {
    auto config = config::parse(
        "series:\n"
        "  - {name: billed, event: invoice, group_by: [bill_to], measures: [units], pane: 1d}\n" +
            more + "\nkafka:\n  brokers: '" + broker_->brokers() +
            // Producers that give up do it soon.
            "'\n  properties: {message.timeout.ms: '1000'}\n",
        "test.yaml", /*types=*/{});
    EXPECT_TRUE(config.ok()) << config.status();
    return *config;
  }
  // True once the brokers have it.
  bool send(const v1::Invoice& made) {
    EXPECT_EQ(producer_->produce(topics_.invoices, 0, made.order_id(), made.SerializeAsString()),
              absl::OkStatus());
    return producer_->flush(milliseconds(10'000)).ok();
  }
  // All of the journal so far.
  const std::vector<v1::JournalRecord>& journal() {
    std::vector<kafka::Kept> kept;
    (void)kafka::poll_until(
        *reader_, kept, [] { return false; }, milliseconds(60));
    for (const kafka::Kept& one : kept) {
      EXPECT_EQ(one.offset, static_cast<std::int64_t>(journal_.size()));
      EXPECT_TRUE(journal_.emplace_back().ParseFromString(one.payload));
    }
    return journal_;
  }
  // What the journal's newest pane updates say.
  std::map<std::string, std::int64_t> units() {
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> newest;
    for (const v1::JournalRecord& record : journal()) {
      for (const v1::PaneUpdate& update : record.panes().updates()) {
        newest[update.key(0)] = std::max(
            newest[update.key(0)],
            std::pair(record.panes().next_offset(), std::int64_t{update.measures().units()}));
      }
    }
    std::map<std::string, std::int64_t> result;
    for (const auto& [country, value] : newest) result[country] = value.second;
    return result;
  }
  // How far the journal promises that all of the invoices is there.
  std::int64_t promised() {
    std::int64_t promised = 0;
    for (const v1::JournalRecord& record : journal()) {
      if (record.source().topic() == "invoices") {
        promised = std::max(promised, record.progress().next_offset());
      }
    }
    return promised;
  }
  // A session begins with one.
  std::ptrdiff_t topologies() {
    return std::ranges::count_if(
        journal(), [](const auto& one) { return one.has_topology() && !one.has_source(); });
  }
  static bool wait_for(const std::function<bool()>& condition, milliseconds patience = kPatience) {
    return test::wait_until(condition, patience);
  }

  const kafka::Topics topics_{""};
  const std::unique_ptr<EmbeddedBroker> broker_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::Consumer> reader_;
  std::vector<v1::JournalRecord> journal_;
};

TEST_F(JournalDelivery, WhatIsPromisedIsThereThoughARecordWasRefused) {
  Running aggregator(config("journal: {flush_interval: 1s}"));
  ASSERT_TRUE(send(invoice("first", "US", 1)));
  // A flush has just been: the next one, with the second invoice, is refused.
  ASSERT_TRUE(wait_for([&] { return promised() == 1; }));
  ASSERT_TRUE(send(invoice("second", "SG", 100)));
  broker_->fail_requests(EmbeddedBroker::Request::kProduce, 1, kMessageTooLarge);
  // A new session says it all again.
  EXPECT_TRUE(wait_for([&] { return topologies() == 2; }, milliseconds(15'000)));
  ASSERT_TRUE(send(invoice("third", "TW", 7)));
  ASSERT_TRUE(wait_for([&] { return promised() == 3; }));
  EXPECT_EQ(units(), (std::map<std::string, std::int64_t>{{"SG", 100}, {"TW", 7}, {"US", 1}}));
  ASSERT_TRUE(wait_for([&] { return aggregator.missing().empty(); })) << aggregator.missing();
}

TEST_F(JournalDelivery, WhatTakesLongIsSaidByReadinessAndComes) {
  Running aggregator(config("journal: {flush_interval: 1s}"));
  ASSERT_TRUE(send(invoice("first", "US", 1)));
  ASSERT_TRUE(wait_for([&] { return promised() == 1 && aggregator.missing().empty(); }));
  ASSERT_TRUE(send(invoice("second", "SG", 100)));
  broker_->fail_requests(EmbeddedBroker::Request::kProduce, 100'000, kRequestTimedOut);
  const auto says_so = [&] { return aggregator.missing().find("journal") != std::string::npos; };
  EXPECT_TRUE(wait_for(says_so, milliseconds(15'000))) << aggregator.missing();
  EXPECT_EQ(aggregator.progress().processed, 2U);
  EXPECT_EQ(aggregator.progress().delivered, 1U);
  broker_->stop_failing(EmbeddedBroker::Request::kProduce);
  ASSERT_TRUE(send(invoice("third", "TW", 7)));
  ASSERT_TRUE(wait_for([&] { return promised() == 3; }));
  EXPECT_EQ(units(), (std::map<std::string, std::int64_t>{{"SG", 100}, {"TW", 7}, {"US", 1}}));
  EXPECT_TRUE(wait_for([&] { return aggregator.progress().delivered == 3; }));
  EXPECT_TRUE(wait_for([&] { return aggregator.missing().empty(); })) << aggregator.missing();
}

TEST_F(JournalDelivery, NothingIsDeliveredThatTheBrokersDoNotHave) {
  ASSERT_TRUE(send(invoice("first", "US", 1)));
  broker_->fail_requests(EmbeddedBroker::Request::kProduce, 100'000, kRequestTimedOut);
  Running aggregator(config());
  ASSERT_TRUE(wait_for([&] { return aggregator.progress().processed == 1; }));
  // Some flushes later.
  EXPECT_FALSE(wait_for([&] { return aggregator.progress().delivered > 0; }, milliseconds(500)));
  EXPECT_TRUE(journal().empty());
  broker_->stop_failing(EmbeddedBroker::Request::kProduce);
  EXPECT_TRUE(wait_for([&] { return aggregator.progress().delivered == 1; }));
  EXPECT_TRUE(wait_for([&] { return promised() == 1; }));  // as soon as it is read
}

TEST_F(JournalDelivery, EachOwnerSaysSoFirstAndEverythingElseWithThat) {
  const auto configured = config("event_time: {idle_after: 1s}");
  ASSERT_TRUE(send(invoice("first", "US", 1)));
  const auto idle_marks = [&] {
    return std::ranges::count_if(journal(), [](const auto& record) {
      return record.source().topic() == "invoices" && record.idle().idle();
    });
  };
  {
    Running first(configured);
    ASSERT_TRUE(wait_for([&] { return idle_marks() == 1; }));
  }
  ASSERT_TRUE(send(invoice("second", "SG", 100)));
  {
    Running second(configured);
    ASSERT_TRUE(wait_for([&] { return idle_marks() == 2 && promised() == 2; }));
  }
  std::map<std::string, std::vector<std::int64_t>> epochs;
  std::map<std::string, std::uint64_t> tokens;
  std::map<std::string, bool> has_spoken;
  for (std::size_t i = 0; i < journal().size(); ++i) {
    const v1::JournalRecord& record = journal_[i];
    if (!record.has_source()) {
      EXPECT_TRUE(record.has_topology());
      continue;
    }
    std::vector<std::int64_t>& known = epochs[record.source().topic()];
    std::uint64_t& token = tokens[record.source().topic()];
    if (!record.has_ownership()) {
      ASSERT_FALSE(known.empty());
      ASSERT_TRUE(record.has_epoch());
      EXPECT_EQ(record.epoch(), known.back());
      EXPECT_EQ(record.owner(), token);
      EXPECT_EQ(record.has_topology(), !std::exchange(has_spoken[record.source().topic()], true))
          << "his first word, which makes him the owner";
      continue;
    }
    EXPECT_FALSE(record.has_epoch());
    EXPECT_NE(record.owner(), std::exchange(token, record.owner())) << "each draws his own";
    known.push_back(static_cast<std::int64_t>(i));
    has_spoken[record.source().topic()] = false;
    EXPECT_EQ(record.ownership().topology().topics(0).partitions(), 1);
    const v1::Ownership& ownership = record.ownership();
    EXPECT_EQ(ownership.generation(), configured->generation);
    EXPECT_EQ(ownership.reference_data_version(), configured->reference->version);
    ASSERT_EQ(ownership.series_size(), record.source().topic() == "invoices" ? 1 : 0);
    if (ownership.series_size() == 0) continue;
    EXPECT_EQ(ownership.series(0).name(), "billed");
    EXPECT_EQ(ownership.series(0).definition(), configured->series[0].definition);
  }
  EXPECT_EQ(epochs["invoices"].size(), 2U);
  EXPECT_EQ(epochs["shipments"].size(), 2U);
}

TEST_F(JournalDelivery, AStopEndsSoonThoughNoBrokerAnswers) {
  ASSERT_TRUE(send(invoice("first", "US", 1)));
  Running aggregator(config());
  ASSERT_TRUE(wait_for([&] { return aggregator.progress().delivered == 1; }));
  ASSERT_TRUE(send(invoice("second", "SG", 100)));
  ASSERT_TRUE(wait_for([&] { return aggregator.progress().processed == 2; }));
  broker_->set_reachable(false);
  const auto start = steady_clock::now();
  EXPECT_EQ(aggregator.stop(), absl::OkStatus());
  EXPECT_LT(steady_clock::now() - start, milliseconds(12'000));
}

}  // namespace
}  // namespace surgewatch::services
