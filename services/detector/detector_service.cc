#include "detector/detector_service.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "base/proto_json.h"
#include "base/status.h"
#include "base/time.h"
#include "common/alert_text.h"
#include "common/kafka_start.h"
#include "detect/detector.h"
#include "kafka/client.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPollWait{50};
constexpr std::size_t kPollBatch = 1'000;
constexpr int kPublishAttempts = 5;

std::string subject_key(const v1::SeriesPoint& point) {
  std::string key = point.rule();
  for (const auto& [dimension, value] :
       std::map<std::string, std::string>(point.subject().begin(), point.subject().end())) {
    key += fmt::format(";{}={}", dimension, value);
  }
  return key;
}

}  // namespace

class DetectorService::Meters {
 public:
  explicit Meters(telemetry::Telemetry* telemetry) : telemetry_(*telemetry) {
    const auto counter = [&](const char* name, const char* help) {
      return &telemetry_.counter(name, help, {});
    };
    records_ = counter("journal_records_total", "Journal records applied.");
    malformed_ = counter("journal_malformed_total", "Journal records that could not be read.");
    unknown_series_ = counter("pane_updates_unknown_series_total",
                              "Pane updates made by another definition of a series.");
    stale_ = counter("pane_updates_stale_total", "Pane updates that were not newer.");
    reopened_ = counter("panes_reopened_total", "Updates to panes that were final.");
    closed_ = counter("panes_closed_total", "Panes that every source has passed.");
    inconclusive_ = counter("rules_inconclusive_total", "Evaluations that lacked what they need.");
    recycled_ = counter("transactions_retried_total", "Transactions that were tried again.");
    watermark_lag_ =
        &telemetry_.gauge("detector_watermark_lag_seconds",
                          "Wall-clock time less the lowest watermark of all sources.", {});
    lag_ = &telemetry_.gauge("journal_lag_records", "Journal records not applied yet.", {});
  }

  void records(std::size_t count) { records_->Increment(static_cast<double>(count)); }
  void malformed() { malformed_->Increment(); }
  void retried() { recycled_->Increment(); }
  void lag(std::int64_t records) { lag_->Set(static_cast<double>(records)); }

  void stats(const detect::DetectorStats& now) {
    const auto add = [](prometheus::Counter* counter, std::uint64_t value, std::uint64_t before) {
      if (value > before) counter->Increment(static_cast<double>(value - before));
    };
    add(unknown_series_, now.unknown_series, last_.unknown_series);
    add(stale_, now.stale_updates, last_.stale_updates);
    add(reopened_, now.reopened_panes, last_.reopened_panes);
    add(closed_, now.closed_panes, last_.closed_panes);
    add(inconclusive_, now.inconclusive, last_.inconclusive);
    if (now.watermark) {
      watermark_lag_->Set(static_cast<double>(wall_clock_micros() - *now.watermark) / 1e6);
    }
    last_ = now;
  }
  void new_detector() { last_ = {}; }

  void published(const v1::Alert& alert, std::int64_t record_timestamp_micros) {
    telemetry_
        .counter("alerts_total", "Alert revisions published.",
                 {{"rule", alert.rule()},
                  {"severity", short_name(alert.severity())},
                  {"state", short_name(alert.state())}})
        .Increment();
    if (record_timestamp_micros == 0) return;
    telemetry_
        .histogram("event_to_alert_seconds",
                   "From the newest event in the journal record to its alert being published.",
                   {{"timing", short_name(alert.timing())}},
                   {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60})
        .Observe(static_cast<double>(wall_clock_micros() - record_timestamp_micros) / 1e6);
  }

 private:
  telemetry::Telemetry& telemetry_;
  prometheus::Counter *records_, *malformed_, *unknown_series_, *stale_, *reopened_, *closed_,
      *inconclusive_, *recycled_;
  prometheus::Gauge *watermark_lag_, *lag_;
  detect::DetectorStats last_;
};

