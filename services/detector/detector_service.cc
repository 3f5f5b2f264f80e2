#include "detector/detector_service.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "base/status.h"
#include "common/kafka_start.h"
#include "detector/journal_position.h"
#include "detector/meters.h"
#include "detector/refusals.h"
#include "detector/tenure.h"
#include "kafka/client.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPollWait{50};
constexpr std::size_t kPollBatch = 1'000;

constexpr const char* kConnected = "detector connected";
constexpr const char* kReachesBrokers = "detector reaches the brokers";
constexpr const char* kCaughtUp = "detector has caught up with the journal";
constexpr const char* kPublishes = "detector publishes";

}  // namespace

// A member of the group, from connecting until an error or a stop.
//
//   joining ──► standby ◄──► tenure           (assigned nothing; assigned the journal)
//
class DetectorService::Session {
 public:
  Session(DetectorService* owner, const Stop& stop)
      : owner_(*owner), config_(*owner->options_.config), stop_(stop) {}

  absl::Status run();
  // Why it ended, if for that.
  const std::optional<Incident>& incident() const { return incident_; }

 private:
  absl::Status join();
  std::vector<std::int64_t> assigned(const std::vector<kafka::TopicPartition>& partitions);
  void revoked();
  absl::Status step();
  absl::Status begin_tenure();
  void take(const kafka::Message& message);
  void end_tenure() { tenure_.reset(); }
  void report(const absl::Status& last_error);

  kafka::TopicPartition journal() const { return {owner_.topics_.journal, 0}; }
  telemetry::Telemetry& telemetry() const { return *owner_.options_.telemetry; }

  DetectorService& owner_;
  const config::Config& config_;
  const Stop& stop_;
  std::unique_ptr<kafka::Consumer> consumer_;
  bool has_journal_ = false;
  bool is_standby_ = false;
  std::unique_ptr<Tenure> tenure_;  // from the first step after the assignment
  absl::Status failure_;            // of a record that was visited
  std::optional<Incident> incident_;
};

absl::Status DetectorService::Session::run() {
  absl::Status status = join();
  while (status.ok() && consumer_ != nullptr && !stop_.requested()) status = step();
  for (const char* condition : {kConnected, kCaughtUp, kPublishes}) {
    telemetry().set_ready(condition, false);
  }
  return status;
}

absl::Status DetectorService::Session::join() {
  const kafka::Topics& topics = owner_.topics_;
  const auto partitions = await_topics(
      config_.kafka, {topics.journal, topics.alerts, topics.series}, owner_.options_.strict, stop_);
  if (absl::IsCancelled(partitions.status())) return absl::OkStatus();
  SW_RETURN_IF_ERROR(partitions.status());
  owner_.topics_were_there_ = true;
  if ((*partitions)[0] != 1) {
    return invalid_argument("topic '{}' has {} partitions; the journal is one order and has one",
                            topics.journal, (*partitions)[0]);
  }
  kafka::Consumer::Options consumer;
  consumer.client = client_options(config_.kafka);
  consumer.group_id = config_.kafka.group_id + "-detector";
  consumer.skipped = [this](const auto&, std::int64_t first, std::int64_t next, auto) {
    owner_.meters_->skipped(next - first);
  };
  SW_ASSIGN_OR_RETURN(consumer_, kafka::Consumer::create(consumer));
  return consumer_->subscribe({topics.journal},
                              {.assigned = [this](const auto& list) { return assigned(list); },
                               .revoked = [this](const auto&) { revoked(); }});
}

// What has to be asked and read before the first record comes is done in step(), since the group
// waits for this.
std::vector<std::int64_t> DetectorService::Session::assigned(
    const std::vector<kafka::TopicPartition>& partitions) {
  has_journal_ = !partitions.empty();
  is_standby_ = !has_journal_;
  if (is_standby_) spdlog::info("stands by: another detector has the journal");
  // Not "the beginning", which retention may move in this moment.
  return std::vector<std::int64_t>(partitions.size(), 0);
}

// Nothing that was gathered is published any more: who follows says it.
void DetectorService::Session::revoked() {
  if (tenure_ != nullptr) spdlog::info("gives the journal back");
  end_tenure();
  has_journal_ = false;
  is_standby_ = false;
  owner_.meters_->lag(0);
}

