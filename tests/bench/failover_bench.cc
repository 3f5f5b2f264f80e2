// From the death of a service to the next alert, on a real Kafka.
//
//   failover_bench OUTPUT.json [ROUNDS]
//
// takes about ROUNDS × 35 s + 20; ROUNDS is 10 by default. Aggregator, detector and gateway are
// processes, with some thousands of invoices behind them. In each round, once all are ready, the
// detector, the aggregator or both are killed (SIGKILL) and started again at once; an invoice that
// makes a party's alert fire is sent; and the time counts from the kill until that alert is read,
// committed, from the alerts' topic.
//
// `owner` is the time from the kill until the log of the process that was started says that it owns
// its sources, or the journal: until then the group waits for the member that died. When both were
// killed it is the later one.
#include <fmt/format.h>
#include <httplib.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bench/live_system.h"
#include "bench/sudden_rule.h"
#include "support/process.h"
#include "surgewatch/v1/alert.pb.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kPartitions = 2;
constexpr int kQuietInvoices = 2'000;
constexpr int kPartiesBesides = 2'000;     // have a reference and never an alert
constexpr milliseconds kHeartbeat{3'000};  // of a group's member: lib/kafka/consumer_group.cc

constexpr char kWhere[] = R"(
kafka: {{brokers: '{}', topic_prefix: 'failover-', group_id: failover}}
server:
  aggregator_http_port: {}
  detector_http_port: {}
  gateway_http_port: {}
  gateway_grpc_port: {}
)";

struct Case {
  const char* name;
  bool aggregator, detector;
};
constexpr Case kCases[] = {
    {"detector", false, true}, {"aggregator", true, false}, {"both", true, true}};

struct Round {
  double alert_ms = 0, owner_ms = 0;
};

double since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Service {
 public:
  // `owns`: what its log says when it begins to read.
  Service(std::string name, std::string owns)
      : port(test::free_port()), name_(std::move(name)), owns_(std::move(owns)) {}

  void start(const std::string& config) {
    process_ = must(test::Process::start(
        {.program = std::string(SURGEWATCH_BIN) + "/" + name_, .arguments = {"--config", config}}));
  }
  void kill() {
    process_->signal(SIGKILL);
    if (!process_->wait(kPatience).has_value()) give_up(name_ + " can't be killed");
  }
  bool is_owner() const { return process_->err().find(owns_) != std::string::npos; }
  bool is_ready() {
    if (!process_->running()) give_up(fmt::format("{} has ended:\n{}", name_, process_->err()));
    httplib::Client client("127.0.0.1", port);
    const auto answer = client.Get("/-/ready");
    return answer && answer->status == 200;
  }
  std::string log() const { return process_->err(); }

  const int port;

 private:
  const std::string name_, owns_;
  std::unique_ptr<test::Process> process_;
};

class FailoverBench {
 public:
  FailoverBench(const test::KafkaServer& server, int rounds)
      : topics_("failover-"),
        config_((directory_.path() / "failover.yaml").string()),
        producer_(must(kafka::Producer::create({.client = {.brokers = server.brokers()}}))),
        alerts_(must(kafka::Consumer::create({.client = {.brokers = server.brokers()}}))) {
    std::ofstream(config_) << kSuddenRule
                           << fmt::format(kWhere, server.brokers(), aggregator_.port,
                                          detector_.port, gateway_.port, test::free_port());
    const auto admin = must(kafka::Admin::create({.brokers = server.brokers()}));
    must(admin->create_topics(topics_.specs(kPartitions), 1));
    must(alerts_->assign({{{topics_.alerts, 0}, kafka::kBeginning}}));
    const int triggers = rounds * static_cast<int>(std::size(kCases));
    for (int i = 0; i < triggers + kPartiesBesides; ++i) {
      send(fmt::format("buyer-{}", i), kReferenceDay, 10);
    }
    for (int i = 0; i < kQuietInvoices; ++i) send("quiet", kMeasuredDay, 1);
    must(producer_->flush(kPatience));
    for (Service* service : {&aggregator_, &detector_, &gateway_}) service->start(config_);
  }

  // The kill comes `after` all were ready.
  Round round(const Case& which, milliseconds after);

