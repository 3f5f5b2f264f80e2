#include "aggregator/flusher.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "base/proto_json.h"
#include "base/status.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kDrainWait{3'000};

}  // namespace

Flusher::Flusher(const config::Config* config, std::string journal_topic,
                 std::unique_ptr<kafka::Producer> producer, const OwnedSourceList* sources,
                 AggregatorMeters* meters, std::atomic<std::uint64_t>* journaled)
    : config_(*config),
      topic_(std::move(journal_topic)),
      producer_(std::move(producer)),
      sources_(*sources),
      meters_(*meters),
      journaled_(*journaled) {}

void Flusher::start() {
  thread_ = std::thread([this] { run(); });
}

void Flusher::stop() {
  if (!thread_.joinable()) return;
  stop_.request();
  thread_.join();
}

absl::Status Flusher::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Flusher::run() {
  const milliseconds interval{std::max<Micros>(config_.flush_interval / 1'000, 1)};
  absl::Status status;
  // In step with the clock, however long a flush takes; what is missed is not made up for.
  auto next = SteadyClock::now() + interval;
  const auto wait = [&] {
    const auto left = std::chrono::ceil<milliseconds>(next - SteadyClock::now());
    return std::max(left, milliseconds(0));
  };
  while (status.ok() && !stop_.wait_for(wait())) {
    status = flush_all();
    next = std::max(next + interval, SteadyClock::now());
  }
  if (status.ok()) status = flush_all();
  if (status.ok()) status = producer_->flush(kDrainWait);
  const std::lock_guard lock(mutex_);
  status_ = status;
}

absl::Status Flusher::flush_all() {
  std::uint64_t journaled = 0;
  std::set<SourceId> ids;
  for (const auto& owned : sources_.all()) {
    ids.insert(owned->source.id());
    SW_RETURN_IF_ERROR(flush(owned.get()));
    journaled += owned->journaled;
    meters_.source(owned->source.id(), owned->input, owned->source.stats());
  }
  meters_.release_all_but(ids);
  producer_->poll();
  journaled_.store(journaled, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status Flusher::flush(OwnedSource* owned) {
  // Read before the flush: what is flushed reflects at least this record.
  const std::int64_t record_timestamp = owned->record_timestamp.load(std::memory_order_relaxed);
  const aggregate::SourceStats stats = owned->source.stats();
  const bool moved = stats.next_offset != owned->seen_offset;
  owned->seen_offset = stats.next_offset;
  SW_RETURN_IF_ERROR(mark_idle(owned, moved));
  std::vector<v1::JournalRecord> records;
  owned->source.flush(&records);
  for (v1::JournalRecord& record : records) {
    if (record.has_progress() && record_timestamp != 0) {
      record.mutable_progress()->set_record_timestamp_micros(record_timestamp);
    }
    SW_RETURN_IF_ERROR(append(record));
  }
  owned->source.recycle(&records);
  owned->journaled = stats.consumed;
  return absl::OkStatus();
}

absl::Status Flusher::mark_idle(OwnedSource* owned, bool moved) {
  const auto now = SteadyClock::now();
  if (moved) owned->moved_at = now;
  const bool idle =
      !moved && owned->caught_up.load(std::memory_order_relaxed) &&
      now - owned->moved_at >= std::chrono::microseconds(config_.event_time.idle_after);
  if (idle == owned->idle || !(idle || moved)) return absl::OkStatus();
  owned->idle = idle;
  v1::JournalRecord mark;
  mark.mutable_source()->set_topic(std::string(topic_name(owned->source.id().topic)));
  mark.mutable_source()->set_partition(owned->source.id().partition);
  mark.mutable_idle()->set_idle(idle);
  mark.mutable_idle()->set_owner_epoch(owned->owner_epoch);
  mark.mutable_idle()->set_decided_at_micros(wall_clock_micros());
  return append(mark);
}

absl::Status Flusher::append(const v1::JournalRecord& record) {
  const std::string key = record.has_source() ? fmt::format("{}/{}", record.source().topic(),
                                                            record.source().partition())
                                              : "topology";
  return producer_->produce(topic_, /*partition=*/0, key, to_bytes(record));
}

}  // namespace surgewatch::services