absl::Status DetectorService::Session::step() {
  // Not between being assigned the journal and the beginning of the tenure: records that come
  // belong to it.
  if (has_journal_ && tenure_ == nullptr) SW_RETURN_IF_ERROR(begin_tenure());
  const auto polled =
      consumer_->poll(kPollWait, kPollBatch, [this](const kafka::Message& m) { take(m); });
  SW_RETURN_IF_ERROR(std::exchange(failure_, absl::OkStatus()));
  absl::Status last_error = polled.status();
  if (last_error.ok()) last_error = consumer_->last_error();
  if (!last_error.ok() && (owner_.options_.strict || !absl::IsUnavailable(last_error))) {
    return last_error;
  }
  if (tenure_ != nullptr) {
    if (polled.ok()) owner_.meters_->records(*polled);
    SW_RETURN_IF_ERROR(tenure_->publish());
    owner_.position_.store(tenure_->position(), std::memory_order_relaxed);
  }
  report(last_error);
  return absl::OkStatus();
}

absl::Status DetectorService::Session::begin_tenure() {
  for (const char* condition : {kCaughtUp, kPublishes}) telemetry().set_ready(condition, false);
  tenure_ = std::make_unique<Tenure>(owner_.options_, owner_.topics_, owner_.meters_.get(),
                                     owner_.refusals_.get(), consumer_.get(), stop_);
  SW_ASSIGN_OR_RETURN(incident_, tenure_->begin());
  for (const char* name : {kJournalStartMoved, kJournalReplaced}) {
    telemetry().set_incident(name, {{"topic", journal().topic}, {"partition", "0"}},
                             incident_.has_value() && incident_->name == name);
  }
  if (!incident_.has_value()) return absl::OkStatus();
  return failed_precondition("{}: {}", incident_->name, incident_->what_to_do);
}

void DetectorService::Session::take(const kafka::Message& message) {
  if (tenure_ == nullptr || !failure_.ok()) return;
  failure_ = tenure_->take(message);
}

void DetectorService::Session::report(const absl::Status& last_error) {
  telemetry().set_ready(kConnected, is_standby_ || tenure_ != nullptr);
  telemetry().set_ready(kReachesBrokers, last_error.ok());  // else: goes on trying
  telemetry().set_ready(kCaughtUp, is_standby_ || (tenure_ != nullptr && tenure_->has_caught_up()));
  telemetry().set_ready(kPublishes,
                        is_standby_ || (tenure_ != nullptr && tenure_->is_publishing()));
  if (tenure_ == nullptr) return;
  owner_.meters_->stats(tenure_->stats());
  const auto lag = consumer_->lag();
  if (const auto found = lag.find(journal()); found != lag.end()) {
    owner_.meters_->lag(found->second);
  }
}

DetectorService::DetectorService(Options options)
    : options_(std::move(options)),
      topics_(options_.config->kafka.topic_prefix),
      meters_(std::make_unique<Meters>(options_.telemetry)),
      refusals_(std::make_unique<Refusals>(topics_.journal, meters_.get())) {
  for (const char* condition : {kConnected, kReachesBrokers, kCaughtUp, kPublishes}) {
    options_.telemetry->set_ready(condition, false);
  }
}

DetectorService::~DetectorService() = default;

absl::Status DetectorService::run(const Stop& stop) {
  return keep_trying("detector", options_.strict, stop, [&] { return run_session(stop); });
}

// One, or as many as it takes until an incident is over.
absl::Status DetectorService::run_session(const Stop& stop) {
  for (;;) {
    std::optional<Incident> incident;
    absl::Status status;
    {
      Session session(this, stop);
      status = session.run();
      incident = session.incident();
    }
    if (absl::IsNotFound(status) && topics_were_there_) {
      return absl::UnavailableError(message_of(status));
    }
    if (!incident.has_value() || options_.strict) {
      incident_.clear();
      return status;
    }
    if (incident_ != incident->name) {
      spdlog::error("{}", message_of(status));
      incident_ = incident->name;
    }
    if (stop.wait_for(options_.look_again)) return absl::OkStatus();
  }
}

}  // namespace surgewatch::services
