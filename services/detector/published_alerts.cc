#include "detector/published_alerts.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <utility>

#include "base/status.h"
#include "common/kafka_start.h"
#include "detector/journal_position.h"
#include "kafka/client.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollWait{50};
constexpr milliseconds kPatience{30'000};  // without a record and without the end
constexpr milliseconds kAnswerWait{10'000};
constexpr std::size_t kPollBatch = 1'000;
constexpr std::size_t kIdentityDigits = 16;

bool is_identity(std::string_view text) {
  return text.size() == kIdentityDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string new_identity() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", std::uint32_t{random()}, std::uint32_t{random()});
}

}  // namespace

void PublishedReading::take(const kafka::Message& message) {
  result_.next_offset = message.offset + 1;
  for (const kafka::Header& header : message.headers) {
    if (header.name == kTopicIdentityHeader && is_identity(header.value)) {
      result_.identity = header.value;
    }
    if (header.name == kJournalHeader && from_header(header.value, group_id_).has_value()) {
      result_.journal = header.value;
    }
  }
  if (message.payload.data() == nullptr) {
    newest_.erase(std::string(message.key));
    return;
  }
  v1::Alert alert;
  if (const auto fault = read_alert(message, &alert)) return refuse(message, *fault);
  Newest& newest = newest_[alert.alert_id()];
  // Of two under one number the later counts, as for whoever else reads them.
  const bool is_said_again = alert.revision() == newest.chain.newest();
  if (newest.chain.takes(alert.revision()) || is_said_again) newest.alert = std::move(alert);
}

PublishedAlerts PublishedReading::finish(std::int64_t end, std::uint64_t unreadable) && {
  result_.faults[static_cast<std::size_t>(PublishedFault::kUnreadable)] += unreadable;
  result_.next_offset = std::max(result_.next_offset, end);
  if (result_.identity.empty()) result_.identity = new_identity();
  result_.newest.reserve(newest_.size());
  for (auto& [id, newest] : newest_) {
    if (newest.alert.revision() > 0) result_.newest.push_back(std::move(newest.alert));
  }
  return std::move(result_);
}

void PublishedReading::refuse(const kafka::Message& message, PublishedFault fault) {
  std::uint64_t& count = result_.faults[static_cast<std::size_t>(fault)];
  if (count++ > 0) return;
  spdlog::warn(
      "passed over offset {} of topic '{}', and what is like it: it is no alert (reason "
      "{}); see who writes to the topic",
      message.offset, message.topic, fault_name(fault));
}

absl::StatusOr<std::unique_ptr<PublishedReader>> PublishedReader::open(const config::Kafka& kafka,
                                                                       const std::string& topic) {
  kafka::Consumer::Options options;
  options.client = client_options(kafka);
  options.read_committed = true;
  options.headers = true;
  SW_ASSIGN_OR_RETURN(auto consumer, kafka::Consumer::create(options));
  auto reader =
      std::unique_ptr<PublishedReader>(new PublishedReader(kafka, topic, std::move(consumer)));
  SW_RETURN_IF_ERROR(reader->consumer_->assign({{reader->alerts_, kafka::kBeginning}}));
  return reader;
}

absl::StatusOr<std::size_t> PublishedReader::poll(milliseconds wait) {
  const std::string identity = reading_.identity();
  const auto came =
      consumer_->poll(wait, kPollBatch, [&](const kafka::Message& m) { reading_.take(m); });
  // Where its log ends before what has been read, and where it says so itself.
  const bool is_another = absl::IsFailedPrecondition(came.status()) ||
                          (!identity.empty() && reading_.identity() != identity);
  if (!is_another) return came;
  SW_RETURN_IF_ERROR(begin_again());
  return std::size_t{1};
}

absl::Status PublishedReader::begin_again() {
  reading_ = PublishedReading(group_id_);
  has_caught_up_ = false;
  return consumer_->assign({{alerts_, kafka::kBeginning}});
}

absl::Status PublishedReader::step() {
  SW_RETURN_IF_ERROR(poll(milliseconds(0)).status());
  has_caught_up_ |= consumer_->at_end();
  return absl::OkStatus();
}

absl::Status PublishedReader::read_to_end(const Stop& stop) {
  auto deadline = steady_clock::now() + kPatience;
  while (!consumer_->at_end()) {
    if (stop.requested()) return absl::CancelledError("asked to stop");
    SW_ASSIGN_OR_RETURN(const std::size_t came, poll(kPollWait));
    if (came > 0) deadline = steady_clock::now() + kPatience;
    if (steady_clock::now() > deadline) {
      return unavailable("reading topic '{}' back: nothing came for {} s: {}", alerts_.topic,
                         kPatience.count() / 1'000, message_of(consumer_->last_error()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PublishedAlerts> PublishedReader::finish(const Stop& stop) {
  // The end that it has seen is one of before: taken anew, it looks for the one of now.
  const std::int64_t next = reading_.next_offset();
  SW_RETURN_IF_ERROR(consumer_->assign({{alerts_, next > 0 ? next : kafka::kBeginning}}));
  SW_RETURN_IF_ERROR(read_to_end(stop));
  SW_ASSIGN_OR_RETURN(const auto ends, consumer_->log_ends({alerts_}, kAnswerWait));
  return std::move(reading_).finish(ends[0].next, consumer_->skipped_records());
}

}  // namespace surgewatch::services
