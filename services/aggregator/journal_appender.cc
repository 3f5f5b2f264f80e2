#include "aggregator/journal_appender.h"

#include <algorithm>
#include <utility>

#include "base/proto_json.h"
#include "base/status.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// Under way at once: some flushes of a busy system. More would only be older when it arrives.
constexpr std::size_t kRoomBytes = 16'000'000;
constexpr std::size_t kRoomRecords = 20'000;
constexpr milliseconds kStep{20};

std::string key_of(const v1::JournalRecord& record) {
  if (!record.has_source()) return "topology";
  return fmt::format("{}/{}", record.source().topic(), record.source().partition());
}

}  // namespace

absl::StatusOr<std::unique_ptr<JournalAppender>> JournalAppender::create(
    const kafka::ClientOptions& client, const std::string& topic) {
  std::unique_ptr<JournalAppender> appender(new JournalAppender(topic));
  kafka::Producer::Options options;
  options.client = client;
  options.linger = milliseconds(1);  // a flush is a burst, and someone waits for it
  options.retries_for_ever = true;
  options.stops_at_gaps = true;
  options.delivered = [self = appender.get()](const kafka::Delivery& delivery) {
    self->on_delivery(delivery);
  };
  SW_ASSIGN_OR_RETURN(appender->producer_, kafka::Producer::create(options));
  return appender;
}

void JournalAppender::append(const v1::JournalRecord& record, Delivered delivered) {
  if (!status_.ok()) return;
  std::string bytes = to_bytes(record);
  const std::size_t size = bytes.size();
  undelivered_bytes_ += size;
  records_.push_back({.key = key_of(record),
                      .bytes = std::move(bytes),
                      .size = size,
                      .delivered = std::move(delivered),
                      .since = SteadyClock::now(),
                      .is_there = false,
                      .offset = std::nullopt});
  hand_over();
}

void JournalAppender::hand_over() {
  while (status_.ok() && handed_over_ < records_.size()) {
    Record& record = records_[handed_over_];
    const absl::Status status =
        producer_->try_produce(topic_, /*partition=*/0, record.key, record.bytes, {}, std::nullopt,
                               first_number_ + handed_over_);
    if (absl::IsResourceExhausted(status)) return;
    if (!status.ok()) return refused(status);
    record.bytes = {};
    record.key = {};
    ++handed_over_;
  }
}

void JournalAppender::on_delivery(const kafka::Delivery& delivery) {
  if (!status_.ok()) return;
  if (!delivery.status.ok()) return refused(delivery.status);
  Record& record = records_[delivery.tag - first_number_];
  record.is_there = true;
  record.offset = delivery.offset;
  while (!records_.empty() && records_.front().is_there) {
    Record done = std::move(records_.front());
    records_.pop_front();
    --handed_over_;
    ++first_number_;
    undelivered_bytes_ -= done.size;
    if (done.offset && *done.offset <= last_offset_) {
      status_ = failed_precondition(
          "topic '{}' was deleted and made again: offset {} came behind {}; all is said again",
          topic_, *done.offset, last_offset_);
      return;
    }
    last_offset_ = done.offset.value_or(last_offset_);
    if (done.delivered) done.delivered(done.offset);
  }
}

// What no retry can mend. A new session may: then the topic takes what it didn't, or the access
// list has been mended.
void JournalAppender::refused(const absl::Status& why) {
  if (absl::IsNotFound(why) || absl::IsUnavailable(why)) {
    status_ = why;
    return;
  }
  status_ = failed_precondition(
      "the journal does not take what is to be appended ({}); see max.message.bytes of topic '{}' "
      "(1,000,000 or more) and who may write to it",
      why.ToString(), topic_);
}

void JournalAppender::poll(milliseconds wait) {
  const auto deadline = SteadyClock::now() + wait;
  const std::uint64_t before = first_number_;
  hand_over();
  // Sends at once, and knows of a producer that can't go on and has nothing more to report.
  if (const absl::Status sent = producer_->flush(milliseconds(0));
      absl::IsFailedPrecondition(sent) && status_.ok()) {
    refused(sent);
  }
  while (status_.ok() && !records_.empty() && first_number_ == before) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - SteadyClock::now());
    if (left.count() <= 0) break;
    producer_->poll(std::min(left, kStep));
  }
  hand_over();
}

absl::Status JournalAppender::drain(milliseconds wait) {
  const auto deadline = SteadyClock::now() + wait;
  while (status_.ok() && !records_.empty()) {
    if (SteadyClock::now() >= deadline) {
      return unavailable("{} records were not delivered to topic '{}' within {} ms",
                         records_.size(), topic_, wait.count());
    }
    poll(kStep);
  }
  return status_;
}

bool JournalAppender::has_room() const {
  return handed_over_ == records_.size() && undelivered_bytes_ < kRoomBytes &&
         records_.size() < kRoomRecords;
}

milliseconds JournalAppender::delay() const {
  if (records_.empty()) return milliseconds(0);
  return std::chrono::duration_cast<milliseconds>(SteadyClock::now() - records_.front().since);
}

}  // namespace surgewatch::services
