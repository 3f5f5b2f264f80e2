// The pairs of a worker: two halves that begin together and are read as far as one another.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "aggregator/worker.h"
#include "base/status.h"
#include "window/reads.h"

namespace surgewatch::services {
namespace {

// In a correction horizon, for which orders are kept anyhow.
constexpr int kSteps = 14;

std::optional<Micros> watermark_of(const OwnedSource& owned) {
  return owned.source.panes().progress().watermark;
}

// Whether `half` should not be read on before its partner has followed: it is far ahead in event
// time, and the partner has not been read to the end that it had. Who has been waits for nobody and
// nobody for him: no time that a live event claims holds back another topic.
bool is_far_ahead(const OwnedSource& half, const OwnedSource& partner, Micros step) {
  if (!half.first_watermark || partner.waits_for_partner || partner.input.reached_end ||
      partner.input.incident.load(std::memory_order_relaxed) != Incident::kNone) {
    return false;
  }
  const Micros followed = watermark_of(partner).value_or(*half.first_watermark);
  // Once it waits, until the other is close: whatever is fetched is fetched anew each time.
  return *watermark_of(half) - followed > (half.waits_for_partner ? step / 2 : step);
}

}  // namespace

OwnedSource* Worker::partner_of(const OwnedSource& owned) const {
  for (const auto& other : owned_) {
    if (other->partition.partition == owned.partition.partition &&
        other->partition.topic != owned.partition.topic) {
      return other.get();
    }
  }
  return nullptr;
}

// Of a source that is begun. Where it is begun again, so must the other half be: what a pair knows
// is of both from their beginnings.
std::shared_ptr<OwnedPair> Worker::pair_of(SourceId id) {
  if (!orders::Pair::is_needed(config_)) return nullptr;
  std::shared_ptr<OwnedPair>& pair = pairs_[id.partition];
  const auto half = static_cast<std::size_t>(id.topic);
  const auto partner = static_cast<std::size_t>(other_half(id.topic));
  if (pair == nullptr || pair->is_fed[half]) {
    if (pair != nullptr && pair->is_fed[partner]) {
      restarting_.push_back({full_name(other_half(id.topic)), id.partition});
    }
    pair = std::make_shared<OwnedPair>(id.partition, shared_.options->config);
  }
  pair->is_fed[half] = true;
  return pair;
}

void Worker::restart_partners() {
  OwnedSources again;
  for (const kafka::TopicPartition& partition : std::exchange(restarting_, {})) {
    const auto found = std::ranges::find(owned_, partition, &OwnedSource::partition);
    if (found != owned_.end()) again.push_back(*found);
  }
  if (!again.empty()) asked_at_ = {};
  begin_again(again);
}

// What only a clock can tell: that a half has fallen silent.
void Worker::look_at_pairs() {
  for (const auto& [partition, owned] : pairs_) {
    for (const Topic topic : kInputTopics) {
      const bool is_idle =
          owned->idle[static_cast<std::size_t>(topic)].load(std::memory_order_relaxed);
      owned->pair.set_idle(topic, is_idle);
    }
    owned->pair.publish_stats();
  }
}

// What a half has brought stays open for all that the other may still say of it. So that open
// orders stay as many as a horizon has, however far behind the other is, it waits.
absl::Status Worker::align_pairs() {
  // Who has caught up waits for nobody.
  if (pairs_.empty() || is_caught_up()) return absl::OkStatus();
  const Micros step = config_.event_time.correction_horizon / kSteps;
  std::vector<kafka::TopicPartition> waiting;
  std::vector<std::pair<kafka::TopicPartition, std::int64_t>> going_on;
  for (const auto& owned : owned_) {
    if (!owned->first_watermark) owned->first_watermark = watermark_of(*owned);
    const OwnedSource* partner = owned->pair == nullptr ? nullptr : partner_of(*owned);
    const bool waits = partner != nullptr && is_far_ahead(*owned, *partner, step);
    if (waits == owned->waits_for_partner) continue;
    owned->waits_for_partner = waits;
    if (waits) {
      spdlog::debug("{} [{}] waits for its partner", owned->partition.topic,
                    owned->partition.partition);
      owned->caught_up.store(false, std::memory_order_relaxed);
      waiting.push_back(owned->partition);
    } else {
      going_on.emplace_back(owned->partition, owned->next_offset);
    }
  }
  if (!waiting.empty()) SW_RETURN_IF_ERROR(consumer_->leave(waiting));
  return going_on.empty() ? absl::OkStatus() : consumer_->begin(going_on);
}

}  // namespace surgewatch::services