// From connecting until an error, a lost assignment or a stop.
class DetectorService::Session {
 public:
  Session(DetectorService* owner, const Stop& stop)
      : owner_(*owner), config_(*owner->options_.config), stop_(stop) {}

  absl::Status run();

 private:
  absl::Status make_producer();
  std::vector<std::int64_t> assigned(const std::vector<kafka::TopicPartition>& partitions);
  void apply(const kafka::Message& message);
  absl::Status publish();
  absl::Status publish_once();
  bool was_committed();

  kafka::TopicPartition journal() const { return {owner_.topics_.journal, 0}; }

  DetectorService& owner_;
  const config::Config& config_;
  const Stop& stop_;
  std::unique_ptr<kafka::Consumer> consumer_;
  std::unique_ptr<kafka::Producer> producer_;
  std::unique_ptr<detect::Detector> detector_;  // null while the journal is someone else's
  std::int64_t emit_from_ = 0;                  // below it, an earlier life has published
  std::int64_t next_offset_ = 0;
  std::int64_t record_timestamp_ = 0;
  v1::JournalRecord record_;
  detect::Emissions emissions_;
  detect::Emissions suppressed_;
};

absl::Status DetectorService::Session::run() {
  const kafka::Topics& topics = owner_.topics_;
  const auto partitions = await_topics(
      config_.kafka, {topics.journal, topics.alerts, topics.series}, owner_.options_.strict, stop_);
  if (absl::IsCancelled(partitions.status())) return absl::OkStatus();
  SW_RETURN_IF_ERROR(partitions.status());
  if ((*partitions)[0] != 1) {
    return invalid_argument("topic '{}' has {} partitions; the journal is one order and has one",
                            topics.journal, (*partitions)[0]);
  }
  SW_RETURN_IF_ERROR(make_producer());
  kafka::Consumer::Options consumer;
  consumer.client = client_options(config_.kafka);
  consumer.group_id = config_.kafka.group_id + "-detector";
  SW_ASSIGN_OR_RETURN(consumer_, kafka::Consumer::create(consumer));
  SW_RETURN_IF_ERROR(consumer_->subscribe(
      {topics.journal}, {.assigned = [this](const auto& list) { return assigned(list); },
                         .revoked = [this](const auto&) { detector_.reset(); }}));
  owner_.options_.telemetry->set_ready("detector connected", true);
  absl::Status status;
  while (status.ok() && !stop_.requested()) {
    const auto polled =
        consumer_->poll(kPollWait, kPollBatch, [this](const kafka::Message& m) { apply(m); });
    status = polled.status();
    if (status.ok()) status = publish();
    if (status.ok()) status = consumer_->last_error();
    if (!status.ok() && absl::IsUnavailable(status) && !owner_.options_.strict) {
      status = absl::OkStatus();  // the client goes on trying; readiness says so
      owner_.options_.telemetry->set_ready("detector reaches the brokers", false);
      continue;
    }
    owner_.options_.telemetry->set_ready("detector reaches the brokers", true);
    if (polled.ok() && *polled > 0) owner_.meters_->records(*polled);
    if (detector_ != nullptr) owner_.meters_->stats(detector_->stats());
    const auto lag = consumer_->lag();
    if (const auto found = lag.find(journal()); found != lag.end())
      owner_.meters_->lag(found->second);
  }
  owner_.options_.telemetry->set_ready("detector connected", false);
  return status;
}

absl::Status DetectorService::Session::make_producer() {
  kafka::Producer::Options options;
  options.client = client_options(config_.kafka);
  options.transactional_id = owner_.topics_.journal + "-detector-" + config_.kafka.group_id;
  producer_.reset();  // the old one must be gone before its successor takes the id
  SW_ASSIGN_OR_RETURN(producer_, kafka::Producer::create(options));
  return absl::OkStatus();
}