 private:
  void send(const std::string& party, std::int64_t day, std::int64_t quantity) {
    v1::Invoice invoice;
    invoice.set_invoice_id(fmt::format("invoice-{}", sent_));
    invoice.set_order_id(fmt::format("order-{}", sent_));
    invoice.mutable_issue_time()->set_seconds(day + 3'600);
    invoice.mutable_bill_to()->set_country("SG");
    invoice.mutable_bill_to()->set_party_id(party);
    invoice.mutable_ship_to()->set_country("SG");
    auto* line = invoice.add_lines();
    line->set_sku("H100-SXM5-80GB");
    line->set_quantity(quantity);
    must(producer_->produce(topics_.invoices, static_cast<std::int32_t>(sent_++ % kPartitions),
                            invoice.order_id(), invoice.SerializeAsString()));
  }
  void read_alerts();

  test::TemporaryDirectory directory_;
  const kafka::Topics topics_;
  const std::string config_;
  Service aggregator_{"surgewatch-aggregator", "worker 0 owns"};
  Service detector_{"surgewatch-detector", "owns the journal"};
  Service gateway_{"surgewatch-gateway", ""};
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::Consumer> alerts_;
  int sent_ = 0, triggered_ = 0;
  std::map<std::string, std::int64_t> revisions_;  // by alert
  std::set<std::string> parties_;                  // that have an alert
};

void FailoverBench::read_alerts() {
  v1::Alert alert;
  must(alerts_
           ->poll(milliseconds(10), 1'000,
                  [&](const kafka::Message& message) {
                    if (!alert.ParseFromArray(message.payload.data(),
                                              static_cast<int>(message.payload.size()))) {
                      give_up("an alert can't be read");
                    }
                    const std::int64_t expected = ++revisions_[alert.alert_id()];
                    if (alert.revision() != expected) {
                      give_up(fmt::format("revision {} of alert {} came where {} was due",
                                          alert.revision(), alert.alert_id(), expected));
                    }
                    parties_.insert(alert.subject().at("bill_to.party_id"));
                  })
           .status());
}

Round FailoverBench::round(const Case& which, milliseconds after) {
  must_come_true("all ready", [&] {
    return aggregator_.is_ready() && detector_.is_ready() && gateway_.is_ready();
  });
  std::this_thread::sleep_until(Clock::now() + after);
  const std::string party = fmt::format("buyer-{}", triggered_++);
  std::vector<Service*> killed;
  if (which.aggregator) killed.push_back(&aggregator_);
  if (which.detector) killed.push_back(&detector_);

  const auto start = Clock::now();
  for (Service* service : killed) service->kill();
  for (Service* service : killed) service->start(config_);
  send(party, kMeasuredDay, 1'000);
  std::optional<double> owner_ms, alert_ms;
  while (!owner_ms || !alert_ms) {
    if (since(start) > static_cast<double>(kPatience.count())) {
      give_up(fmt::format("no alert of {}\n{}{}", party, aggregator_.log(), detector_.log()));
    }
    producer_->poll();
    read_alerts();
    if (!alert_ms && parties_.contains(party)) alert_ms = since(start);
    if (!owner_ms && std::ranges::all_of(killed, [](Service* s) { return s->is_owner(); })) {
      owner_ms = since(start);
    }
  }
  return {.alert_ms = *alert_ms, .owner_ms = *owner_ms};
}

double quantile(const std::vector<Round>& rounds, double Round::*of, double q) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(round.*of);
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size()))) - 1];
}

int run(const std::string& output, int rounds) {
  const auto server = must(test::KafkaServer::start());
  FailoverBench bench(*server, rounds);
  std::map<std::string, std::vector<Round>> results;
  for (int i = 0; i < rounds; ++i) {
    for (const Case& which : kCases) {
      // A session ends 10 s after the member's last heartbeat, so that kills are spread over the
      // time from one to the next.
      const Round round = bench.round(which, kHeartbeat * i / rounds);
      results[which.name].push_back(round);
      fmt::print(stderr, "{:<10} owner {:>8.0f} ms, alert {:>8.0f} ms\n", which.name,
                 round.owner_ms, round.alert_ms);
    }
  }
  std::string json;
  for (const Case& which : kCases) {
    const auto& all = results[which.name];
    const double p50 = quantile(all, &Round::alert_ms, 0.5);
    const double worst = quantile(all, &Round::alert_ms, 1);
    const double owner_p50 = quantile(all, &Round::owner_ms, 0.5);
    const double owner_worst = quantile(all, &Round::owner_ms, 1);
    fmt::print(
        "killed: {:<10}  {} rounds  alert p50 {:>5.1f}  worst {:>5.1f}  owner p50 {:>5.1f}  "
        "worst {:>5.1f} s\n",
        which.name, all.size(), p50 / 1e3, worst / 1e3, owner_p50 / 1e3, owner_worst / 1e3);
    std::string each;
    for (const Round& round : all) {
      each += fmt::format("{}{{\"alert_ms\": {:.0f}, \"owner_ms\": {:.0f}}}",
                          each.empty() ? "" : ", ", round.alert_ms, round.owner_ms);
    }
    json += fmt::format(
        "{}{{\"killed\": \"{}\", \"alert_p50_ms\": {:.0f}, \"alert_worst_ms\": {:.0f}, "
        "\"owner_p50_ms\": {:.0f}, \"owner_worst_ms\": {:.0f}, \"rounds\": [{}]}}",
        json.empty() ? "[" : ",\n ", which.name, p50, worst, owner_p50, owner_worst, each);
  }
  std::ofstream file(output);
  file << json << "]\n";
  return file.good() ? 0 : 1;
}

}  // namespace
}  // namespace surgewatch::bench

int main(int argc, char** argv) {
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 10;
  if (argc < 2 || argc > 3 || rounds < 1) {
    fmt::print(stderr, "usage: failover_bench OUTPUT.json [ROUNDS]\n");
    return 2;
  }
  return surgewatch::bench::run(argv[1], rounds);
}
