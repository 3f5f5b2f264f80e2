// From the death of a service to the next alert, on a real Kafka.
//
//   failover_bench OUTPUT.json [ROUNDS]
//
// takes about ROUNDS × 60 s + 60; ROUNDS is 10 by default. Aggregator, detector and gateway are
// processes, with some thousands of invoices behind them. In each round, once all are ready, the
// detector, the aggregator or both are killed (SIGKILL) and started again at once; an invoice that
// makes a party's alert fire is sent; and the time counts from the kill until that alert is read,
// committed, from the alerts' topic. That is done without and with --instance-id. Then there are
// two detectors, and the one that works is killed, or told to stop (SIGTERM), and started again
// only when the alert is there.
//
// `owner` is the time from the kill until the log of a process says that it owns its sources, or
// the journal: until then the group may wait for the member that died. When both were killed it is
// the later one.
#include <fmt/format.h>
#include <httplib.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
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
constexpr milliseconds kHeartbeat{1'000};  // of a group's member: lib/kafka/consumer_group.cc

constexpr char kWhere[] = R"(
kafka: {{brokers: '{0}', topic_prefix: '{1}-', group_id: '{1}'}}
server:
  aggregator_http_port: {2}
  detector_http_port: {3}
  gateway_http_port: {4}
  gateway_grpc_port: {5}
)";

struct Case {
  const char* name;
  bool is_named;
  bool aggregator, detector;
  int to_standby = 0;  // the signal that ends the detector that works, if another stands by
};
constexpr Case kCases[] = {
    {"detector", false, false, true},
    {"aggregator", false, true, false},
    {"both", false, true, true},
    {"detector, named", true, false, true},
    {"aggregator, named", true, true, false},
    {"both, named", true, true, true},
    {"detector, to a standby", false, false, true, SIGKILL},
    {"detector told to stop, to a standby", false, false, true, SIGTERM},
};

struct Round {
  double alert_ms = 0, owner_ms = 0;
};

double since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class Service {
 public:
  // `owns`: what its log says when it begins to read. `instance_id`: empty for none.
  Service(std::string name, std::string owns, std::string instance_id)
      : port(test::free_port()),
        name_(std::move(name)),
        owns_(std::move(owns)),
        instance_id_(std::move(instance_id)) {}

  void start(const std::string& config) {
    std::vector<std::string> arguments{"--config", config};
    if (!instance_id_.empty()) {
      arguments.insert(arguments.end(), {"--instance-id", instance_id_});
    }
    process_ = must(test::Process::start(
        {.program = fmt::format("{}/{}", SURGEWATCH_BIN, name_), .arguments = arguments}));
    config_ = config;
  }
  void end(int signal) {
    process_->signal(signal);
    if (!process_->wait(kPatience).has_value()) give_up(name_ + " does not end");
    process_.reset();
  }
  void start_again() { start(config_); }
  // How often it has come to own what it reads.
  int times_owner() const {
    const std::string log = process_->err();
    int times = 0;
    for (std::size_t at = log.find(owns_); at != std::string::npos; at = log.find(owns_, at + 1)) {
      ++times;
    }
    return times;
  }
  bool is_ready() {
    if (!process_->running()) give_up(fmt::format("{} has ended:\n{}", name_, process_->err()));
    httplib::Client client("127.0.0.1", port);
    const auto answer = client.Get("/-/ready");
    return answer && answer->status == 200;
  }
  bool works() const {
    httplib::Client client("127.0.0.1", port);
    const auto answer = client.Get("/metrics");
    return answer && answer->body.find("\nsurgewatch_detector_active 1\n") != std::string::npos;
  }
  std::string log() const { return process_ == nullptr ? "" : process_->err(); }

  const int port;

 private:
  const std::string name_, owns_, instance_id_;
  std::string config_;
  std::unique_ptr<test::Process> process_;
};

