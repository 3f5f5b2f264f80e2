// What a flusher says and when, of sources that the test fills itself. Whole aggregators:
// journal_delivery_test.cc.
#include "aggregator/flusher.h"

#include <algorithm>

#include "detect/rules/table.h"
#include "journal/merger.h"
#include "journal/refusal.h"
#include "support/kafka_clients.h"
#include "support/process.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::services {
namespace {

using kafka::EmbeddedBroker;
using std::chrono::milliseconds;
using ::testing::ElementsAre;

constexpr milliseconds kPatience{20'000};

std::string invoice(const std::string& id, int revision) {
  v1::Invoice made;
  made.set_invoice_id(id);
  made.set_order_id(id);
  made.set_revision(static_cast<std::uint32_t>(revision));
  made.mutable_issue_time()->set_seconds(1'704'067'200);
  made.mutable_bill_to()->set_country("SG");
  v1::InvoiceLine* line = made.add_lines();
  line->set_sku("X");
  line->set_quantity(1);
  return made.SerializeAsString();
}

class FlusherTest : public ::testing::Test {
 protected:
  FlusherTest()
      : broker_(*EmbeddedBroker::start()),
        config_(*config::parse("series:\n"
                               "  - {name: billed, event: invoice, group_by: [bill_to], "
                               "measures: [units], pane: 1d}\n"
                               "journal: {flush_interval: 10ms}\n",
                               "test.yaml", /*types=*/{})) {
    EXPECT_EQ(broker_->create_topic("journal", 1), absl::OkStatus());
  }
  void start() {
    flusher_ = std::make_unique<Flusher>(
        config_.get(), *JournalAppender::create({.brokers = broker_->brokers()}, "journal"),
        &sources_, &meters_, &delivered_);
    flusher_->start();
  }
  std::shared_ptr<OwnedSource> own(std::int32_t partition) {
    auto owned =
        std::make_shared<OwnedSource>(SourceId{Topic::kInvoices, partition},
                                      kafka::TopicPartition{"invoices", partition}, config_);
    sources_.add(owned);
    return owned;
  }
  // As a worker does.
  static void process(OwnedSource* owned, const std::vector<std::string>& payloads) {
    std::vector<aggregate::Record> records;
    for (const std::string& payload : payloads) {
      records.push_back({.offset = owned->next_offset++, .payload = payload});
    }
    std::vector<aggregate::Aside> asides;
    owned->source.process(records, &asides);
    EXPECT_TRUE(asides.empty());
    owned->processed.fetch_add(records.size(), std::memory_order_release);
  }

  const std::unique_ptr<EmbeddedBroker> broker_;
  const std::shared_ptr<const config::Config> config_;
  telemetry::Telemetry telemetry_{"test", 1'000};
  AggregatorMeters meters_{&telemetry_};
  OwnedSourceList sources_;
  std::atomic<std::uint64_t> delivered_{0};
  std::unique_ptr<Flusher> flusher_;
};

TEST_F(FlusherTest, MovesTheDeliveredMarkWhenTheJournalHasIt) {
  const auto owned = own(0);
  EXPECT_FALSE(owned->is_delivered_to(0));
  start();
  ASSERT_TRUE(test::wait_until([&] { return owned->is_delivered_to(0); }, kPatience));
  EXPECT_FALSE(owned->is_delivered_to(1));
  process(owned.get(), {invoice("a", 1), invoice("b", 1)});
  ASSERT_TRUE(test::wait_until([&] { return owned->is_delivered_to(2); }, kPatience));
  ASSERT_TRUE(test::wait_until([&] { return delivered_.load() == 2; }, kPatience));
  EXPECT_FALSE(owned->is_delivered_to(3));
  EXPECT_TRUE(flusher_->is_delivering());
}

TEST_F(FlusherTest, TellsAWorkerToWaitWhenCorrectionsPileUp) {
  broker_->set_reachable(false);
  const auto owned = own(0);
  start();
  std::vector<std::string> revisions;
  for (int revision = 1; revision < 100'002; ++revision)
    revisions.push_back(invoice("a", revision));
  process(owned.get(), revisions);
  EXPECT_FALSE(owned->must_wait.load());
  process(owned.get(), {invoice("a", 200'000)});
  ASSERT_TRUE(test::wait_until([&] { return owned->must_wait.load(); }, kPatience));
  broker_->set_reachable(true);
  ASSERT_TRUE(test::wait_until([&] { return !owned->must_wait.load(); }, kPatience));
  ASSERT_TRUE(test::wait_until([&] { return owned->is_delivered_to(100'002); }, kPatience));
}

// A pair is told of under a claim of its own, and before the progress of the half that it reflects.
TEST_F(FlusherTest, TellsOfAPairBeforeTheProgressOfItsHalves) {
  const auto config = *config::parse(
      "rules:\n  - {name: diverted, type: order_diversion}\njournal: {flush_interval: 10ms}\n",
      "orders.yaml", detect::rule_specs());
  const auto pair = std::make_shared<OwnedPair>(0, config);
  const auto own_half = [&](Topic topic) {
    auto owned = std::make_shared<OwnedSource>(
        SourceId{topic, 0}, kafka::TopicPartition{std::string(topic_name(topic)), 0}, config,
        /*committed=*/0, pair);
    sources_.add(owned);
    return owned;
  };
  const auto invoices = own_half(Topic::kInvoices), shipments = own_half(Topic::kShipments);
  v1::Invoice billed;
  ASSERT_TRUE(billed.ParseFromString(invoice("o", 1)));
  billed.mutable_ship_to()->set_country("MY");
  v1::Shipment sent;
  sent.set_shipment_id("s");
  sent.set_order_id("o");
  *sent.mutable_despatch_time() = billed.issue_time();
  sent.mutable_ship_to()->set_country("CN");
  sent.add_lines()->set_sku("X");
  sent.mutable_lines(0)->set_quantity(1);
  process(invoices.get(), {billed.SerializeAsString()});
  process(shipments.get(), {sent.SerializeAsString()});
  flusher_ = std::make_unique<Flusher>(
      config.get(), *JournalAppender::create({.brokers = broker_->brokers()}, "journal"), &sources_,
      &meters_, &delivered_);
  flusher_->open({1, 1});
  flusher_->start();
  ASSERT_TRUE(test::wait_until(
      [&] { return invoices->is_delivered_to(1) && shipments->is_delivered_to(1); }, kPatience));
  flusher_->stop();

  auto consumer = kafka::make_consumer(broker_->brokers(), "");
  ASSERT_TRUE(consumer->assign({{{"journal", 0}, kafka::kBeginning}}).ok());
  std::vector<std::string> said;  // what, of what is not the topology
  journal::Merger merger(config);
  ASSERT_TRUE(test::wait_until(
      [&] {
        (void)consumer->poll(milliseconds(50), 1'000, [&](const kafka::Message& message) {
          v1::JournalRecord record;
          ASSERT_FALSE(journal::read_record(message.payload, &record).has_value());
          merger.apply(record, message.offset);
          EXPECT_TRUE(merger.refused().empty()) << merger.refused()[0].what;
          const char* const what = record.has_ownership()  ? "claim"
                                   : record.has_panes()    ? "panes"
                                   : record.has_findings() ? "findings"
                                   : record.has_progress() ? "progress"
                                                           : "";
          if (*what != 0) said.push_back(record.source().topic() + " " + what);
        });
        return consumer->at_end();
      },
      kPatience));
  const auto place = [&](const std::string& what) {
    return std::ranges::find(said, what) - said.begin();
  };
  EXPECT_LT(place("orders claim"), place("orders panes"));
  EXPECT_LT(place("orders panes"), place("orders findings"));
  EXPECT_LT(place("orders findings"), place("orders progress"));
  EXPECT_LT(place("orders progress"), static_cast<std::ptrdiff_t>(said.size()));
  // Whichever half is flushed first: the pair has both by then.
  EXPECT_LT(place("orders progress"), place("invoices progress"));
  EXPECT_LT(place("orders progress"), place("shipments progress"));
  std::vector<std::string> orders;
  const PaneIndex day = sent.despatch_time().seconds() / 86'400;
  merger.visit_findings(0, day, day, [&](const journal::OrderFinding& finding) {
    orders.push_back(finding.order_id);
  });
  EXPECT_THAT(orders, ElementsAre("o"));
}

}  // namespace
}  // namespace surgewatch::services
