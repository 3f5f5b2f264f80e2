#include "detector/detector_service.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "base/status.h"
#include "common/kafka_start.h"
#include "common/seldom.h"
#include "detector/follower.h"
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

// From connecting until an error or a stop.
//
//   following ──► standby, following ◄──► tenure      (assigned nothing; assigned the journal)
//       not in the group yet                 │ ▲
//                                            ▼ │       (a rebalance that gives it back)
//                                          resting
//
class DetectorService::Session {
 public:
  Session(DetectorService* owner, const Stop& stop)
      : owner_(*owner), config_(*owner->options_.config), stop_(stop) {}

  absl::Status run();
  // Why it ended, if for that.
  const std::optional<Incident>& incident() const { return incident_; }

 private:
  absl::Status connect();
  std::string group_id() const { return config_.kafka.group_id + "-detector"; }
  absl::Status join();
  absl::Status follow();
  std::vector<std::int64_t> assigned(const std::vector<kafka::TopicPartition>& partitions);
  void revoked();
  absl::Status step();
  absl::Status begin_tenure();
  absl::Status resume_tenure();
  void take(const kafka::Message& message);
  void end_tenure();
  bool is_working() const { return tenure_ != nullptr && !is_resting_; }
  void report(const absl::Status& last_error);

  kafka::TopicPartition journal() const { return {owner_.topics_.journal, 0}; }
  telemetry::Telemetry& telemetry() const { return *owner_.options_.telemetry; }

  DetectorService& owner_;
  const config::Config& config_;
  const Stop& stop_;
  std::unique_ptr<kafka::Consumer> consumer_;
  bool is_member_ = false;
  bool has_journal_ = false;
  bool is_standby_ = false;
  std::unique_ptr<Follower> follower_;  // until the tenure
  std::chrono::steady_clock::time_point follow_again_at_;
  std::unique_ptr<Tenure> tenure_;  // from the first step after the assignment
  bool is_resting_ = false;
  Seldom not_following_;
  absl::Status failure_;  // of a record that was visited
  std::optional<Incident> incident_;
};

absl::Status DetectorService::Session::run() {
  absl::Status status = connect();
  while (status.ok() && consumer_ != nullptr && !stop_.requested()) status = step();
  for (const char* condition : {kConnected, kCaughtUp, kPublishes}) {
    telemetry().set_ready(condition, false);
  }
  owner_.meters_->active(false);
  return status;
}

absl::Status DetectorService::Session::connect() {
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
  consumer.group_id = group_id();
  consumer.skipped = [this](const auto&, std::int64_t first, std::int64_t next, auto) {
    owner_.meters_->skipped(next - first);
  };
  consumer.instance_id = owner_.options_.instance_id;
  SW_ASSIGN_OR_RETURN(consumer_, kafka::Consumer::create(consumer));
  // A journal that was not whole is looked at by a tenure, and read once it is.
  if (!owner_.incident_.empty()) return join();
  SW_ASSIGN_OR_RETURN(follower_, Follower::open(owner_.options_, owner_.topics_,
                                                owner_.refusals_.get(), group_id()));
  return absl::OkStatus();
}

absl::Status DetectorService::Session::join() {
  is_member_ = true;
  return consumer_->subscribe({journal().topic},
                              {.assigned = [this](const auto& list) { return assigned(list); },
                               .revoked = [this](const auto&) { revoked(); }});
}

// Who can't follow does without: a tenure finds out what is wrong, and reads everything.
absl::Status DetectorService::Session::follow() {
  const auto now = std::chrono::steady_clock::now();
  absl::Status status;
  if (follower_ == nullptr && is_standby_ && now >= follow_again_at_) {
    auto follower =
        Follower::open(owner_.options_, owner_.topics_, owner_.refusals_.get(), group_id());
    status = follower.status();
    if (follower.ok()) follower_ = *std::move(follower);
  }
  if (follower_ != nullptr) status = follower_->step();
  if (!status.ok()) {
    if (owner_.options_.strict) return status;
    if (const auto unsaid = not_following_.says(message_of(status), now)) {
      spdlog::warn("can't follow the journal: {}{}", message_of(status), more_like_it(*unsaid));
    }
    if (!absl::IsUnavailable(status)) {
      follower_.reset();
      follow_again_at_ = now + owner_.options_.look_again;
    }
  }
  if (is_member_ || (follower_ != nullptr && !follower_->has_caught_up())) return absl::OkStatus();
  if (follower_ != nullptr) {
    spdlog::info("has applied the journal up to offset {}, and joins its group",
                 follower_->next_offset());
  }
  return join();
}

