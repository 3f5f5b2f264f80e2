// Writes the invoices to the topic, keyed by order id, with event time as the records' timestamp.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/status.h"
#include "invoices.h"
#include "kafka/client.h"

namespace surgewatch::peers {
namespace {

constexpr std::chrono::milliseconds kFlushWait{120'000};

struct Arguments {
  std::string brokers;
  std::uint64_t events = 0;
  std::uint64_t seed = 1;
};

absl::Status create_topics(const std::string& brokers) {
  SW_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::create({.brokers = brokers}));
  // Event time may be years ago for the broker.
  const std::map<std::string, std::string> keep{{"retention.ms", "-1"}};
  return admin->create_topics({{std::string(kTopic), kPartitions, keep},
                               {"shipments", kPartitions, keep},
                               {"surgewatch.journal", 1, keep},
                               {"surgewatch.late", kPartitions, keep},
                               {"surgewatch.dead-letter", kPartitions, keep}},
                              /*replication=*/1);
}

absl::Status load(const Arguments& arguments) {
  SW_RETURN_IF_ERROR(create_topics(arguments.brokers));
  kafka::Producer::Options options;
  options.client.brokers = arguments.brokers;
  // Standard output is for the summary.
  options.client.log = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  options.client.properties = {
      {"compression.codec", "none"}, {"batch.size", "1000000"}, {"batch.num.messages", "10000"}};
  options.linger = std::chrono::milliseconds(50);
  SW_ASSIGN_OR_RETURN(const auto producer, kafka::Producer::create(options));
  const Invoices invoices(arguments.seed, arguments.events);
  v1::Invoice invoice;
  std::string payload;
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < arguments.events; ++i) {
    invoices.fill(i, &invoice);
    invoice.SerializeToString(&payload);
    bytes += payload.size();
    SW_RETURN_IF_ERROR(producer->produce(std::string(kTopic), /*partition=*/-1, invoice.order_id(),
                                         payload, {}, invoices.sale(i).time / 1'000));
    if (i % 1'024 == 0) producer->poll();
  }
  SW_RETURN_IF_ERROR(producer->flush(kFlushWait));
  fmt::print("{{\"events\": {}, \"bytes\": {}}}\n", arguments.events, bytes);
  return absl::OkStatus();
}

}  // namespace
}  // namespace surgewatch::peers

int main(int argc, char** argv) {
  using namespace surgewatch;
  peers::Arguments arguments;
  CLI::App app("Writes the benchmark's invoices to Kafka.", "peers_load");
  app.add_option("--brokers", arguments.brokers)->required();
  app.add_option("--events", arguments.events)->required()->check(CLI::PositiveNumber);
  app.add_option("--seed", arguments.seed);
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = peers::load(arguments);
  if (!status.ok()) fmt::print(stderr, "peers_load: {}\n", message_of(status));
  return status.ok() ? 0 : 1;
}