// Aggregator, detector or two, and gateway, with topics of their own.
class System {
 public:
  // For at most so many alerts.
  System(const test::KafkaServer& server, const std::string& name, bool is_named, bool has_standby,
         int triggers)
      : topics_(name + "-"),
        aggregator_("surgewatch-aggregator", "worker 0 owns", is_named ? "aggregator-0" : ""),
        producer_(must(kafka::Producer::create({.client = {.brokers = server.brokers()}}))),
        alerts_(must(kafka::Consumer::create({.client = {.brokers = server.brokers()}}))) {
    for (int i = 0; i < (has_standby ? 2 : 1); ++i) {
      detectors_.push_back(
          std::make_unique<Service>("surgewatch-detector", "owns the journal",
                                    is_named ? fmt::format("detector-{}", i) : ""));
    }
    const auto admin = must(kafka::Admin::create({.brokers = server.brokers()}));
    must(admin->create_topics(topics_.specs(kPartitions), 1));
    must(alerts_->assign({{{topics_.alerts, 0}, kafka::kBeginning}}));
    for (int i = 0; i < triggers + kPartiesBesides; ++i) {
      send(fmt::format("buyer-{}", i), kReferenceDay, 10);
    }
    for (int i = 0; i < kQuietInvoices; ++i) send("quiet", kMeasuredDay, 1);
    must(producer_->flush(kPatience));
    for (std::size_t i = 0; i < detectors_.size(); ++i) {
      const std::string config = (directory_.path() / fmt::format("{}.yaml", i)).string();
      std::ofstream(config) << kSuddenRule
                            << fmt::format(kWhere, server.brokers(), name, aggregator_.port,
                                           detectors_[i]->port, gateway_.port, test::free_port());
      detectors_[i]->start(config);
      if (i == 0) aggregator_.start(config);
      if (i == 0) gateway_.start(config);
    }
  }

  // The end comes `after` all were ready.
  Round round(const Case& which, milliseconds after);

 private:
  void send(const std::string& party, std::int64_t day, std::int64_t quantity) {
    const v1::Invoice invoice = sudden_invoice(sent_, party, day, quantity);
    must(producer_->produce(topics_.invoices, static_cast<std::int32_t>(sent_++ % kPartitions),
                            invoice.order_id(), invoice.SerializeAsString()));
  }
  void read_alerts();
  bool all_are_ready() {
    return aggregator_.is_ready() && gateway_.is_ready() &&
           std::ranges::all_of(detectors_, [](const auto& one) { return one->is_ready(); }) &&
           std::ranges::count_if(detectors_, [](const auto& one) { return one->works(); }) == 1;
  }

  test::TemporaryDirectory directory_;
  const kafka::Topics topics_;
  Service aggregator_;
  std::vector<std::unique_ptr<Service>> detectors_;
  Service gateway_{"surgewatch-gateway", "-", ""};
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::Consumer> alerts_;
  int sent_ = 0, triggered_ = 0;
  std::map<std::string, std::int64_t> revisions_;  // by alert
  std::set<std::string> parties_;                  // that have an alert
};

void System::read_alerts() {
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

Round System::round(const Case& which, milliseconds after) {
  must_come_true("all ready", [&] { return all_are_ready(); });
  std::this_thread::sleep_until(Clock::now() + after);
  const std::string party = fmt::format("buyer-{}", triggered_++);
  Service* const worker =
      std::ranges::find_if(detectors_, [](const auto& one) { return one->works(); })->get();
  std::vector<Service*> ended;
  if (which.aggregator) ended.push_back(&aggregator_);
  if (which.detector) ended.push_back(worker);
  // Who is to own what they did, with how often it had before.
  std::vector<std::pair<Service*, int>> heirs;
  for (const auto& one : detectors_) {
    if (which.to_standby != 0 && one.get() != worker) {
      heirs.emplace_back(one.get(), one->times_owner());
    }
  }

  const auto start = Clock::now();
  for (Service* service : ended) service->end(which.to_standby == 0 ? SIGKILL : which.to_standby);
  if (which.to_standby == 0) {
    for (Service* service : ended) {
      service->start_again();
      heirs.emplace_back(service, 0);
    }
  }
  send(party, kMeasuredDay, 1'000);
  std::optional<double> owner_ms, alert_ms;
  while (!owner_ms || !alert_ms) {
    if (since(start) > static_cast<double>(kPatience.count())) {
      std::string logs = aggregator_.log();
      for (const auto& detector : detectors_) logs += detector->log();
      give_up(fmt::format("no alert of {}\n{}", party, logs));
    }
    producer_->poll();
    read_alerts();
    if (!alert_ms && parties_.contains(party)) alert_ms = since(start);
    if (!owner_ms && std::ranges::all_of(heirs, [](const auto& heir) {
          return heir.first->times_owner() > heir.second;
        })) {
      owner_ms = since(start);
    }
  }
  if (which.to_standby != 0) worker->start_again();
  return {.alert_ms = *alert_ms, .owner_ms = *owner_ms};
}

double quantile(const std::vector<double>& sorted, double q) {
  return sorted[static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size()))) - 1];
}