std::vector<std::int64_t> DetectorService::Session::assigned(
    const std::vector<kafka::TopicPartition>& partitions) {
  const auto committed = consumer_->committed({journal()});
  // Without an answer nothing may be published that might have been before.
  emit_from_ = !committed.ok() ? INT64_MAX : (*committed)[0] ? (*committed)[0]->offset : 0;
  if (!committed.ok()) {
    spdlog::error(
        "the committed offset of '{}' can't be read: {}; publishes nothing until restarted",
        journal().topic, message_of(committed.status()));
  }
  detector_ = std::make_unique<detect::Detector>(owner_.options_.config);
  owner_.meters_->new_detector();
  next_offset_ = 0;
  emissions_ = {};
  spdlog::info("owns the journal, applying it from the beginning, publishing from offset {}",
               emit_from_);
  return std::vector<std::int64_t>(partitions.size(), kafka::kBeginning);
}

void DetectorService::Session::apply(const kafka::Message& message) {
  if (detector_ == nullptr) return;
  next_offset_ = message.offset + 1;
  if (!record_.ParseFromArray(message.payload.data(), static_cast<int>(message.payload.size()))) {
    owner_.meters_->malformed();
    return;
  }
  const bool emits = message.offset >= emit_from_;
  if (record_.progress().has_record_timestamp_micros()) {
    record_timestamp_ = record_.progress().record_timestamp_micros();
  }
  detector_->apply(record_, emits ? &emissions_ : &suppressed_);
  suppressed_ = {};
}

// Tries again with a new producer: the emissions stay until they are known to be committed.
absl::Status DetectorService::Session::publish() {
  absl::Status status;
  for (int attempt = 0; attempt < kPublishAttempts && !stop_.requested(); ++attempt) {
    status = publish_once();
    if (status.ok()) break;
    spdlog::warn("publishing failed: {}; trying again with a new producer", message_of(status));
    owner_.meters_->retried();
    SW_RETURN_IF_ERROR(make_producer());
    if (was_committed()) {
      status = absl::OkStatus();
      break;
    }
  }
  SW_RETURN_IF_ERROR(status);
  for (const v1::Alert& alert : emissions_.alerts) {
    owner_.meters_->published(alert, record_timestamp_);
    spdlog::info("{}", alert_line(alert, /*colour=*/false));
  }
  emissions_.alerts.clear();
  emissions_.points.clear();
  owner_.position_.store(next_offset_, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status DetectorService::Session::publish_once() {
  if (emissions_.alerts.empty() && emissions_.points.empty()) return absl::OkStatus();
  SW_RETURN_IF_ERROR(producer_->begin_transaction());
  for (const v1::Alert& alert : emissions_.alerts) {
    SW_RETURN_IF_ERROR(
        producer_->produce(owner_.topics_.alerts, 0, alert.alert_id(), to_bytes(alert)));
  }
  for (const v1::SeriesPoint& point : emissions_.points) {
    SW_RETURN_IF_ERROR(
        producer_->produce(owner_.topics_.series, 0, subject_key(point), to_bytes(point)));
  }
  SW_RETURN_IF_ERROR(producer_->commit_transaction(consumer_.get(), {{journal(), next_offset_}}));
  if (producer_->wants_recycling()) {
    spdlog::info("recycling the producer after a slow commit");
    return make_producer();
  }
  return absl::OkStatus();
}

// After a commit whose outcome is not known.
bool DetectorService::Session::was_committed() {
  const auto committed = consumer_->committed({journal()});
  return committed.ok() && (*committed)[0] && (*committed)[0]->offset >= next_offset_;
}

DetectorService::DetectorService(Options options)
    : options_(std::move(options)),
      topics_(options_.config->kafka.topic_prefix),
      meters_(std::make_unique<Meters>(options_.telemetry)) {
  options_.telemetry->set_ready("detector connected", false);
}

DetectorService::~DetectorService() = default;

absl::Status DetectorService::run(const Stop& stop) {
  return keep_trying("detector", options_.strict, stop, [&] { return Session(this, stop).run(); });
}

}  // namespace surgewatch::services
