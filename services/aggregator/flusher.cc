#include "aggregator/flusher.h"

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "base/status.h"
#include "base/time.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kDrainWait{3'000};
constexpr milliseconds kStep{20};
// An election of a new leader takes some seconds.
constexpr milliseconds kLongUnderWay{5'000};
// Of documents, of a source, since its last flush: some 10 MB.
constexpr std::uint64_t kCorrectionsWaiting = 100'000;

v1::JournalRecord about(SourceId id) {
  v1::JournalRecord record;
  record.mutable_source()->set_topic(std::string(topic_name(id.topic)));
  record.mutable_source()->set_partition(id.partition);
  return record;
}

void sign(const Claim& claim, v1::JournalRecord* record) {
  record->set_epoch(claim.epoch);
  record->set_owner(claim.token);
}

v1::JournalRecord said_by(const OwnedSource& owned) {
  v1::JournalRecord record = about(owned.source.id());
  sign(owned.claim, &record);
  return record;
}

void set_topology(const Flusher::Partitions& partitions, v1::Topology* topology) {
  for (const Topic topic : kInputTopics) {
    v1::Topology::Topic* said = topology->add_topics();
    said->set_name(std::string(topic_name(topic)));
    said->set_partitions(partitions[static_cast<std::size_t>(topic)]);
  }
}

std::uint64_t random_token() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

}  // namespace

Flusher::Flusher(const config::Config* config, std::unique_ptr<JournalAppender> journal,
                 const OwnedSourceList* sources, AggregatorMeters* meters,
                 std::atomic<std::uint64_t>* delivered)
    : config_(*config),
      journal_(std::move(journal)),
      sources_(*sources),
      meters_(*meters),
      delivered_(*delivered) {}

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

void Flusher::open(const Partitions& partitions) {
  set_partitions(partitions);
  v1::JournalRecord record;
  set_topology(partitions, record.mutable_topology());
  journal_->append(record);
}

void Flusher::set_partitions(const Partitions& partitions) {
  const std::lock_guard lock(mutex_);
  partitions_ = partitions;
}