// What has to be asked and read before the first record comes is done in step(), since the group
// waits for this.
std::vector<std::int64_t> DetectorService::Session::assigned(
    const std::vector<kafka::TopicPartition>& partitions) {
  has_journal_ = !partitions.empty();
  is_standby_ = !has_journal_;
  if (is_standby_ || !consumer_->has_kept_its_place()) end_tenure();
  if (is_standby_) {
    spdlog::info("stands by: another detector has the journal");
  }
  return std::vector<std::int64_t>(partitions.size(), kafka::kNotYet);
}

// What was gathered is published now or not by us: then who follows says it.
void DetectorService::Session::revoked() {
  has_journal_ = false;
  is_standby_ = false;
  if (tenure_ == nullptr) return;
  is_resting_ = true;
  absl::Status status = failure_;
  if (status.ok() && consumer_->assignment_lost()) status = absl::AbortedError("it was lost");
  if (status.ok()) status = tenure_->rest();
  if (status.ok()) return;
  spdlog::info("what was to be published is left to who has the journal next: {}",
               message_of(status));
  end_tenure();
}

void DetectorService::Session::end_tenure() {
  is_resting_ = false;
  if (tenure_ == nullptr) return;
  spdlog::info("gives the journal back");
  tenure_.reset();
  owner_.meters_->lag(0);
}

absl::Status DetectorService::Session::step() {
  // Not between being assigned the journal and the beginning of the tenure: records that come
  // belong to it.
  if (has_journal_ && is_resting_) SW_RETURN_IF_ERROR(resume_tenure());
  if (has_journal_ && tenure_ == nullptr) SW_RETURN_IF_ERROR(begin_tenure());
  if (!is_member_ || is_standby_) SW_RETURN_IF_ERROR(follow());
  const bool is_reading_up = follower_ != nullptr && !follower_->has_caught_up();
  const auto polled = consumer_->poll(is_reading_up ? milliseconds(0) : kPollWait, kPollBatch,
                                      [this](const kafka::Message& m) { take(m); });
  SW_RETURN_IF_ERROR(std::exchange(failure_, absl::OkStatus()));
  absl::Status last_error = polled.status();
  if (last_error.ok()) last_error = consumer_->last_error();
  if (!last_error.ok() && (owner_.options_.strict || !absl::IsUnavailable(last_error))) {
    return last_error;
  }
  if (is_working()) {
    if (polled.ok()) owner_.meters_->records(*polled);
    SW_RETURN_IF_ERROR(tenure_->publish());
    owner_.position_.store(tenure_->position(), std::memory_order_relaxed);
  }
  report(last_error);
  return absl::OkStatus();
}

absl::Status DetectorService::Session::resume_tenure() {
  is_resting_ = false;
  SW_RETURN_IF_ERROR(tenure_->resume());
  spdlog::info("has the journal again after a rebalance, and goes on at offset {}",
               tenure_->position());
  return absl::OkStatus();
}

absl::Status DetectorService::Session::begin_tenure() {
  for (const char* condition : {kCaughtUp, kPublishes}) telemetry().set_ready(condition, false);
  tenure_ = std::make_unique<Tenure>(owner_.options_, owner_.topics_, owner_.meters_.get(),
                                     owner_.refusals_.get(), consumer_.get(), std::move(follower_),
                                     stop_);
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
  const bool follows = is_standby_ && follower_ != nullptr && follower_->has_caught_up();
  telemetry().set_ready(kConnected, is_standby_ || tenure_ != nullptr);
  telemetry().set_ready(kReachesBrokers, last_error.ok());  // else: goes on trying
  telemetry().set_ready(kCaughtUp, follows || (tenure_ != nullptr && tenure_->has_caught_up()));
  telemetry().set_ready(kPublishes,
                        is_standby_ || (tenure_ != nullptr && tenure_->is_publishing()));
  owner_.meters_->active(is_working());
  if (follower_ != nullptr) owner_.meters_->lag(follower_->behind());
  if (!is_working()) return;
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
