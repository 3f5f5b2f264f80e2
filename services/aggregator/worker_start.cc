// What a worker reads: from what the group gives it to what it owns, holds or gives back.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "aggregator/worker.h"
#include "base/status.h"
#include "common/kafka_start.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kAnswerWait{2'000};
constexpr milliseconds kAskAgain{500};
constexpr int kAskedInALine = 20;
constexpr milliseconds kReadOn{200};  // of the journal, between two polls

}  // namespace

SourceId Worker::id_of(const kafka::TopicPartition& partition) const {
  return {partition.topic == topics_.invoices ? Topic::kInvoices : Topic::kShipments,
          partition.partition};
}

// Nothing new is read before it is known that it may be: that is asked outside, where it can be
// asked again.
std::vector<std::int64_t> Worker::assigned(const std::vector<kafka::TopicPartition>& partitions) {
  has_assignment_ = true;
  std::vector<kafka::TopicPartition> gone;
  for (const auto& owned : owned_) {
    const bool comes_back = std::ranges::find(partitions, owned->partition) != partitions.end();
    if (!comes_back || !consumer_->has_kept_its_place()) gone.push_back(owned->partition);
  }
  drop(gone);
  std::vector<std::int64_t> starts;
  for (const kafka::TopicPartition& partition : partitions) {
    const auto resting = std::ranges::find(owned_, partition, &OwnedSource::partition);
    if (resting == owned_.end()) {
      wait_for(partition);
      starts.push_back(kafka::kNotYet);
    } else {
      (*resting)->waits_for_partner = false;
      starts.push_back((*resting)->next_offset);
    }
  }
  asked_at_ = {};
  times_asked_ = 0;
  if (partitions.empty()) spdlog::info("worker {} owns no source: others own all", number_);
  if (!owned_.empty()) {
    spdlog::info("worker {} goes on with {} sources after a rebalance", number_, owned_.size());
  }
  return starts;
}

void Worker::revoked(const std::vector<kafka::TopicPartition>& partitions) {
  process_gathered();
  is_caught_up_.store(false, std::memory_order_relaxed);
  has_assignment_ = false;
  const bool is_lost = consumer_->assignment_lost();
  if (!is_lost) give_back();
  // Nobody is idle whom nobody reads.
  for (const auto& owned : owned_) owned->caught_up.store(false, std::memory_order_relaxed);
  std::vector<kafka::TopicPartition> gone;
  for (const kafka::TopicPartition& partition : partitions) {
    const auto owned = std::ranges::find(owned_, partition, &OwnedSource::partition);
    if (is_lost || owned == owned_.end()) gone.push_back(partition);
  }
  drop(gone);
}

// They are somebody else's, or begin again.
void Worker::drop(const std::vector<kafka::TopicPartition>& partitions) {
  const auto is_gone = [&](const kafka::TopicPartition& partition) {
    return std::ranges::find(partitions, partition) != partitions.end();
  };
  for (const auto& owned : owned_) {
    if (!is_gone(owned->partition)) continue;
    // What is on its way goes out, or not: nobody hears of it any more.
    remember(*owned, to_commit(*owned));
    // All of it: the next owner counts what comes behind.
    shared_.meters->source(owned->source.id(), owned->input, owned->source.stats());
  }
  for (const kafka::TopicPartition& partition : partitions) {
    side_outputs_->forget(partition);
    shared_.incidents->release(id_of(partition));
    shared_.meters->release_lag(id_of(partition));
  }
  std::erase_if(owned_, [&](const auto& owned) {
    if (!is_gone(owned->partition)) return false;
    shared_.sources->remove(owned);
    return true;
  });
  // What a half that stays has said is in its pair; the other half, if it comes back, begins both
  // again.
  std::erase_if(pairs_, [&](const auto& pair) {
    return std::ranges::none_of(
        owned_, [&](const auto& owned) { return owned->partition.partition == pair.first; });
  });
  std::erase_if(waiting_, [&](const Waiting& waiting) { return is_gone(waiting.partition); });
  std::erase_if(held_, is_gone);
  last_found_ = nullptr;
  shared_.meters->worker_sources(number_, owned_.size());
}

