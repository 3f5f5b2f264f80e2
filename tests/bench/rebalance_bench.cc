// What a rebalance costs, on a real Kafka: for how long nothing comes of partitions that stay with
// the aggregator that had them, and of those that move.
//
//   rebalance_bench OUTPUT.json [ROUNDS [HISTORY]]
//
// Aggregators as threads of this process. HISTORY invoices (200,000) lie in six partitions, and one
// more comes to each every five milliseconds. In each round (5) a third aggregator joins the two
// that are there and, once all are ready, leaves again. `stay`: the longest time between two events
// that can be read in panes, of the partitions that have the same owner before and after; `move`:
// the same of the others, which are read again by whoever gets them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "aggregator/owned_source.h"
#include "bench/live_system.h"
#include "bench/sudden_rule.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kPartitions = 6;
constexpr milliseconds kEvery{5};

// When records that were sent from now on could be read in panes, by partition of the invoices.
class Arrivals {
 public:
  void note(const services::Aggregator::Visible& visible) {
    if (visible.source.topic != Topic::kInvoices) return;
    const std::lock_guard lock(mutex_);
    auto& partition = partitions_[visible.source.partition];
    // What is read again has been there before.
    if (visible.next <= partition.next) return;
    partition.next = visible.next;
    partition.times.push_back(visible.visible);
  }
  // Whether one of each partition has come since then.
  bool have_come_since(Clock::time_point time) const {
    const std::lock_guard lock(mutex_);
    return partitions_.size() == kPartitions &&
           std::ranges::all_of(partitions_,
                               [&](const auto& one) { return one.second.times.back() > time; });
  }
  // The longest time between two, since then.
  std::map<int, double> longest_gaps_ms(Clock::time_point since) const {
    const std::lock_guard lock(mutex_);
    std::map<int, double> gaps;
    for (const auto& [number, partition] : partitions_) {
      Clock::time_point last = since;
      for (const Clock::time_point time : partition.times) {
        if (time < since) continue;
        gaps[number] =
            std::max(gaps[number], std::chrono::duration<double, std::milli>(time - last).count());
        last = time;
      }
    }
    return gaps;
  }

 private:
  struct Partition {
    std::int64_t next = 0;
    std::vector<Clock::time_point> times;
  };
  mutable std::mutex mutex_;
  std::map<int, Partition> partitions_;
};

