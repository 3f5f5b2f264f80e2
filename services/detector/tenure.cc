#include "detector/tenure.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/status.h"
#include "common/alert_line.h"
#include "common/kafka_start.h"

namespace surgewatch::services {
namespace {

constexpr std::chrono::milliseconds kAnswerWait{10'000};

}  // namespace

Tenure::Tenure(const DetectorService::Options& options, const kafka::Topics& topics,
               DetectorService::Meters* meters, Refusals* refusals, kafka::Consumer* consumer,
               std::unique_ptr<Follower> follower, const Stop& stop)
    : options_(options),
      topics_(topics),
      journal_{topics.journal, 0},
      meters_(*meters),
      refusals_(*refusals),
      consumer_(*consumer),
      stop_(stop),
      followed_(follower == nullptr ? Follower::Followed{} : std::move(*follower).finish()) {}

// The order matters: the one before is fenced first, so that nothing of what is read then can
// change any more but by us.
absl::StatusOr<std::optional<Incident>> Tenure::begin() {
  SW_RETURN_IF_ERROR(open_publisher());
  SW_ASSIGN_OR_RETURN(const auto committed, publisher_->committed());
  SW_ASSIGN_OR_RETURN(published_, read_alerts());
  SW_ASSIGN_OR_RETURN(const auto ends, consumer_.log_ends({journal_}, kAnswerWait));
  SW_ASSIGN_OR_RETURN(const auto first,
                      kafka::first_records(client_options(options_.config->kafka),
                                           {{journal_, kafka::kBeginning}}, kAnswerWait));
  if (auto incident = incident_of(journal_, ends[0], first[0], known_journal(committed))) {
    return incident;
  }
  std::optional<std::uint64_t> first_record;
  if (first[0].has_value()) {
    first_record = fingerprint(first[0]->timestamp_ms, first[0]->key, first[0]->payload);
  }
  meters_.no_alerts(published_.faults);
  end_at_begin_ = ends[0].next;
  find_start(committed);
  publisher_->begin(committed, published_.identity, published_.next_offset);
  if (first_record.has_value()) publisher_->set_first_record(*first_record);
  take_over(first_record, ends[0].next);
  meters_.new_detector();
  is_publishing_ = true;
  spdlog::info(
      "owns the journal, applying it from offset {}, publishing points from offset {} and alerts "
      "from {}; {} alerts have been published",
      next_offset_, points_from_, alerts_from_, published_.newest.size());
  if (next_offset_ >= points_from_) detector_->say_points();
  if (next_offset_ >= alerts_from_) SW_RETURN_IF_ERROR(speak());
  SW_RETURN_IF_ERROR(consumer_.begin({{journal_, next_offset_}}));
  return std::nullopt;
}

absl::StatusOr<PublishedAlerts> Tenure::read_alerts() {
  std::unique_ptr<PublishedReader> reader = std::move(followed_.published);
  if (reader == nullptr) {
    SW_ASSIGN_OR_RETURN(reader, PublishedReader::open(options_.config->kafka, topics_.alerts));
  }
  return reader->finish(stop_);
}

void Tenure::take_over(std::optional<std::uint64_t> first_record, std::int64_t journal_end) {
  Follower::Followed followed = std::exchange(followed_, {});
  const bool is_of_this = followed.first_record.has_value() &&
                          followed.first_record == first_record &&
                          followed.next_offset <= std::min(points_from_, journal_end);
  if (is_of_this) {
    detector_ = std::move(followed.detector);
    next_offset_ = followed.next_offset;
  } else {
    detector_ = silent_detector(options_);
  }
}

// From the committed offset, or, since that is lost with a topic that is deleted, from what was
// published.
std::optional<KnownJournal> Tenure::known_journal(
    const std::optional<JournalPosition>& committed) const {
  if (committed.has_value()) return KnownJournal{committed->next, committed->first_record};
  return from_header(published_.journal, options_.config->kafka.group_id);
}

absl::Status Tenure::open_publisher() {
  Publisher::Options publisher;
  publisher.kafka = &options_.config->kafka;
  publisher.topics = &topics_;
  publisher.consumer = &consumer_;
  publisher.stop = &stop_;
  publisher.strict = options_.strict;
  publisher.transaction_records = options_.transaction_records;
  publisher.working = [this](bool works) {
    is_publishing_ = works;
    options_.telemetry->set_ready("detector publishes", works);
  };
  publisher.retried = [this](const absl::Status& why) {
    spdlog::warn("publishing failed: {}; trying again with a new producer", message_of(why));
    meters_.retried();
  };
  publisher.committed = [this](std::size_t records) { meters_.transaction(records); };
  publisher.published = [this](const v1::Alert& alert) { published(alert); };
  SW_ASSIGN_OR_RETURN(publisher_, Publisher::open(std::move(publisher)));
  return absl::OkStatus();
}

void Tenure::find_start(const std::optional<JournalPosition>& committed) {
  if (!committed.has_value()) {
    points_from_ = 0;
    alerts_from_ = published_.newest.empty() ? 0 : end_at_begin_;
  } else {
    points_from_ = committed->is_partial ? committed->next - 1 : committed->next;
    alerts_from_ = std::max(committed->next, committed->silent_to);
  }
  publisher_->set_silent_to(alerts_from_);
}

absl::Status Tenure::take(const kafka::Message& message) {
  if (message.offset == 0) {
    publisher_->set_first_record(fingerprint(message.timestamp_ms, message.key, message.payload));
  }
  // Records before this one may have been passed over.
  if (!has_spoken_ && message.offset >= alerts_from_) SW_RETURN_IF_ERROR(speak());
  next_offset_ = message.offset + 1;
  if (const auto refused = journal::read_record(message.payload, &record_)) {
    refusals_.unreadable(message.offset, *refused);
  } else {
    SW_RETURN_IF_ERROR(apply(record_, message.offset));
  }
  if (!has_spoken_ && next_offset_ >= alerts_from_) return speak();
  return absl::OkStatus();
}

absl::Status Tenure::apply(const v1::JournalRecord& record, std::int64_t offset) {
  if (offset >= points_from_) detector_->say_points();
  const auto refused = detector_->take(record, offset);
  refusals_.of_journal(offset, refused);
  // A producer's clock may say anything.
  const Micros newest = record.progress().record_timestamp_micros();
  if (has_spoken_ && refused.empty() && newest > 0 && newest <= kMaxTime) newest_event_ = newest;
  for (bool more = true; more;) {
    more = detector_->say(options_.transaction_records, &said_);
    SW_RETURN_IF_ERROR(publisher_->add(&said_, next_offset_, more));
  }
  return absl::OkStatus();
}

absl::Status Tenure::speak() {
  has_spoken_ = true;
  const std::vector<v1::Alert> published = std::exchange(published_.newest, {});
  detector_->speak(published, &said_);
  meters_.reconciled(published, said_.alerts);
  return publisher_->add(&said_, std::max(next_offset_, alerts_from_), /*more=*/false);
}

absl::Status Tenure::publish() {
  // The last of the records before may have been passed over.
  if (!has_spoken_ && consumer_.at_end()) SW_RETURN_IF_ERROR(speak());
  return publisher_->flush();
}

absl::Status Tenure::rest() { return publisher_->give_back(); }

absl::Status Tenure::resume() {
  SW_ASSIGN_OR_RETURN(const bool is_ours, publisher_->has_last_word());
  if (!is_ours) {
    return absl::AbortedError(
        fmt::format("somebody else has had topic '{}' meanwhile", journal_.topic));
  }
  return consumer_.begin({{journal_, next_offset_}});
}

bool Tenure::has_caught_up() const {
  return has_spoken_ && (next_offset_ >= end_at_begin_ || consumer_.at_end());
}

void Tenure::published(const v1::Alert& alert) {
  meters_.published(alert, newest_event_);
  const auto level = news_.take(alert) ? spdlog::level::info : spdlog::level::debug;
  spdlog::log(level, "{}", alert_line(alert, /*colour=*/false));
}

}  // namespace surgewatch::services
