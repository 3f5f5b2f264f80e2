#include "aggregator/worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/status.h"
#include "common/kafka_start.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kPollWait{50};
// Few enough that the last of them is in its pane within a millisecond of the poll, many enough to
// make a poll's own cost small.
constexpr std::size_t kPollBatch = 512;
constexpr milliseconds kHousekeeping{1'000};
constexpr milliseconds kCommitEvery{5'000};
// Longer than InputWatch takes to notice that a topic is gone.
constexpr milliseconds kLostAfter{10'000};
// What a revocation or a stop may take: the group waits, or a person.
constexpr milliseconds kDrainWait{1'000};
constexpr milliseconds kLastCommitWait{1'500};
constexpr milliseconds kStep{5};

}  // namespace

absl::Status Worker::connect() {
  SW_ASSIGN_OR_RETURN(side_outputs_,
                      SideOutputs::create(client_options(config_.kafka), topics_, shared_.meters));
  return connect_consumer();
}

absl::Status Worker::connect_consumer() {
  kafka::Consumer::Options consumer;
  consumer.client = client_options(config_.kafka);
  consumer.group_id = config_.kafka.group_id;
  if (const std::string& id = shared_.options->instance_id; !id.empty()) {
    consumer.instance_id = fmt::format("{}.{}", id, number_);
  }
  consumer.left_log = [this](const kafka::TopicPartition& partition, std::string_view why) {
    left_log_.emplace_back(partition, why);
  };
  consumer.skipped = [this](const kafka::TopicPartition& partition, std::int64_t first,
                            std::int64_t next,
                            std::string_view why) { pass_over(partition, first, next, why); };
  SW_ASSIGN_OR_RETURN(consumer_, kafka::Consumer::create(consumer));
  return consumer_->subscribe({topics_.invoices, topics_.shipments},
                              {.assigned = [this](const auto& list) { return assigned(list); },
                               .revoked = [this](const auto& list) { revoked(list); }});
}

absl::Status Worker::run(const Stop& stop) {
  const absl::Status status = work(stop);
  is_caught_up_.store(false, std::memory_order_relaxed);
  // Here, so that however many workers there are, they leave at the same time.
  consumer_.reset();
  side_outputs_.reset();
  return status;
}

absl::Status Worker::work(const Stop& stop) {
  while (!stop.requested()) {
    const auto polled = consumer_->poll(kPollWait, kPollBatch,
                                        [this](const kafka::Message& message) { gather(message); });
    process_gathered();
    // That a topic is not there any more is an incident (incidents.h); it may come back.
    if (!polled.ok() && (shared_.options->strict || !absl::IsNotFound(polled.status()))) {
      return polled.status();
    }
    SW_RETURN_IF_ERROR(wait_for_others(stop));
    if (!left_log_.empty()) start_again_what_left_its_log();
    if (!waiting_.empty()) SW_RETURN_IF_ERROR(start_waiting());
    SW_RETURN_IF_ERROR(align_pairs());
    SW_RETURN_IF_ERROR(housekeeping());
    if (has_lost_topics()) SW_RETURN_IF_ERROR(start_anew());
  }
  give_back();
  return absl::OkStatus();
}

OwnedSource* Worker::find(std::string_view topic, std::int32_t partition) {
  const auto is = [&](const OwnedSource& source) {
    return source.partition.partition == partition && source.partition.topic == topic;
  };
  if (last_found_ != nullptr && is(*last_found_)) return last_found_;
  for (const auto& source : owned_) {
    if (is(*source)) return last_found_ = source.get();
  }
  return nullptr;
}

void Worker::gather(const kafka::Message& message) {
  OwnedSource* owned = find(message.topic, message.partition);
  if (owned == nullptr) return;  // revoked between fetch and poll: its new owner reads it
  aggregate::Record& record = owned->gathered.emplace_back();
  record.offset = message.offset;
  record.payload = message.payload;
  record.key = message.key;
  record.has_key = message.has_key;
  if (message.timestamp_ms) record.record_timestamp = *message.timestamp_ms * 1'000;
}

// What a poll brought is valid until the next one.
void Worker::process_gathered() {
  const auto polled = SteadyClock::now();
  for (const auto& owned : owned_) {
    if (!owned->gathered.empty()) process(owned.get(), polled);
  }
}

void Worker::process(OwnedSource* owned, SteadyClock::time_point polled) {
  std::vector<aggregate::Record>& records = owned->gathered;
  InputState& input = owned->input;
  // Held from the next housekeeping on, and nothing is counted any more.
  const bool is_wrong =
      input.incident.load(std::memory_order_relaxed) != Incident::kNone ||
      (!input.has_begun.load(std::memory_order_relaxed) && !begins_right(owned, records.front()));
  if (is_wrong) [[unlikely]] {
    records.clear();
    return;
  }
  std::span<const aggregate::Record> rest(records);
  if (!input.border.passed()) [[unlikely]] {
    const auto first_new = std::ranges::partition_point(rest, [&](const aggregate::Record& record) {
      return record.offset < input.border.offset();
    });
    const auto known = static_cast<std::size_t>(first_new - rest.begin());
    if (known > 0) count(owned, rest.first(known));
    rest = rest.subspan(known);
    if (!rest.empty()) input.border.pass(owned->source.stats());
  }
  if (!rest.empty()) count(owned, rest);
  owned->processed.fetch_add(records.size(), std::memory_order_release);
  shared_.processed->fetch_add(records.size(), std::memory_order_relaxed);
  if (shared_.options->on_visible) {
    shared_.options->on_visible({.source = owned->source.id(),
                                 .first = records.front().offset,
                                 .next = owned->next_offset,
                                 .polled = polled,
                                 .visible = SteadyClock::now()});
  }
  records.clear();
}

void Worker::count(OwnedSource* owned, std::span<const aggregate::Record> records) {
  asides_.clear();
  owned->source.process(records, &asides_);
  const aggregate::Record& last = records.back();
  owned->next_offset = last.offset + 1;
  owned->input.position.store(owned->next_offset, std::memory_order_relaxed);
  if (last.record_timestamp) {
    owned->record_timestamp.store(*last.record_timestamp, std::memory_order_relaxed);
  }
  if (!owned->input.border.passed()) return;  // an earlier owner has sent them
  for (const aggregate::Aside& aside : asides_) {
    side_outputs_->add(owned->partition, records[aside.index], aside.outcome);
  }
}

// What no client can read: it counts as rejected, its dead letter says where it is, and the source
// goes on behind it. In the poll, after what was read in front of it.
void Worker::pass_over(const kafka::TopicPartition& partition, std::int64_t first,
                       std::int64_t next, std::string_view why) {
  OwnedSource* owned = find(partition.topic, partition.partition);
  if (owned == nullptr) return;
  if (!owned->gathered.empty()) process(owned, SteadyClock::now());
  InputState& input = owned->input;
  if (input.incident.load(std::memory_order_relaxed) != Incident::kNone ||
      (!input.has_begun.load(std::memory_order_relaxed) && !begins_right(owned, first))) {
    return;
  }
  const std::int64_t border = std::clamp(input.border.offset(), first, next);
  if (first < border) pass_over(owned, first, border);
  if (border == next) return;  // an earlier owner has said it
  if (!input.border.passed()) input.border.pass(owned->source.stats());
  pass_over(owned, border, next);
  side_outputs_->add_unreadable(partition, border, next, why);
}

void Worker::pass_over(OwnedSource* owned, std::int64_t first, std::int64_t next) {
  const auto count = static_cast<std::uint64_t>(next - first);
  owned->source.pass_over(count, next);
  owned->next_offset = next;
  owned->input.position.store(next, std::memory_order_relaxed);
  owned->processed.fetch_add(count, std::memory_order_release);
  shared_.processed->fetch_add(count, std::memory_order_relaxed);
}

// Nothing is counted while there is no room for what comes of it: side outputs that are more than
// their queue holds, or corrections for a journal that is behind. The consumer is polled meanwhile,
// without fetching, so that the group sees us alive and may take what it gave.
absl::Status Worker::wait_for_others(const Stop& stop) {
  side_outputs_->poll();
  const auto since = SteadyClock::now();
  const auto must_wait = [&] {
    return side_outputs_->failure().ok() &&
           (side_outputs_->is_full() || std::ranges::any_of(owned_, [](const auto& owned) {
              return owned->must_wait.load(std::memory_order_relaxed);
            }));
  };
  bool is_suspended = false;
  while (must_wait() && !stop.requested()) {
    if (!is_suspended && SteadyClock::now() - since > shared_.options->wait_in_place) {
      spdlog::warn(
          "worker {}: nothing more is read until the brokers have taken what waits for them: {} "
          "dead letters and late events, and the journal",
          number_, side_outputs_->undelivered());
      SW_RETURN_IF_ERROR(consumer_->suspend());
      is_suspended = true;
    }
    if (is_suspended) {
      const auto polled = consumer_->poll(
          kPollWait, kPollBatch, [this](const kafka::Message& message) { gather(message); });
      process_gathered();
      if (!polled.ok() && !absl::IsNotFound(polled.status())) return polled.status();
    } else {
      stop.wait_for(kStep);
    }
    side_outputs_->poll();
    SW_RETURN_IF_ERROR(housekeeping());
  }
  SW_RETURN_IF_ERROR(side_outputs_->failure());
  return is_suspended ? consumer_->resume() : absl::OkStatus();
}

absl::Status Worker::housekeeping() {
  SW_RETURN_IF_ERROR(take_commit_answer());
  if (!is_caught_up_.load(std::memory_order_relaxed)) see_how_far();
  const auto now = SteadyClock::now();
  if (now - housekept_at_ < kHousekeeping) return absl::OkStatus();
  housekept_at_ = now;
  hold_what_is_wrong();
  look_at_pairs();
  say_what_is_copied();
  const auto lag = consumer_->lag();
  for (const auto& source : owned_) {
    const auto found = lag.find(source->partition);
    if (found == lag.end()) continue;
    source->caught_up.store(found->second == 0, std::memory_order_relaxed);
    shared_.meters->lag(source->source.id(), found->second);
  }
  shared_.meters->side_outputs_undelivered(number_, side_outputs_->undelivered());
  const absl::Status answer = consumer_->last_error();
  reachable_.store(answer.ok(), std::memory_order_relaxed);
  if (!answer.ok()) {
    if (shared_.options->strict) return answer;
    if (!absl::IsUnavailable(answer) && !absl::IsNotFound(answer)) return answer;
    spdlog::warn("{}", message_of(answer));
  }
  look_for_lost_topics(answer);
  if (now - committed_at_ >= kCommitEvery) start_commit();
  return absl::OkStatus();
}

// librdkafka 2.8 never finds a topic again that was deleted and made again while it read it: each
// answer with the new one leaves its own list without it, and it asks again at once, for ever.
void Worker::look_for_lost_topics(const absl::Status& answer) {
  if (!absl::IsNotFound(answer) || !shared_.incidents->all_there()) {
    lost_since_.reset();
  } else if (!lost_since_) {
    lost_since_ = SteadyClock::now();
  }
}

bool Worker::has_lost_topics() const {
  return lost_since_ && SteadyClock::now() - *lost_since_ >= kLostAfter;
}

absl::Status Worker::start_anew() {
  spdlog::warn("worker {}: Kafka's client does not find topics that are there: a new one is made",
               number_);
  std::vector<kafka::TopicPartition> all = held_;
  for (const auto& owned : owned_) all.push_back(owned->partition);
  for (const Waiting& waiting : waiting_) all.push_back(waiting.partition);
  revoked(all);
  drop(all);
  consumer_.reset();
  committing_.clear();
  left_log_.clear();
  lost_since_.reset();
  return connect_consumer();
}

// At the end is who has read so far, or whom the end has been told (what is behind the last record
// may be no record).
void Worker::see_how_far() {
  bool all = has_assignment_ && waiting_.empty() && held_.empty();
  for (const auto& owned : owned_) {
    InputState& input = owned->input;
    if (!input.reached_end && (owned->next_offset >= input.end_when_assigned ||
                               owned->caught_up.load(std::memory_order_relaxed))) {
      input.reached_end = true;
      input.to_be_delivered = owned->next_offset;
    }
    all &= input.reached_end && !owned->waits_for_partner &&
           owned->is_delivered_to(input.to_be_delivered);
  }
  if (all) is_caught_up_.store(true, std::memory_order_relaxed);
}

// Never back: while it is read again, what an earlier owner has done stands. 0: nothing to say.
std::int64_t Worker::to_commit(const OwnedSource& owned) const {
  if (!owned.input.has_begun.load(std::memory_order_relaxed)) return 0;
  return std::max(side_outputs_->lowest_undelivered(owned.partition).value_or(owned.next_offset),
                  owned.input.committed);
}

// What is committed says up to where side outputs are known to be with the brokers, and with what
// beginning (common/beginning.h).
void Worker::start_commit() {
  committed_at_ = SteadyClock::now();
  if (consumer_->is_committing()) return;
  std::vector<kafka::GroupOffset> offsets;
  committing_.clear();
  const std::int32_t partitions = shared_.incidents->partitions().known;
  for (const auto& owned : owned_) {
    const std::int64_t offset = to_commit(*owned);
    if (offset == 0) continue;
    InputState& input = owned->input;
    // Only of what the group holds offsets, from now on at least: else these would seem to have
    // gone with their topic.
    if (const OwnedSource* partner = partner_of(*owned);
        partner != nullptr && to_commit(*partner) > 0) {
      input.partner = partner->input.beginning;
    }
    kafka::GroupOffset next{owned->partition, offset,
                            to_metadata({input.beginning, input.partner, partitions})};
    if (offset == input.committed && next.metadata == input.committed_metadata) continue;
    offsets.push_back(next);
    committing_.emplace_back(owned, std::move(next));
  }
  if (offsets.empty()) return;
  if (const absl::Status status = consumer_->start_commit(offsets); !status.ok()) {
    shared_.meters->commit_failed();
    spdlog::warn("input offsets were not committed, and will be later: {}", message_of(status));
    committing_.clear();
  }
}

// One that failed is made up for by the next, so only what no try can mend ends anything.
absl::Status Worker::take_commit_answer() {
  const std::optional<absl::Status> answer = consumer_->commit_answer();
  if (!answer) return absl::OkStatus();
  const auto offsets = std::exchange(committing_, {});
  if (answer->ok()) {
    for (const auto& [owned, offset] : offsets) {
      owned->input.committed = offset.offset;
      owned->input.committed_metadata = offset.metadata;
    }
    return absl::OkStatus();
  }
  shared_.meters->commit_failed();
  if (absl::IsPermissionDenied(*answer)) return *answer;
  spdlog::warn("input offsets were not committed, and will be later: {}", message_of(*answer));
  return absl::OkStatus();
}

void Worker::say_what_is_copied() {
  for (const auto& owned : owned_) {
    owned->input.copied_to.store(to_commit(*owned), std::memory_order_relaxed);
  }
}

// As much of what is left to be said as can be said soon; whoever comes next says the rest.
void Worker::give_back() {
  side_outputs_->drain(kDrainWait);
  say_what_is_copied();
  const auto deadline = SteadyClock::now() + kLastCommitWait;
  const auto answered = [&] {
    while (consumer_->is_committing() && SteadyClock::now() < deadline) {
      (void)take_commit_answer();
      if (consumer_->is_committing()) std::this_thread::sleep_for(kStep);
    }
    return !consumer_->is_committing();
  };
  if (answered()) start_commit();
  if (!answered()) {
    spdlog::warn(
        "worker {}: no answer to the last commit of input offsets; some dead letters and late "
        "events may be sent twice",
        number_);
  }
}

}  // namespace surgewatch::services