class Load {
 public:
  Load(const std::string& brokers, std::string topic)
      : topic_(std::move(topic)),
        producer_(must(
            kafka::Producer::create({.client = {.brokers = brokers}, .linger = milliseconds(1)}))) {
  }
  ~Load() { stop(); }
  void write(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) send();
    must(producer_->flush(kPatience));
  }
  void start() {
    thread_ = std::thread([this] {
      auto next = Clock::now();
      while (!stop_.requested()) {
        for (int i = 0; i < kPartitions; ++i) send();
        producer_->poll();
        next += kEvery;
        std::this_thread::sleep_until(next);
      }
    });
  }
  void stop() {
    stop_.request();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void send() {
    const v1::Invoice invoice =
        sudden_invoice(sent_, fmt::format("party-{}", sent_ % 1'000), kMeasuredDay, 1);
    must(producer_->produce(topic_, static_cast<std::int32_t>(sent_++ % kPartitions),
                            invoice.order_id(), invoice.SerializeAsString()));
  }

  const std::string topic_;
  std::unique_ptr<kafka::Producer> producer_;
  std::int64_t sent_ = 0;
  services::Stop stop_;
  std::thread thread_;
};

struct Member {
  Member(const LiveSystem& system, Arrivals* arrivals)
      : aggregator({.config = system.config,
                    .telemetry = &telemetry,
                    .sources = sources,
                    .on_visible = [arrivals](const auto& visible) { arrivals->note(visible); }}) {}

  std::set<int> partitions() const {
    std::set<int> numbers;
    for (const auto& owned : sources->all()) {
      if (owned->source.id().topic == Topic::kInvoices)
        numbers.insert(owned->source.id().partition);
    }
    return numbers;
  }
  bool is_ready() const { return telemetry.ready(nullptr); }

  telemetry::Telemetry telemetry{"benchmark", 1'000};
  const std::shared_ptr<services::OwnedSourceList> sources =
      std::make_shared<services::OwnedSourceList>();
  services::Aggregator aggregator;
};

// Those that have the same owner.
std::set<int> same(const std::array<std::set<int>, 2>& before,
                   const std::array<std::set<int>, 2>& after) {
  std::set<int> both;
  for (std::size_t i = 0; i < before.size(); ++i) {
    std::ranges::set_intersection(before[i], after[i], std::inserter(both, both.end()));
  }
  return both;
}

struct Gaps {
  std::vector<double> stay, move;

  void add(const std::map<int, double>& longest, const std::set<int>& stayed) {
    double stays = 0, moves = 0;
    for (const auto& [partition, gap] : longest) {
      double& of = stayed.contains(partition) ? stays : moves;
      of = std::max(of, gap);
    }
    stay.push_back(stays);
    move.push_back(moves);
  }
};

std::string summary(std::string_view name, std::vector<double> values) {
  std::ranges::sort(values);
  const double middle = values[(values.size() - 1) / 2];
  fmt::print("{:<28} p50 {:>6.2f}  worst {:>6.2f} s\n", name, middle / 1e3, values.back() / 1e3);
  return fmt::format("{{\"what\": \"{}\", \"p50_ms\": {:.0f}, \"worst_ms\": {:.0f}}}", name, middle,
                     values.back());
}

int run(const std::string& output, int rounds, std::int64_t history) {
  const auto server = must(test::KafkaServer::start());
  const LiveSystem system(*server, "rebalance", kPartitions, 1, kSuddenRule);
  Load load(server->brokers(), system.topics.invoices);
  load.write(history);
  Arrivals arrivals;
  Member first(system, &arrivals), second(system, &arrivals);
  const Running running_first(&first.aggregator), running_second(&second.aggregator);
  const auto are_settled = [](std::span<const Member* const> members) {
    std::size_t partitions = 0;
    for (const Member* member : members) {
      if (!member->is_ready() || member->partitions().empty()) return false;
      partitions += member->partitions().size();
    }
    return partitions == kPartitions;
  };
  const std::array<const Member*, 2> two{&first, &second};
  const auto owners = [&] { return std::array{first.partitions(), second.partitions()}; };
  must_come_true("two are ready", [&] { return are_settled(two); });
  load.start();
  Gaps joins, leaves;
  // So that what stands still has gone on, and its gap is whole.
  const auto wait_for_events = [&] {
    must_come_true("events come",
                   [&, since = Clock::now()] { return arrivals.have_come_since(since); });
  };
  for (int i = 0; i < rounds; ++i) {
    wait_for_events();
    Member third(system, &arrivals);
    const std::array<const Member*, 3> three{&first, &second, &third};
    auto before = owners();
    auto since = Clock::now();
    auto running_third = std::make_unique<Running>(&third.aggregator);
    must_come_true("three are ready", [&] { return are_settled(three); });
    wait_for_events();
    joins.add(arrivals.longest_gaps_ms(since), same(before, owners()));
    before = owners();
    since = Clock::now();
    running_third.reset();
    must_come_true("two are ready again", [&] { return are_settled(two); });
    wait_for_events();
    leaves.add(arrivals.longest_gaps_ms(since), same(before, owners()));
  }
  load.stop();
  std::ofstream file(output);
  file << "[" << summary("one joins: stay", joins.stay) << ",\n "
       << summary("one joins: move", joins.move) << ",\n "
       << summary("one leaves: stay", leaves.stay) << ",\n "
       << summary("one leaves: move", leaves.move) << "]\n";
  return file.good() ? 0 : 1;
}

}  // namespace
}  // namespace surgewatch::bench

int main(int argc, char** argv) {
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const std::int64_t history = argc > 3 ? std::atoll(argv[3]) : 200'000;
  if (argc < 2 || argc > 4 || rounds < 1 || history < 1) {
    fmt::print(stderr, "usage: rebalance_bench OUTPUT.json [ROUNDS [HISTORY]]\n");
    return 2;
  }
  return surgewatch::bench::run(argv[1], rounds, history);
}
