// A worker that reads both halves of a pair from far back: as far as one another in event time.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "detect/rules/table.h"
#include "support/running_aggregator.h"

namespace surgewatch::test {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kDays = 80;
// Six shipments for each invoice, so that of equally many of each the invoices reach six times as
// far.
constexpr std::int64_t kInvoices = 12'000, kShipments = 6 * kInvoices;

std::int64_t time_of(SourceId source, std::int64_t offset) {
  return kFirstDay +
         kDays * kDay * offset / (source.topic == Topic::kInvoices ? kInvoices : kShipments);
}

class WorkerPairs : public ::testing::Test {
 protected:
  WorkerPairs() {
    for (const kafka::TopicSpec& spec : kafka::Topics("").specs(1)) {
      EXPECT_EQ(broker_->create_topic(spec.name, 1), absl::OkStatus());
    }
  }
  // A horizon of fourteen days: a half waits when it is a day ahead.
  std::shared_ptr<const config::Config> config(const std::string& rules) const {
    auto config = config::parse(
        "series:\n"
        "  - {name: billed, event: invoice, group_by: [bill_to], measures: [units], pane: 1d}\n"
        "  - {name: shipped, event: shipment, group_by: [ship_to], measures: [units], pane: 1d}\n"
        "event_time: {correction_horizon: 14d, allowed_lateness: 1d}\n"
        "kafka: {brokers: '" +
            broker_->brokers() + "', group_id: group}\n" + rules,
        "pairs.yaml", detect::rule_specs());
    EXPECT_TRUE(config.ok()) << config.status();
    return *config;
  }
  void send_invoices() {
    for (std::int64_t i = 0; i < kInvoices; ++i) {
      send("invoices", invoice(fmt::format("i-{}", i), time_of({Topic::kInvoices, 0}, i)));
    }
    ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  }
  void send_shipments() {
    for (std::int64_t i = 0; i < kShipments; ++i) {
      send("shipments", shipment(fmt::format("s-{}", i), time_of({Topic::kShipments, 0}, i)));
    }
    ASSERT_EQ(producer_->flush(kAggregatorPatience), absl::OkStatus());
  }
  // Reads all of it; the most that the invoices were ahead, in days, while there were shipments
  // left.
  std::int64_t most_ahead(const std::string& rules) {
    std::array<std::int64_t, 2> reached{kFirstDay, kFirstDay};
    std::int64_t most = 0;
    RunningAggregator aggregator(config(rules), std::chrono::milliseconds(30'000),
                                 [&](const services::Aggregator::Visible& visible) {
                                   reached[static_cast<std::size_t>(visible.source.topic)] =
                                       time_of(visible.source, visible.next - 1);
                                   most = std::max(most, (reached[0] - reached[1]) / kDay);
                                 });
    EXPECT_TRUE(aggregator.wait_until([&] {
      return aggregator.progress().processed == kInvoices + kShipments;
    })) << aggregator.progress().processed
        << " " << aggregator.status();
    EXPECT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); }))
        << aggregator.missing();
    aggregator.stop();
    return most;
  }

  template <typename Event>
  void send(const std::string& topic, const Event& event) {
    ASSERT_EQ(producer_->produce(topic, 0, event.order_id(), event.SerializeAsString()),
              absl::OkStatus());
  }

  std::unique_ptr<kafka::EmbeddedBroker> broker_ = *kafka::EmbeddedBroker::start();
  std::unique_ptr<kafka::Producer> producer_ = kafka::make_producer(broker_->brokers());
};

TEST_F(WorkerPairs, AreReadAsFarAsOneAnother) {
  send_invoices();
  send_shipments();
  // A day, and what two polls bring.
  EXPECT_LE(most_ahead("rules: [{name: diverted, type: order_diversion}]\n"), 10);
}

TEST_F(WorkerPairs, WhoseOtherHalfHasNothingMoreAreReadOn) {
  send_invoices();
  RunningAggregator aggregator(config("rules: [{name: diverted, type: order_diversion}]\n"));
  EXPECT_TRUE(aggregator.wait_until([&] { return aggregator.progress().processed == kInvoices; }))
      << aggregator.progress().processed;
  send_shipments();
  EXPECT_TRUE(aggregator.wait_until([&] {
    return aggregator.progress().processed == kInvoices + kShipments;
  })) << aggregator.progress().processed;
  EXPECT_TRUE(aggregator.wait_until([&] { return aggregator.is_ready(); })) << aggregator.missing();
}

}  // namespace
}  // namespace surgewatch::test