void Flusher::run() {
  const milliseconds interval{std::max<Micros>(config_.flush_interval / 1'000, 1)};
  // In step with the clock, however long a flush takes; what is missed is not made up for.
  auto next = SteadyClock::now() + interval;
  while (journal_->status().ok() && !wait_until(next)) {
    flush_all();
    next = std::max(next + interval, SteadyClock::now());
  }
  absl::Status status = journal_->status();
  if (status.ok()) {
    const auto deadline = SteadyClock::now() + kDrainWait;
    flush_until(deadline);
    status = journal_->drain(
        std::max(std::chrono::ceil<milliseconds>(deadline - SteadyClock::now()), milliseconds(0)));
    say_how_far();
  }
  is_delivering_.store(false, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  status_ = status;
}

// Serves deliveries meanwhile. True if it is time to stop or the journal takes nothing any more.
bool Flusher::wait_until(SteadyClock::time_point next) {
  for (;;) {
    const auto left =
        std::max(std::chrono::ceil<milliseconds>(next - SteadyClock::now()), milliseconds(0));
    if (journal_->undelivered() == 0) {
      say_how_far();
      return stop_.wait_for(left);
    }
    journal_->poll(std::min(left, kStep));
    say_how_far();
    if (stop_.requested() || !journal_->status().ok()) return true;
    if (left.count() == 0) return false;
  }
}

void Flusher::say_how_far() {
  std::uint64_t delivered = 0;
  for (const auto& owned : sources_.all()) delivered += owned->delivered;
  delivered_.store(delivered, std::memory_order_relaxed);
  is_delivering_.store(
      journal_->status().ok() && journal_->has_delivered() && journal_->delay() < kLongUnderWay,
      std::memory_order_relaxed);
}

// At the end: all of what was processed, as long as there is time.
void Flusher::flush_until(SteadyClock::time_point deadline) {
  while (!flush_all() && journal_->status().ok() && SteadyClock::now() < deadline) {
    journal_->poll(kStep);
  }
}

// False if somebody found no room.
bool Flusher::flush_all() {
  Partitions partitions{};
  {
    const std::lock_guard lock(mutex_);
    partitions = partitions_;
  }
  const OwnedSources all = sources_.all();
  bool had_room = true;
  std::set<SourceId> ids;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t at = (turn_ + i) % all.size();
    const std::shared_ptr<OwnedSource>& owned = all[at];
    ids.insert(owned->source.id());
    meters_.source(owned->source.id(), owned->input, owned->source.stats());
    if (owned->pair != nullptr) meters_.pair(owned->pair->partition, owned->pair->pair.stats());
    if (had_room && !journal_->has_room()) {
      had_room = false;
      turn_ = at;
    }
    take_over(owned, partitions);
    const bool is_said =
        owned->claim.is_known() && (owned->pair == nullptr || owned->pair->claim.is_known());
    if (is_said && had_room) {
      say_topology(owned.get(), partitions);
      flush(owned);
    }
    bound_corrections(owned.get());
  }
  meters_.release_all_but(ids);
  return had_room;
}

void Flusher::take_over(const std::shared_ptr<OwnedSource>& owned, const Partitions& partitions) {
  if (owned->claim.state == Claim::State::kUnsaid) {
    v1::Ownership ownership;
    ownership.set_start_offset(owned->start_offset);
    set_topology(partitions, ownership.mutable_topology());
    claim(owned->source.id(), std::move(ownership), {owned, &owned->claim},
          [owned] { owned->delivered_to.store(0, std::memory_order_relaxed); });
  }
  const std::shared_ptr<OwnedPair>& pair = owned->pair;
  if (pair == nullptr || pair->claim.state != Claim::State::kUnsaid) return;
  // How many there are is said by those whose halves they are.
  claim(pair->id(), {}, {pair, &pair->claim}, [] {});
}

// Who follows somebody says so first. If it is not known where that stands, it is said once more.
void Flusher::claim(SourceId id, v1::Ownership ownership, std::shared_ptr<Claim> claim,
                    std::function<void()> known) {
  if (stop_.requested()) return;
  v1::JournalRecord record = about(id);
  claim->token = random_token();
  record.set_owner(claim->token);
  ownership.set_generation(config_.generation);
  if (config_.reference != nullptr) {
    ownership.set_reference_data_version(config_.reference->version);
  }
  for (const config::Series& series : config_.series) {
    if (series.event != id.topic) continue;
    v1::SeriesRef* ref = ownership.add_series();
    ref->set_name(series.name);
    ref->set_definition(series.definition);
  }
  ownership.set_group_id(config_.kafka.group_id);
  *record.mutable_ownership() = std::move(ownership);
  claim->state = Claim::State::kSaid;
  journal_->append(record, [claim, known](std::optional<std::int64_t> offset) {
    claim->state = offset ? Claim::State::kKnown : Claim::State::kUnsaid;
    if (!offset) return;
    claim->epoch = *offset;
    known();
  });
}

void Flusher::say_topology(OwnedSource* owned, const Partitions& partitions) {
  if (owned->claim.partitions_said == partitions) return;
  owned->claim.partitions_said = partitions;
  v1::JournalRecord record = said_by(*owned);
  set_topology(partitions, record.mutable_topology());
  journal_->append(record);
}

void Flusher::flush(const std::shared_ptr<OwnedSource>& owned) {
  // Read before the flush: what is flushed reflects at least these.
  const std::uint64_t processed = owned->processed.load(std::memory_order_acquire);
  const std::int64_t record_timestamp = owned->record_timestamp.load(std::memory_order_relaxed);
  const aggregate::SourceStats stats = owned->source.stats();
  const bool moved = stats.next_offset != owned->seen_offset;
  owned->seen_offset = stats.next_offset;
  owned->corrections_collected = stats.corrections;
  mark_idle(owned.get(), moved);
  owned->source.flush(&records_);
  // Behind the half, so that it has all that the half's progress promises, and told before it.
  if (owned->pair != nullptr) flush_pair(owned.get());
  for (v1::JournalRecord& record : records_) {
    if (record.has_progress()) {
      if (record_timestamp != 0) {
        record.mutable_progress()->set_record_timestamp_micros(record_timestamp);
      }
      say_of_input(owned->input, record.mutable_progress());
      owned->said = record.progress();
    }
    sign(owned->claim, &record);
    append_flush(owned, &record, processed);
    record.clear_epoch();  // it may be used again
    record.clear_owner();
  }
  if (records_.empty()) say_what_is_copied(owned.get());
  owned->source.recycle(&records_);
  owned->handed_over = processed;
  if (owned->flushes_under_way == 0) owned->delivered = processed;
}

void Flusher::flush_pair(OwnedSource* half) {
  OwnedPair& pair = *half->pair;
  if (!records_.empty()) {
    pair.reached[static_cast<std::size_t>(half->source.id().topic)] =
        records_.back().progress().next_offset();
  }
  pair.pair.collect(&collected_);
  pair_records_.clear();
  pair.writer.append(collected_, {.invoices = pair.reached[0], .shipments = pair.reached[1]},
                     &pair_records_);
  for (v1::JournalRecord& record : pair_records_) {
    sign(pair.claim, &record);
    journal_->append(record);
  }
}

void Flusher::say_of_input(const InputState& input, v1::Progress* progress) {
  if (!input.has_begun.load(std::memory_order_acquire) || !input.beginning.record) return;
  progress->mutable_first_record()->set_offset(input.beginning.first);
  progress->mutable_first_record()->set_fingerprint(*input.beginning.record);
  progress->set_copied_to(
      std::min(input.copied_to.load(std::memory_order_relaxed), progress->next_offset()));
}

// Copies come to their topics later than what was counted beside them.
void Flusher::say_what_is_copied(OwnedSource* owned) {
  v1::Progress& said = owned->said;
  const std::int64_t copied_to =
      std::min(owned->input.copied_to.load(std::memory_order_relaxed), said.next_offset());
  if (!said.has_copied_to() || copied_to <= said.copied_to()) return;
  said.set_copied_to(copied_to);
  v1::JournalRecord record = said_by(*owned);
  *record.mutable_progress() = said;
  journal_->append(record);
}

// The progress record is the flush's last: once it is there, the flush is.
void Flusher::append_flush(const std::shared_ptr<OwnedSource>& owned, v1::JournalRecord* record,
                           std::uint64_t processed) {
  if (!record->has_progress()) return journal_->append(*record);
  ++owned->flushes_under_way;
  const std::int64_t next_offset = record->progress().next_offset();
  journal_->append(*record, [owned, next_offset, processed](std::optional<std::int64_t>) {
    --owned->flushes_under_way;
    // Flushes that found nothing more were said by the one before them.
    owned->delivered = owned->flushes_under_way == 0 ? owned->handed_over : processed;
    owned->delivered_to.store(next_offset, std::memory_order_relaxed);
  });
}

void Flusher::mark_idle(OwnedSource* owned, bool moved) {
  const auto now = SteadyClock::now();
  if (moved) owned->moved_at = now;
  const bool idle =
      !moved && owned->caught_up.load(std::memory_order_relaxed) &&
      now - owned->moved_at >= std::chrono::microseconds(config_.event_time.idle_after);
  if (idle == owned->idle || !(idle || moved)) return;
  owned->idle = idle;
  if (owned->pair != nullptr) {
    owned->pair->idle[static_cast<std::size_t>(owned->source.id().topic)].store(
        idle, std::memory_order_relaxed);
  }
  v1::JournalRecord mark = said_by(*owned);
  mark.mutable_idle()->set_idle(idle);
  mark.mutable_idle()->set_decided_at_micros(wall_clock_micros());
  journal_->append(mark);
}

void Flusher::bound_corrections(OwnedSource* owned) {
  const std::uint64_t waiting = owned->source.stats().corrections - owned->corrections_collected;
  const bool is_pair_behind =
      owned->pair != nullptr && owned->pair->pair.pending() > kCorrectionsWaiting;
  owned->must_wait.store(waiting > kCorrectionsWaiting || is_pair_behind,
                         std::memory_order_relaxed);
}

}  // namespace surgewatch::services
