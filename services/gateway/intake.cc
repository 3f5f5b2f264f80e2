#include "gateway/intake.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <string_view>

#include "base/status.h"

namespace surgewatch::services {
namespace {

constexpr std::size_t kIdentitiesSeen = 1'000;
constexpr std::string_view kIdentityHeader = "topic_identity";

// What the detector wrote of the topic that it writes to, 16 hex digits; 0 if it did not say.
std::uint64_t topic_identity(const kafka::Message& message) {
  for (const kafka::Header& header : message.headers) {
    if (header.name != kIdentityHeader) continue;
    std::uint64_t identity = 0;
    const char* const end = header.value.data() + header.value.size();
    const auto parsed = std::from_chars(header.value.data(), end, identity, 16);
    if (header.value.size() == 16 && parsed.ec == std::errc{} && parsed.ptr == end) return identity;
  }
  return 0;
}

}  // namespace

void Intake::take(const kafka::Message& message) {
  if (!another_topic_.ok()) return;
  if (message.topic == alerts_topic_) {
    take_alert(message);
  } else {
    take_point(message);
  }
}

// The gauges begin with what is in force now, and not with what once was.
void Intake::become_loaded() {
  loaded_ = true;
  const auto all = store_.page({}, std::nullopt, SIZE_MAX);
  for (const auto& alert : all.alerts) meters_.alert(*alert);
  for (const v1::SeriesPoint& point : store_.latest_points()) meters_.point(point);
  store_.set_loaded();
  spdlog::info("has read the alerts up to offset {}, {} of them are kept; serving", next_alert_,
               all.alerts.size());
}

// While nothing has been told the newest record's word holds, so that a log in which the identity
// changes is read to its end all the same. One that has two of them (a mirror's records among ours)
// is the same log, whichever of them comes next.
bool Intake::is_of_another_topic(const kafka::Message& message) {
  const std::uint64_t identity = topic_identity(message);
  const bool is_new = identity != 0 && !seen_.contains(identity);
  const bool falls = message.offset < next_alert_;
  if (falls || (is_new && loaded_ && identity_ != 0)) {
    another_topic_ = failed_precondition(
        "topic '{}' is another one than before ({} at offset {}); reads it from its beginning, and "
        "clients list anew",
        message.topic,
        falls ? fmt::format("offsets fall from {}", next_alert_)
              : fmt::format("identity {:016x} in place of {:016x}", identity, identity_),
        message.offset);
    return true;
  }
  if (is_new && seen_.size() < kIdentitiesSeen) seen_.insert(identity);
  if (identity != 0 && identity != identity_ && (!loaded_ || identity_ == 0)) {
    identity_ = identity;
    store_.set_identity(identity);
  }
  return false;
}

void Intake::take_alert(const kafka::Message& message) {
  if (is_of_another_topic(message)) return;
  v1::Alert alert;
  if (message.payload.data() == nullptr) {
    const std::string alert_id(message.key);
    store_.forget(message.offset, alert_id);
    meters_.forget(alert_id);
  } else if (const auto fault = read_alert(message, &alert)) {
    refuse(message, *fault);
  } else {
    const auto added = store_.add(message.offset, alert);
    if (added.is_news && loaded_) meters_.alert(alert);
    if (!added.evicted.empty()) meters_.forget(added.evicted);
  }
  next_alert_ = message.offset + 1;
  store_.advance(next_alert_);
}

void Intake::take_point(const kafka::Message& message) {
  v1::SeriesPoint point;
  if (const auto fault = read_point(message, &point)) {
    refuse(message, *fault);
  } else {
    store_.add(point);
    if (loaded_) meters_.point(point);
  }
  next_point_ = message.offset + 1;
}

void Intake::refuse(const kafka::Message& message, PublishedFault fault) {
  meters_.refused(fault);
  if (const auto unsaid = seldom_.says(fault_name(fault))) {
    spdlog::warn(
        "passed over offset {} of topic '{}': it is nothing that a detector writes (reason "
        "{}{}); see who writes to the topic",
        message.offset, message.topic, fault_name(fault), more_like_it(*unsaid));
  }
}

}  // namespace surgewatch::services
