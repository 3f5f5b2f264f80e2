#include "aggregator/aggregator.h"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "aggregator/flusher.h"
#include "aggregator/incidents.h"
#include "aggregator/input_watch.h"
#include "aggregator/meters.h"
#include "aggregator/owned_source.h"
#include "aggregator/worker.h"
#include "base/affinity.h"
#include "base/status.h"
#include "common/kafka_start.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWatch{100};
constexpr const char* kCaughtUp = "aggregator has caught up";
constexpr const char* kDelivers = "aggregator delivers to the journal";

absl::Status check_cpus(const std::vector<int>& cpus) {
  const std::vector<int> allowed = allowed_cpus();
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    if (!std::ranges::binary_search(allowed, cpus[i])) {
      return invalid_argument(
          "aggregator.cpu_affinity[{}]: this process has no CPU {}; it may run on {}", i, cpus[i],
          fmt::join(allowed, ", "));
    }
  }
  return absl::OkStatus();
}

}  // namespace

// From connecting until an error or a stop; another try starts a new one from nothing.
class Aggregator::Session {
 public:
  explicit Session(Aggregator* owner)
      : owner_(*owner), config_(*owner->options_.config), sources_(*owner->options_.sources) {}
  ~Session() {
    join();
    sources_.clear();
  }

  absl::Status run(const Stop& stop);

 private:
  absl::Status connect(const std::vector<std::int32_t>& partitions);
  void start();
  void say_topology();
  void join();
  absl::Status failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

  Aggregator& owner_;
  const config::Config& config_;
  OwnedSourceList& sources_;
  std::unique_ptr<Flusher> flusher_;
  std::unique_ptr<InputIncidents> incidents_;
  std::unique_ptr<InputWatch> watch_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Flusher::Partitions topology_{};  // as said last
  Stop stop_workers_;
  mutable std::mutex mutex_;
  absl::Status failure_;  // of the first worker that failed; guarded by mutex_
  std::vector<std::thread> threads_;
};

absl::Status Aggregator::Session::run(const Stop& stop) {
  const kafka::Topics& topics = owner_.topics_;
  const auto partitions = await_topics(
      config_.kafka,
      {topics.invoices, topics.shipments, topics.journal, topics.late, topics.dead_letter},
      owner_.options_.strict, stop);
  if (absl::IsCancelled(partitions.status())) return absl::OkStatus();
  SW_RETURN_IF_ERROR(partitions.status());
  owner_.topics_were_there_ = true;
  if ((*partitions)[0] != (*partitions)[1]) {
    return invalid_argument(
        "topic '{}' has {} partitions and '{}' has {}; an order's invoices and shipments meet only "
        "where both have the same number: add partitions to the smaller",
        topics.invoices, (*partitions)[0], topics.shipments, (*partitions)[1]);
  }
  SW_RETURN_IF_ERROR(connect(*partitions));
  start();
  telemetry::Telemetry& telemetry = *owner_.options_.telemetry;
  telemetry.set_ready("aggregator connected", true);
  absl::Status status;
  while (status.ok() && !stop.wait_for(kWatch)) {
    telemetry.set_ready(
        "aggregator reaches the brokers",
        std::ranges::all_of(workers_, [](const auto& w) { return w->reachable(); }));
    telemetry.set_ready(
        kCaughtUp, std::ranges::all_of(workers_, [](const auto& w) { return w->is_caught_up(); }));
    telemetry.set_ready(kDelivers, flusher_->is_delivering());
    say_topology();
    status = failure();
    if (status.ok()) status = flusher_->status();
  }
  telemetry.set_ready("aggregator connected", false);
  telemetry.set_ready(kCaughtUp, false);
  telemetry.set_ready(kDelivers, false);
  join();
  if (status.ok()) status = failure();
  return status.ok() ? flusher_->status() : status;
}