// Again and again until the brokers have said what the group has committed and where the logs end.
absl::Status Worker::start_waiting() {
  const auto now = SteadyClock::now();
  if (now - asked_at_ < kAskAgain) return absl::OkStatus();
  asked_at_ = now;
  const PartitionCounts counts = shared_.incidents->partitions();
  std::vector<kafka::TopicPartition> all;  // of both topics: what one forgot another recalls
  for (const Topic topic : kInputTopics) {
    for (std::int32_t i = 0; i < counts.known; ++i) all.push_back({full_name(topic), i});
  }
  std::vector<kafka::TopicPartition> partitions;
  for (const Waiting& waiting : waiting_) {
    if (waiting.partition.partition < counts.known) partitions.push_back(waiting.partition);
  }
  // A topic that is not there any more is an incident (incidents.h), and a client that has lost its
  // brokers may take one for missing.
  const auto later = [&](const absl::Status& status) {
    const bool may_come = absl::IsUnavailable(status) || absl::IsNotFound(status);
    if (shared_.options->strict || !may_come) return status;
    if (times_asked_++ % kAskedInALine == 0) {
      spdlog::warn("worker {} can't begin to read yet: {}", number_, message_of(status));
    }
    return absl::OkStatus();
  };
  const auto committed = consumer_->committed(all, kAnswerWait);
  if (!committed.ok()) return later(committed.status());
  const auto ends = consumer_->log_ends(partitions, kAnswerWait);
  if (!ends.ok()) return later(ends.status());

  std::map<kafka::TopicPartition, kafka::GroupOffset> by_partition;
  for (const auto& offset : *committed) {
    if (!offset) continue;
    by_partition.emplace(offset->partition, *offset);
    shared_.incidents->partitions_were(from_metadata(offset->metadata).partitions);
  }
  if (by_partition.empty()) {
    const auto done = ask_the_journal();
    if (!done.ok()) return later(done.status());
    if (!*done) {
      asked_at_ = {};
      return absl::OkStatus();
    }
  }
  std::vector<std::pair<kafka::TopicPartition, std::int64_t>> starts;
  std::size_t asked = 0;
  for (const Waiting& waiting : std::exchange(waiting_, {})) {
    const kafka::TopicPartition& partition = waiting.partition;
    const SourceId id = id_of(partition);
    if (partition.partition >= counts.known) {
      held_.push_back(partition);  // which is said of the topic
      continue;
    }
    const kafka::LogEnds& log = (*ends)[asked++];
    if (judge_partitions(shared_.incidents->partitions(), id) != Incident::kNone) {
      held_.push_back(partition);
      continue;
    }
    const auto offset_of = [&](const std::string& topic) {
      const auto found = by_partition.find({topic, partition.partition});
      return found == by_partition.end() ? std::nullopt
                                         : std::optional<kafka::GroupOffset>(found->second);
    };
    const auto own = offset_of(partition.topic);
    const auto partner = offset_of(full_name(other_half(id.topic)));
    Remembered remembered = own ? from_metadata(own->metadata) : Remembered{};
    if (waiting.reached > 0) remembered.own = waiting.beginning;
    if (!remembered.partner) remembered.partner = waiting.partner;
    StartFacts facts{
        .committed = own ? std::optional(own->offset) : std::nullopt,
        .remembered = remembered.own,
        .partner_recalls = partner ? from_metadata(partner->metadata).partner : std::nullopt,
        .reached = waiting.reached};
    if (const Incident incident = judge_start(facts, log); incident != Incident::kNone) {
      shared_.incidents->hold(id, incident,
                              fmt::format("its log has offsets {} to {}; read from {} to {} before",
                                          log.first, log.next, facts.remembered.first,
                                          std::max(facts.committed.value_or(0), facts.reached)));
      held_.push_back(partition);
      continue;
    }
    owned_.push_back(take(waiting, own, remembered, log));
    starts.emplace_back(partition, kafka::kBeginning);
  }
  last_found_ = nullptr;
  restart_partners();
  shared_.meters->worker_sources(number_, owned_.size());
  spdlog::info("worker {} owns {} sources, reading {} of them from the beginning", number_,
               owned_.size(), starts.size());
  return consumer_->begin(starts);
}

// Where the group recalls nothing: whether this is its first life, or its offsets are gone. False
// while there is more to read.
absl::StatusOr<bool> Worker::ask_the_journal() {
  if (memory_ == nullptr) {
    auto memory = std::make_unique<JournalMemory>(config_.kafka.group_id);
    SW_RETURN_IF_ERROR(memory->open(client_options(config_.kafka), topics_.journal));
    memory_ = std::move(memory);
  }
  SW_ASSIGN_OR_RETURN(const bool done, memory_->read_on(kReadOn));
  if (!done) return false;
  shared_.incidents->partitions_were(memory_->partitions());
  for (Waiting& waiting : waiting_) {
    const SourceId id = id_of(waiting.partition);
    if (const auto partner = memory_->of({other_half(id.topic), id.partition})) {
      waiting.partner = partner->beginning;
    }
    const auto life = memory_->of(id);
    if (waiting.reached > 0 || !life) continue;
    waiting.beginning = life->beginning;
    waiting.reached = life->reached;
    waiting.copied_to = life->copied_to;
  }
  return true;
}

