#include "aggregator/side_outputs.h"

#include <spdlog/spdlog.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "base/printable.h"
#include "base/status.h"
#include "base/time.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr const char* kQueued = "20000";
// A broker refuses a batch as a whole, so only what is larger than this by itself can take others
// down with it.
constexpr const char* kBatchBytes = "65536";
// What is no longer than this is never what makes a copy too large.
constexpr std::size_t kShort = 512;
constexpr std::size_t kLongestDetail = 512;

std::uint64_t hash_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace

absl::StatusOr<std::unique_ptr<SideOutputs>> SideOutputs::create(const kafka::ClientOptions& client,
                                                                 const kafka::Topics& topics,
                                                                 AggregatorMeters* meters) {
  std::unique_ptr<SideOutputs> outputs(new SideOutputs(topics, meters));
  kafka::Producer::Options options;
  options.client = client;
  options.client.properties.try_emplace("queue.buffering.max.messages", kQueued);
  options.client.properties.try_emplace("batch.size", kBatchBytes);
  options.retries_for_ever = true;
  options.delivered = [raw = outputs.get()](const kafka::Delivery& delivery) {
    raw->delivered(delivery);
  };
  SW_ASSIGN_OR_RETURN(outputs->producer_, kafka::Producer::create(options));
  return outputs;
}

void SideOutputs::add(const kafka::TopicPartition& source, const aggregate::Record& record,
                      const aggregate::Outcome& outcome) {
  send(copy_of(source, record, outcome), record.key, record.payload);
}

void SideOutputs::add_unreadable(const kafka::TopicPartition& source, std::int64_t first,
                                 std::int64_t next, std::string_view why) {
  Copy copy = copy_of(source, {.offset = first},
                      {.disposition = aggregate::Disposition::kRejected,
                       .reason = v1::REJECT_REASON_UNREADABLE,
                       .detail = std::string(why)});
  copy.last_offset = next - 1;
  send(std::move(copy), {}, {});
}

void SideOutputs::send(Copy copy, std::string_view key, std::string_view payload) {
  copy.track->undelivered.insert(copy.offset);
  if (backlog_.empty() && queue(copy, key, payload)) return;
  Waiting& waiting = backlog_.emplace_back();
  waiting.copy = std::move(copy);
  waiting.payload = payload;
  waiting.key = key;
}

SideOutputs::Copy SideOutputs::copy_of(const kafka::TopicPartition& source,
                                       const aggregate::Record& record,
                                       const aggregate::Outcome& outcome) {
  Copy copy;
  std::shared_ptr<Track>& track = tracks_[source];
  if (track == nullptr) track = std::make_shared<Track>(Track{source, {}});
  copy.track = track;
  copy.offset = record.offset;
  copy.is_late = outcome.disposition == aggregate::Disposition::kLate;
  copy.reason = copy.is_late ? "LATE" : v1::RejectReason_Name(outcome.reason);
  copy.detail = printable_line(outcome.detail, kLongestDetail);
  copy.has_key = record.has_key;
  copy.key_bytes = record.key.size();
  copy.key_hash = hash_of(record.key);
  if (record.key.size() <= kShort) copy.key = record.key;
  copy.has_payload = record.payload.data() != nullptr;
  copy.payload_bytes = record.payload.size();
  copy.payload_hash = hash_of(record.payload);
  if (record.record_timestamp) copy.timestamp_ms = *record.record_timestamp / 1'000;
  return copy;
}

// Too large for our own client is known at once: then without what is long.
bool SideOutputs::queue(const Copy& copy, std::string_view key, std::string_view payload) {
  absl::Status status = produce(copy, key, payload, /*keeps_timestamp=*/true);
  if (absl::IsInvalidArgument(status)) {
    const std::string_view none;
    status = produce(copy, key.size() <= kShort ? key : none,
                     payload.size() <= kShort ? payload : none, /*keeps_timestamp=*/true);
  }
  if (absl::IsResourceExhausted(status)) return false;
  if (!status.ok()) failure_.Update(status);
  return true;
}

// After a refusal by the broker: first with the key if that is short, then with nothing. Nor with
// the record's own timestamp, which the broker may have refused as well.
bool SideOutputs::queue_without_payload(const Copy& copy) {
  const absl::Status status =
      produce(copy, copy.refusals > 1 ? std::string_view() : std::string_view(copy.key), {},
              /*keeps_timestamp=*/false);
  if (absl::IsResourceExhausted(status)) return false;
  if (!status.ok()) failure_.Update(status);
  return true;
}

