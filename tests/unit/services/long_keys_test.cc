// Keys as long as events may make them, from the input topic to the journal, on the embedded
// broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "aggregator/aggregator.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/topics.h"
#include "support/kafka_clients.h"
#include "surgewatch/v1/journal.pb.h"
#include "telemetry/telemetry.h"
#include "unit/aggregate/builders.h"

namespace surgewatch::services {
namespace {

constexpr int kInvoices = 600;

class LongKeys : public ::testing::Test {
 protected:
  LongKeys() {
    for (const kafka::TopicSpec& spec : topics_.specs(1)) {
      const bool is_checkpoints = spec.name == topics_.checkpoints;
      EXPECT_TRUE(broker_->create_topic(spec.name, is_checkpoints ? 2 : 1).ok());
    }
    const auto producer = kafka::make_producer(broker_->brokers());
    for (int i = 0; i < kInvoices; ++i) {
      v1::Invoice invoice = test::invoice("i" + std::to_string(i), test::kNewYear + i);
      invoice.mutable_bill_to()->set_party_id(std::string(2'000, 'x') + std::to_string(i));
      EXPECT_TRUE(
          producer->produce(topics_.invoices, 0, invoice.order_id(), invoice.SerializeAsString())
              .ok());
    }
    EXPECT_TRUE(producer->flush(kafka::milliseconds(10'000)).ok());
  }

  // Runs an aggregator until `topic` holds what is asked for, or it has ended by itself.
  std::vector<kafka::Kept> run_until(
      const std::string& limits, const std::string& topic,
      const std::function<bool(const std::vector<kafka::Kept>&)>& holds) {
    const auto config = config::parse(
        "series:\n  - {name: billed, event: invoice, group_by: [bill_to.party_id], measures: "
        "[documents], pane: 1d}\nkafka: {brokers: \"" +
            broker_->brokers() + "\"}\n" + limits,
        "test.yaml", /*types=*/{});
    EXPECT_TRUE(config.ok()) << config.status();
    telemetry::Telemetry telemetry("test", 1'000, {});
    Aggregator aggregator({.config = *config, .telemetry = &telemetry, .strict = true});
    Stop stop;
    absl::Status ended;
    std::thread thread([&] { ended = aggregator.run(stop); });
    const auto reader = kafka::make_consumer(broker_->brokers());
    EXPECT_TRUE(reader->assign({{{topic, 0}, kafka::kBeginning}}).ok());
    std::vector<kafka::Kept> kept;
    const absl::Status found = kafka::poll_until(*reader, kept, [&] { return holds(kept); });
    stop.request();
    thread.join();
    EXPECT_TRUE(ended.ok()) << ended;
    EXPECT_TRUE(found.ok()) << found;
    return kept;
  }

  std::unique_ptr<kafka::EmbeddedBroker> broker_ = *kafka::EmbeddedBroker::start();
  kafka::Topics topics_{""};
};

// Each of the 600 is a key of 2 KB: more than a record may hold.
TEST_F(LongKeys, AllComeToTheJournalInRecordsThatABrokerTakes) {
  std::set<std::string> parties;
  const auto all_are_there = [&](const std::vector<kafka::Kept>& records) {
    parties.clear();
    for (const kafka::Kept& one : records) {
      v1::JournalRecord record;
      EXPECT_TRUE(record.ParseFromString(one.payload));
      for (const auto& update : record.panes().updates()) parties.insert(update.key(0));
      if (record.progress().next_offset() == kInvoices) return true;
    }
    return false;
  };
  run_until("limits: {text_bytes: 4096}\n", topics_.journal, all_are_there);
  EXPECT_EQ(parties.size(), std::size_t{kInvoices});
}

TEST_F(LongKeys, AreRejectedWhereTheyAreTooLong) {
  const auto rejected = run_until(
      "", topics_.dead_letter,
      [](const std::vector<kafka::Kept>& records) { return records.size() == kInvoices; });
  EXPECT_EQ(rejected.size(), std::size_t{kInvoices});
}

}  // namespace
}  // namespace surgewatch::services