// Their middle and the worst.
std::pair<double, double> summary(const std::vector<Round>& rounds, double (*of)(const Round&)) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(of(round));
  std::ranges::sort(values);
  return {quantile(values, 0.5), quantile(values, 1)};
}

std::string in_json(const Case& which, const std::vector<Round>& rounds) {
  const auto [p50, worst] = summary(rounds, [](const Round& round) { return round.alert_ms; });
  const auto [owner, owner_worst] =
      summary(rounds, [](const Round& round) { return round.owner_ms; });
  const auto [rest, rest_worst] =
      summary(rounds, [](const Round& round) { return round.alert_ms - round.owner_ms; });
  fmt::print(
      "{:<35} {:>2} rounds  alert p50 {:>5.1f} worst {:>5.1f}  owner p50 {:>5.1f} worst {:>5.1f}  "
      "from there p50 {:>5.2f} worst {:>5.2f} s\n",
      which.name, rounds.size(), p50 / 1e3, worst / 1e3, owner / 1e3, owner_worst / 1e3, rest / 1e3,
      rest_worst / 1e3);
  std::string each;
  for (const Round& round : rounds) {
    each += fmt::format("{}{{\"alert_ms\": {:.0f}, \"owner_ms\": {:.0f}}}",
                        each.empty() ? "" : ", ", round.alert_ms, round.owner_ms);
  }
  return fmt::format(
      "{{\"ended\": \"{}\", \"alert_p50_ms\": {:.0f}, \"alert_worst_ms\": {:.0f}, "
      "\"owner_p50_ms\": {:.0f}, \"owner_worst_ms\": {:.0f}, \"rounds\": [{}]}}",
      which.name, p50, worst, owner, owner_worst, each);
}

int run(const std::string& output, int rounds) {
  const auto server = must(test::KafkaServer::start());
  std::string json;
  const auto run_cases = [&](const std::string& name, const auto& belongs) {
    std::vector<Case> cases;
    std::ranges::copy_if(kCases, std::back_inserter(cases), belongs);
    System system(*server, name, cases[0].is_named, cases[0].to_standby != 0,
                  rounds * static_cast<int>(cases.size()));
    std::map<std::string, std::vector<Round>> results;
    for (int i = 0; i < rounds; ++i) {
      for (const Case& which : cases) {
        // A session ends 10 s after the member's last heartbeat, so that kills are spread over the
        // time from one to the next.
        const Round round = system.round(which, kHeartbeat * i / rounds);
        results[which.name].push_back(round);
        fmt::print(stderr, "{:<35} owner {:>8.0f} ms, alert {:>8.0f} ms\n", which.name,
                   round.owner_ms, round.alert_ms);
      }
    }
    for (const Case& which : cases) {
      json += (json.empty() ? "[" : ",\n ") + in_json(which, results[which.name]);
    }
  };
  run_cases("nameless", [](const Case& one) { return !one.is_named && one.to_standby == 0; });
  run_cases("named", [](const Case& one) { return one.is_named; });
  run_cases("two-detectors", [](const Case& one) { return one.to_standby != 0; });
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
