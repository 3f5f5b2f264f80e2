// From an event to its pane and to its alert, on a real Kafka, at parts of what the machine can do.
//
//   latency_bench OUTPUT.json [SECONDS] [own-core]
//
// takes about 3 × SECONDS + 40; SECONDS is 40 by default. With own-core the aggregator's worker and
// its Kafka clients have the first CPU (aggregator.cpu_affinity), generator, broker and detector
// the others: who works beside a worker, and not how it works, decides else what its slowest
// moments are.
//
// The load is open: event i is due at start + i × step, whatever became of those before it, and
// every latency but poll_to_pane is counted from that instant. So a stall counts for every event
// that it held up, sent or not (no coordinated omission). Generator, broker, aggregator and
// detector share the machine; the load of 100 % is what this very arrangement has sustained just
// before.
//
//   poll_to_pane: from the return of the poll that delivered it until any thread can read its pane
//   event_to_pane: from when it was due until then
//   event_to_alert: from when it was due until its alert is read, committed, from the alerts' topic
//
// Alerts come of triggers: 50 a second, each of a party that sold little in the reference period
// and crosses its line with this one invoice, long before the window ends.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/affinity.h"
#include "bench/live_system.h"
#include "bench/sudden_rule.h"
#include "surgewatch/v1/alert.pb.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr int kPartitions = 2;
constexpr int kTriggersPerSecond = 50;
constexpr int kQuietParties = 100;
constexpr double kWarmUpSeconds = 3;  // of each level, not counted
constexpr double kCapacitySeconds = 8;
constexpr std::uint64_t kAheadForCapacity = 50'000;

// An invoice whose numbers are written into its bytes: an event must not cost the generator much.
class Template {
 public:
  Template(std::string_view party, std::int64_t day, std::int64_t quantity) {
    bytes_ = sudden_invoice(0, std::string(party) + "-000000", day, quantity).SerializeAsString();
    invoice_ = bytes_.find("invoice-0") + 8;
    order_ = bytes_.find("order-0") + 6;
    party_ = bytes_.find(std::string(party) + "-0") + party.size() + 1;
  }
  std::string_view of(std::uint64_t number, std::uint64_t party) {
    write(invoice_, 10, number);
    write(order_, 10, number);
    write(party_, 6, party);
    return bytes_;
  }
  std::string_view key() const { return std::string_view(bytes_).substr(order_ - 6, 16); }

 private:
  void write(std::size_t begin, std::size_t digits, std::uint64_t number) {
    for (std::size_t i = digits; i-- > 0; number /= 10) {
      bytes_[begin + i] = static_cast<char>('0' + number % 10);
    }
  }
  std::string bytes_;
  std::size_t invoice_ = 0, order_ = 0, party_ = 0;
};

// When events are due: the i-th of a level at start + i × step.
struct Schedule {
  std::uint64_t first = 0;  // number of the level's first event
  std::uint64_t count = 0;
  Clock::time_point start;
  double step_ns = 0;
  std::uint64_t trigger_every = 1;
  std::uint64_t first_trigger = 0;
  std::uint64_t warm_up = 0;  // events, or triggers, that don't count

  Clock::time_point due(std::uint64_t i) const {
    return start + nanoseconds(static_cast<std::int64_t>(static_cast<double>(i) * step_ns));
  }
};

struct Samples {
  std::vector<std::uint32_t> micros;

  void add(Clock::duration latency) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
    micros.push_back(static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, UINT32_MAX)));
  }
  double quantile_ms(double q) {
    if (micros.empty()) return NAN;
    const auto rank =
        static_cast<std::size_t>(std::ceil(q * static_cast<double>(micros.size())) - 1);
    std::nth_element(micros.begin(), micros.begin() + static_cast<std::ptrdiff_t>(rank),
                     micros.end());
    return micros[rank] / 1e3;
  }
};

class LatencyBench {
 public:
  // `cpus`: all that the benchmark may use; `worker_cpus`: the worker's, or none.
  LatencyBench(const test::KafkaServer& server, std::uint64_t triggers, std::span<const int> cpus,
               std::span<const int> worker_cpus)
      : system_(server, "latency", kPartitions, /*workers=*/1, kSuddenRule, worker_cpus),
        aggregator_({.config = system_.config,
                     .telemetry = &system_.telemetry,
                     .on_visible = [this](const auto& visible) { on_visible(visible); }}),
        detector_({system_.config, &system_.telemetry}),
        producer_(must(kafka::Producer::create(
            {.client = {.brokers = server.brokers()}, .linger = std::chrono::milliseconds(1)}))),
        alerts_(must(kafka::Consumer::create({.client = {.brokers = server.brokers()}}))),
        running_aggregator_([&] {
          const OnCpus all(cpus);
          return Running(&aggregator_);
        }()),
        running_detector_(&detector_) {
    must(alerts_->assign({{{system_.topics.alerts, 0}, kafka::kBeginning}}));
    reader_ = std::thread([this] { read_alerts(); });
    prepare(triggers);
  }
  ~LatencyBench() {
    stop_ = true;
    reader_.join();
  }