std::shared_ptr<OwnedSource> Worker::take(const Waiting& waiting,
                                          const std::optional<kafka::GroupOffset>& committed,
                                          const Remembered& remembered, const kafka::LogEnds& log) {
  auto owned = std::make_shared<OwnedSource>(
      id_of(waiting.partition), waiting.partition, shared_.options->config,
      std::max(committed ? committed->offset : 0, waiting.copied_to),
      pair_of(id_of(waiting.partition)));
  owned->input.beginning = remembered.own;
  owned->input.partner = remembered.partner;
  owned->input.end_when_assigned = log.next;
  owned->start_offset = log.first;
  if (committed) {
    owned->input.committed = committed->offset;
    owned->input.committed_metadata = committed->metadata;
  }
  shared_.sources->add(owned);
  return owned;
}

// Whether the first record is the one that was first before; then it is remembered.
bool Worker::begins_right(OwnedSource* owned, const aggregate::Record& first) {
  std::optional<std::int64_t> timestamp_ms;
  if (first.record_timestamp) timestamp_ms = *first.record_timestamp / 1'000;
  const std::uint64_t record = fingerprint(timestamp_ms, first.key, first.has_key, first.payload);
  InputState& input = owned->input;
  if (const Incident incident = judge_first(input.beginning, first.offset, record);
      incident != Incident::kNone) {
    input.say(incident, fmt::format("its first record, at offset {}, is not the one that was first "
                                    "before, at offset {}",
                                    first.offset, input.beginning.first));
    return false;
  }
  input.beginning = {.first = first.offset, .record = record};
  input.has_begun.store(true, std::memory_order_release);
  return true;
}

// A beginning that can't be read has nothing to be known by but its place. Where it could be read
// before, what was counted there can't be counted again.
bool Worker::begins_right(OwnedSource* owned, std::int64_t first_unreadable) {
  InputState& input = owned->input;
  if (input.beginning.record) {
    input.say(
        Incident::kLogStartMoved,
        fmt::format("its first record, at offset {}, was counted before and can't be read any "
                    "more",
                    input.beginning.first));
    return false;
  }
  input.beginning = {.first = first_unreadable};
  input.has_begun.store(true, std::memory_order_release);
  return true;
}

void Worker::hold_what_is_wrong() {
  const PartitionCounts counts = shared_.incidents->partitions();
  OwnedSources wrong;
  for (const auto& owned : owned_) {
    const Incident incident = owned->input.incident.load(std::memory_order_acquire);
    if (incident != Incident::kNone) {
      shared_.incidents->hold(owned->source.id(), incident, owned->input.incident_detail);
    } else if (judge_partitions(counts, owned->source.id()) == Incident::kNone) {
      continue;
    }
    held_.push_back(owned->partition);
    wrong.push_back(owned);
  }
  give_up(wrong);
}

void Worker::remember(const OwnedSource& owned, std::int64_t copied_to) {
  if (!owned.input.has_begun.load(std::memory_order_relaxed)) return;
  Seen& seen = seen_[owned.partition];
  seen.beginning = owned.input.beginning;
  seen.reached = std::max(seen.reached, owned.next_offset);
  seen.copied_to = std::max(seen.copied_to, copied_to);
}

// Until it is known whether it may be read.
void Worker::wait_for(const kafka::TopicPartition& partition) {
  const Seen& seen = seen_[partition];
  waiting_.push_back({partition, seen.beginning, seen.reached, seen.copied_to});
}

void Worker::begin_again(const OwnedSources& sources) {
  give_up(sources);
  for (const auto& owned : sources) wait_for(owned->partition);
}

// Judged like one that is assigned, knowing how far it had come.
void Worker::start_again_what_left_its_log() {
  OwnedSources again;
  for (const auto& [partition, why] : std::exchange(left_log_, {})) {
    spdlog::warn("{} [{}]: {}", partition.topic, partition.partition, why);
    const auto found = std::ranges::find(owned_, partition, &OwnedSource::partition);
    if (found != owned_.end()) again.push_back(*found);
  }
  is_caught_up_.store(false, std::memory_order_relaxed);
  begin_again(again);
}

// Reads them no more. What they have counted stands in the journal.
void Worker::give_up(const OwnedSources& sources) {
  if (sources.empty()) return;
  std::vector<kafka::TopicPartition> partitions;
  for (const auto& owned : sources) {
    partitions.push_back(owned->partition);
    remember(*owned, owned->next_offset);  // what is on its way is looked after as before
    shared_.meters->source(owned->source.id(), owned->input, owned->source.stats());
    shared_.meters->release_lag(owned->source.id());
    shared_.sources->remove(owned);
  }
  if (const absl::Status status = consumer_->leave(partitions); !status.ok()) {
    spdlog::warn("{}", message_of(status));
  }
  is_caught_up_.store(false, std::memory_order_relaxed);
  last_found_ = nullptr;
  std::erase_if(owned_,
                [&](const auto& one) { return std::ranges::find(sources, one) != sources.end(); });
  shared_.meters->worker_sources(number_, owned_.size());
}

}  // namespace surgewatch::services