absl::Status Aggregator::Session::connect(const std::vector<std::int32_t>& partitions) {
  SW_ASSIGN_OR_RETURN(
      auto journal, JournalAppender::create(client_options(config_.kafka), owner_.topics_.journal));
  flusher_ = std::make_unique<Flusher>(&config_, std::move(journal), &sources_,
                                       owner_.meters_.get(), &owner_.delivered_);
  topology_ = {partitions[0], partitions[1]};
  flusher_->open(topology_);

  incidents_ = std::make_unique<InputIncidents>(owner_.topics_, config_.kafka.group_id,
                                                partitions[0], owner_.options_.telemetry);
  watch_ = std::make_unique<InputWatch>(client_options(config_.kafka), owner_.topics_, &sources_,
                                        incidents_.get(),
                                        InputWatch::Pace{.look = owner_.options_.input_look});
  SW_RETURN_IF_ERROR(watch_->connect());

  // One that is beyond the partitions would have nothing to do.
  const int count = std::min(config_.aggregator.workers, partitions[0]);
  for (int i = 0; i < count; ++i) {
    const Worker::Shared shared{&owner_.options_, &owner_.topics_,      &sources_,
                                incidents_.get(), owner_.meters_.get(), &owner_.processed_};
    workers_.push_back(std::make_unique<Worker>(shared, i));
    // Its Kafka clients' threads too: most of what a record costs is its way from core to core.
    const OnCpus pinned(one_of(config_.aggregator.cpu_affinity, static_cast<std::size_t>(i)));
    if (!pinned.is_granted()) {
      spdlog::warn("worker {} could not be pinned to CPU {}; it runs where it may", i,
                   config_.aggregator.cpu_affinity[static_cast<std::size_t>(i)]);
    }
    SW_RETURN_IF_ERROR(workers_.back()->connect());
  }
  return absl::OkStatus();
}

// Partitions that are not read hold panes open: what lacks their records is not the whole.
void Aggregator::Session::say_topology() {
  Flusher::Partitions now = incidents_->partitions().now;
  for (std::size_t i = 0; i < now.size(); ++i) now[i] = std::max(now[i], topology_[i]);
  if (now == topology_) return;
  topology_ = now;
  flusher_->set_partitions(now);
}

void Aggregator::Session::start() {
  flusher_->start();
  watch_->start();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const OnCpus pinned(one_of(config_.aggregator.cpu_affinity, i));
    threads_.emplace_back([this, i] {
      const absl::Status status = workers_[i]->run(stop_workers_);
      const std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = status;
    });
  }
}

// The workers first, so that the last flush has all that they have processed.
void Aggregator::Session::join() {
  stop_workers_.request();
  if (watch_ != nullptr) watch_->stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  if (flusher_ != nullptr) flusher_->stop();
}

Aggregator::Aggregator(Options options)
    : options_(std::move(options)),
      topics_(options_.config->kafka.topic_prefix),
      meters_(std::make_unique<AggregatorMeters>(options_.telemetry)) {
  if (options_.sources == nullptr) options_.sources = std::make_shared<OwnedSourceList>();
  options_.telemetry->set_ready("aggregator connected", false);
  options_.telemetry->set_ready(kCaughtUp, false);
  options_.telemetry->set_ready(kDelivers, false);
}

Aggregator::~Aggregator() = default;

absl::Status Aggregator::run(const Stop& stop) {
  SW_RETURN_IF_ERROR(check_cpus(options_.config->aggregator.cpu_affinity));
  return keep_trying("aggregator", options_.strict, stop, [&] {
    processed_.store(0, std::memory_order_relaxed);
    delivered_.store(0, std::memory_order_relaxed);
    const absl::Status status = Session(this).run(stop);
    // They may come back; that they are away is an incident.
    if (absl::IsNotFound(status) && topics_were_there_) {
      return absl::UnavailableError(message_of(status));
    }
    return status;
  });
}

Aggregator::Progress Aggregator::progress() const {
  return {processed_.load(std::memory_order_relaxed), delivered_.load(std::memory_order_relaxed)};
}

}  // namespace surgewatch::services
