// What a flusher says and when, of sources that the test fills itself. Whole aggregators:
// journal_delivery_test.cc.
#include "aggregator/flusher.h"

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

}  // namespace
}  // namespace surgewatch::services