  // Events a second that the arrangement sustains.
  double capacity();
  // Returns rows of JSON.
  std::vector<std::string> level(int percent, double rate, double length);

 private:
  void prepare(std::uint64_t triggers);
  void send(std::string_view key, std::string_view payload) {
    must(producer_->produce(system_.topics.invoices, static_cast<std::int32_t>(sent_ % kPartitions),
                            key, payload));
    if (++sent_ % 64 == 0) producer_->poll();
  }
  void on_visible(const services::Aggregator::Visible& visible);
  void read_alerts();
  void settle();

  LiveSystem system_;
  services::Aggregator aggregator_;
  services::DetectorService detector_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<kafka::Consumer> alerts_;
  Template reference_{"buyer", kReferenceDay, 10}, trigger_{"buyer", kMeasuredDay, 1'000},
      background_{"quiet", kMeasuredDay, 1};
  std::uint64_t sent_ = 0, triggered_ = 0;

  std::mutex mutex_;  // of all that follows
  Schedule schedule_;
  Samples poll_to_pane_, event_to_pane_, event_to_alert_;
  std::uint64_t alerts_seen_ = 0;

  std::atomic<bool> stop_{false};
  std::thread reader_;
  Running running_aggregator_, running_detector_;
};

void LatencyBench::on_visible(const services::Aggregator::Visible& visible) {
  const std::lock_guard lock(mutex_);
  for (std::int64_t offset = visible.first; offset < visible.next; ++offset) {
    // Events go to partitions in turn, and nobody else writes there.
    const auto number = static_cast<std::uint64_t>(offset) * kPartitions +
                        static_cast<std::uint64_t>(visible.source.partition);
    if (number < schedule_.first + schedule_.warm_up ||
        number >= schedule_.first + schedule_.count) {
      continue;
    }
    poll_to_pane_.add(visible.visible - visible.polled);
    event_to_pane_.add(visible.visible - schedule_.due(number - schedule_.first));
  }
}

void LatencyBench::read_alerts() {
  v1::Alert alert;
  while (!stop_) {
    must(alerts_
             ->poll(std::chrono::milliseconds(10), 1'000,
                    [&](const kafka::Message& message) {
                      const auto now = Clock::now();
                      if (!alert.ParseFromArray(message.payload.data(),
                                                static_cast<int>(message.payload.size()))) {
                        give_up("an alert can't be read");
                      }
                      const std::string& party = alert.subject().at("bill_to.party_id");
                      const std::uint64_t trigger = std::stoull(party.substr(party.find('-') + 1));
                      const std::lock_guard lock(mutex_);
                      ++alerts_seen_;
                      if (trigger < schedule_.first_trigger) return;
                      const std::uint64_t i =
                          (trigger - schedule_.first_trigger) * schedule_.trigger_every;
                      if (i >= schedule_.warm_up) event_to_alert_.add(now - schedule_.due(i));
                    })
             .status());
  }
}

// The reference period of every party, and an event in each partition that closes it.
void LatencyBench::prepare(std::uint64_t triggers) {
  for (std::uint64_t i = 0; i < triggers; ++i) {
    const std::string_view payload = reference_.of(sent_, i);
    send(reference_.key(), payload);
  }
  for (int i = 0; i < 2 * kPartitions; ++i) {
    const std::string_view payload = background_.of(sent_, 0);
    send(background_.key(), payload);
  }
  settle();
}

// Until all that was sent is in the journal and the detector has applied that.
void LatencyBench::settle() {
  must(producer_->flush(kPatience));
  must_come_true("all in the journal", [&] { return aggregator_.progress().delivered >= sent_; });
  must_come_true("all applied by the detector", [&] {
    const auto ends = must(system_.admin->watermarks({system_.topics.journal, 0}, kPatience));
    return detector_.position() >= ends.second;
  });
}

double LatencyBench::capacity() {
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<nanoseconds>(
                               std::chrono::duration<double>(kCapacitySeconds));
  const auto half = start + (end - start) / 2;
  std::uint64_t processed_at_half = 0;
  auto measured_from = half;
  while (Clock::now() < end) {
    const std::uint64_t processed = aggregator_.progress().processed;
    if (processed_at_half == 0 && Clock::now() >= half) {
      processed_at_half = processed;
      measured_from = Clock::now();
    }
    if (sent_ - processed > kAheadForCapacity) {
      producer_->poll();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    for (int i = 0; i < 256; ++i) {
      const std::string_view payload = background_.of(sent_, sent_ % kQuietParties);
      send(background_.key(), payload);
    }
  }
  const std::chrono::duration<double> took = Clock::now() - measured_from;
  const double rate =
      static_cast<double>(aggregator_.progress().processed - processed_at_half) / took.count();
  settle();
  return rate;
}

std::vector<std::string> LatencyBench::level(int percent, double rate, double length) {
  Schedule schedule;
  schedule.first = sent_;
  schedule.count = static_cast<std::uint64_t>(rate * (kWarmUpSeconds + length));
  schedule.step_ns = 1e9 / rate;
  schedule.trigger_every =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(rate / kTriggersPerSecond));
  schedule.first_trigger = triggered_;
  schedule.warm_up = static_cast<std::uint64_t>(rate * kWarmUpSeconds);
  schedule.start = Clock::now() + std::chrono::milliseconds(10);
  std::uint64_t alerts_before = 0;
  {
    const std::lock_guard lock(mutex_);
    schedule_ = schedule;
    poll_to_pane_ = event_to_pane_ = event_to_alert_ = {};
    poll_to_pane_.micros.reserve(schedule.count);
    event_to_pane_.micros.reserve(schedule.count);
    alerts_before = alerts_seen_;
  }
  const std::uint64_t triggers_before = triggered_;
  for (std::uint64_t i = 0; i < schedule.count;) {
    const auto now = Clock::now();
    if (const auto due = schedule.due(i); due > now) {
      producer_->poll();
      std::this_thread::sleep_until(due);
      continue;
    }
    for (; i < schedule.count && schedule.due(i) <= now; ++i) {
      const bool is_trigger = i % schedule.trigger_every == 0;
      Template& event = is_trigger ? trigger_ : background_;
      const std::string_view payload =
          event.of(sent_, is_trigger ? triggered_++ : sent_ % kQuietParties);
      send(event.key(), payload);
    }
  }
  settle();
  must_come_true("an alert for every trigger", [&] {
    const std::lock_guard lock(mutex_);
    return alerts_seen_ - alerts_before >= triggered_ - triggers_before;
  });

  const std::lock_guard lock(mutex_);
  std::vector<std::string> rows;
  for (const auto& [stage, samples] :
       {std::pair("poll_to_pane", &poll_to_pane_), std::pair("event_to_pane", &event_to_pane_),
        std::pair("event_to_alert", &event_to_alert_)}) {
    const double p50 = samples->quantile_ms(0.5), p99 = samples->quantile_ms(0.99),
                 p999 = samples->quantile_ms(0.999), p9999 = samples->quantile_ms(0.9999);
    fmt::print(
        "{:<15} {:>4} % {:>9.0f}/s {:>10} samples  p50 {:>8.3f}  p99 {:>8.3f}  p99.9 "
        "{:>8.3f}  p99.99 {:>8.3f} ms\n",
        stage, percent, rate, samples->micros.size(), p50, p99, p999, p9999);
    std::fflush(stdout);
    rows.push_back(
        fmt::format("{{\"stage\": \"{}\", \"load_percent\": {}, \"p50_ms\": {:.3f}, \"p99_ms\": "
                    "{:.3f}, \"p999_ms\": {:.3f}, \"p9999_ms\": {:.3f}, \"samples\": {}, "
                    "\"events_per_second\": {:.0f}}}",
                    stage, percent, p50, p99, p999, p9999, samples->micros.size(), rate));
  }
  return rows;
}

int run(const std::string& output, double length, bool own_core) {
  constexpr int kLevels[] = {1, 50, 90};
  const std::vector<int> allowed = allowed_cpus();
  const std::span<const int> cpus = allowed;
  if (own_core && cpus.size() < 2) give_up("there is one CPU, and own-core takes two");
  const std::span<const int> worker_cpus = cpus.first(own_core ? 1 : 0);
  const OnCpus others(cpus.subspan(worker_cpus.size()));
  const auto server = must(test::KafkaServer::start());
  const auto triggers = static_cast<std::uint64_t>(
      std::size(kLevels) * (length + kWarmUpSeconds) * kTriggersPerSecond * 1.1 + 10);
  LatencyBench bench(*server, triggers, cpus, worker_cpus);
  const double capacity = bench.capacity();
  fmt::print("capacity: {:.0f} events/s\n", capacity);
  std::string json;
  for (const int percent : kLevels) {
    for (const std::string& row : bench.level(percent, capacity * percent / 100, length)) {
      json += (json.empty() ? "[" : ",\n ") + row;
    }
  }
  std::ofstream file(output);
  file << json << "]\n";
  return file.good() ? 0 : 1;
}

}  // namespace
}  // namespace surgewatch::bench

int main(int argc, char** argv) {
  const bool own_core = argc > 3 && std::string_view(argv[3]) == "own-core";
  if (argc < 2 || argc > 4 || (argc == 4 && !own_core)) {
    fmt::print(stderr, "usage: latency_bench OUTPUT.json [SECONDS] [own-core]\n");
    return 2;
  }
  return surgewatch::bench::run(argv[1], argc > 2 ? std::atof(argv[2]) : 40, own_core);
}