absl::Status SideOutputs::produce(const Copy& copy, std::string_view key, std::string_view payload,
                                  bool keeps_timestamp) {
  const std::string& topic = copy.is_late ? late_topic_ : dead_letter_topic_;
  std::vector<kafka::Header> headers{
      {"source_topic", copy.track->source.topic},
      {"source_partition", std::to_string(copy.track->source.partition)},
      {"source_offset", std::to_string(copy.offset)},
      {"reason", copy.reason}};
  if (copy.last_offset) {
    headers.push_back({"source_last_offset", std::to_string(*copy.last_offset)});
  }
  if (!copy.detail.empty()) headers.push_back({"detail", copy.detail});
  const bool lacks_payload = copy.has_payload && payload.size() != copy.payload_bytes;
  const bool lacks_key = copy.has_key && key.size() != copy.key_bytes;
  if (lacks_payload) {
    headers.push_back({"payload_bytes", std::to_string(copy.payload_bytes)});
    headers.push_back({"payload_xxh3", fmt::format("{:016x}", copy.payload_hash)});
  }
  if (lacks_key) {
    headers.push_back({"key_bytes", std::to_string(copy.key_bytes)});
    headers.push_back({"key_xxh3", fmt::format("{:016x}", copy.key_hash)});
  }
  // Brokers refuse what comes from too far ahead, and this copy is of now.
  std::optional<std::int64_t> timestamp_ms = copy.timestamp_ms;
  if (timestamp_ms) {
    const std::int64_t now_ms = wall_clock_micros() / 1'000;
    if (*timestamp_ms > now_ms || !keeps_timestamp) {
      headers.push_back({"source_timestamp_ms", std::to_string(*timestamp_ms)});
      timestamp_ms = keeps_timestamp ? std::optional(now_ms) : std::nullopt;
    }
  }
  if (!copy.has_key || lacks_key) key = {};
  if (lacks_payload) payload = {};
  const std::uint64_t tag = next_tag_++;
  SW_RETURN_IF_ERROR(
      producer_->try_produce(topic, /*partition=*/-1, key, payload, headers, timestamp_ms, tag));
  if (lacks_payload || lacks_key) meters_.side_output_cut(copy.is_late);
  on_their_way_.emplace(tag, copy);
  return absl::OkStatus();
}

void SideOutputs::delivered(const kafka::Delivery& delivery) {
  const auto found = on_their_way_.find(delivery.tag);
  if (found == on_their_way_.end()) return;
  Copy copy = std::move(found->second);
  on_their_way_.erase(found);
  if (delivery.status.ok()) {
    copy.track->undelivered.erase(copy.offset);
  } else if (absl::IsInvalidArgument(delivery.status) && copy.refusals < 2) {
    ++copy.refusals;
    refused_.push_back(std::move(copy));  // not here: nothing is queued in a report
  } else {
    failure_.Update(delivery.status);
  }
}

void SideOutputs::poll() {
  producer_->poll();
  for (Copy& copy : std::exchange(refused_, {})) {
    if (queue_without_payload(copy)) continue;
    Waiting& waiting = backlog_.emplace_back();
    waiting.copy = std::move(copy);
    waiting.is_whole = false;
  }
  while (!backlog_.empty()) {
    const Waiting& next = backlog_.front();
    const bool queued =
        next.is_whole
            ? queue(next.copy, next.copy.has_key ? std::string_view(next.key) : std::string_view(),
                    next.copy.has_payload ? std::string_view(next.payload) : std::string_view())
            : queue_without_payload(next.copy);
    if (!queued) return;
    backlog_.pop_front();
  }
}

std::optional<std::int64_t> SideOutputs::lowest_undelivered(
    const kafka::TopicPartition& source) const {
  const auto found = tracks_.find(source);
  if (found == tracks_.end() || found->second->undelivered.empty()) return std::nullopt;
  return *found->second->undelivered.begin();
}

void SideOutputs::drain(milliseconds wait) {
  constexpr milliseconds kStep{20};
  const auto deadline = SteadyClock::now() + wait;
  while (undelivered() > 0 && failure_.ok() && SteadyClock::now() < deadline) {
    // Its answer is nothing new: what is not delivered is known by its tag.
    (void)producer_->flush(kStep);
    poll();
  }
}

void SideOutputs::forget(const kafka::TopicPartition& source) {
  tracks_.erase(source);
  std::erase_if(backlog_,
                [&](const Waiting& waiting) { return waiting.copy.track->source == source; });
}

}  // namespace surgewatch::services
