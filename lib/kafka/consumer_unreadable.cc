#include <algorithm>
#include <string>

#include "base/status.h"
#include "kafka/consumer.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kWatchEvery{1'000};
// So long a partition may stand where it is, though there is more of it. Then it is looked into;
// and where nothing was wrong, again after twice as long.
constexpr milliseconds kPatience{5'000};
constexpr milliseconds kMostPatience{60'000};
// A gzip stream that is cut off sends librdkafka 2.0 into a loop without end, in each client that
// fetches it: so a few clients try, and no more.
constexpr int kUnansweredSearches = 2;
constexpr milliseconds kSearchAgain{1'000};

}  // namespace

void ConsumerOverRdkafka::suspect(Partition* partition, Suspicion what) {
  partition->suspicion = what;
  has_suspects_ = true;
}

// One after the other: they are rare, and each costs a client.
absl::Status ConsumerOverRdkafka::look_into_suspects() {
  watch_who_stands_still();
  if (!has_suspects_) return absl::OkStatus();
  if (search_ != nullptr) {
    const auto found = partitions_.find(search_->partition());
    if (found == partitions_.end() || found->second.suspicion == Suspicion::kNone) {
      search_.reset();  // it was given away, or has moved
      return absl::OkStatus();
    }
    const auto result = search_->step();
    if (result.ok() && !*result) return absl::OkStatus();
    search_.reset();
    return result.ok() ? end_search(&found->second, **result) : result.status();
  }
  const auto next = std::ranges::find_if(
      partitions_, [](const auto& one) { return one.second.suspicion != Suspicion::kNone; });
  if (next == partitions_.end()) {
    has_suspects_ = false;
    return absl::OkStatus();
  }
  if (steady_clock::now() < search_next_) return absl::OkStatus();
  search_next_ = steady_clock::now() + kSearchAgain;
  SW_ASSIGN_OR_RETURN(search_,
                      UnreadableSearch::start(options_, next->first, next->second.position));
  return absl::OkStatus();
}

absl::Status ConsumerOverRdkafka::end_search(Partition* partition,
                                             const UnreadableSearch::Result& result) {
  const Suspicion was = std::exchange(partition->suspicion, Suspicion::kNone);
  if (!result.is_answered) ++partition->stand.unanswered;
  if (was == Suspicion::kStandsStill && partition->position != partition->stand.at) {
    return absl::OkStatus();  // it has moved
  }
  if (result.next > result.first) {
    skipped_records_ += static_cast<std::uint64_t>(result.next - result.first);
    native_->log(fmt::format("{} [{}]: offsets {} to {} can't be read and are passed over: {}",
                             partition->id.topic, partition->id.partition, result.first,
                             result.next - 1, result.why),
                 true);
    if (options_.skipped) options_.skipped(partition->id, result.first, result.next, result.why);
  } else if (was == Suspicion::kStandsStill) {
    if (!result.is_answered) return absl::OkStatus();
    native_->log(fmt::format("{} [{}] stands still at offset {}, where another client reads: taken "
                             "anew",
                             partition->id.topic, partition->id.partition, partition->position),
                 true);
  }
  partition->position = result.next;
  // librdkafka may be anywhere by now, and may have stopped; so all is taken anew.
  return is_suspended_ ? absl::OkStatus() : take();
}

// librdkafka says nothing where it can't tell the records of a batch apart, and of an answer that
// is too large to be received it doesn't say which partition is to blame.
void ConsumerOverRdkafka::watch_who_stands_still() {
  const auto now = steady_clock::now();
  if (is_suspended_ || now < watch_next_) return;
  watch_next_ = now + kWatchEvery;
  const bool is_out = absl::IsUnavailable(native_->last_error());
  for (auto& [id, partition] : partitions_) {
    if (partition.suspicion == Suspicion::kDamaged) continue;
    Stand& stand = partition.stand;
    if (partition.position != stand.at || stand.patience.count() == 0) {
      stand = {.at = partition.position,
               .since = now,
               .oversized_answers = native_->oversized_answers(),
               .empty_polls = empty_polls_,
               .patience = kPatience};
      partition.suspicion = Suspicion::kNone;
      continue;
    }
    const bool receives = native_->oversized_answers() == stand.oversized_answers;
    if (is_out && receives) stand.since = now;
    if (partition.suspicion != Suspicion::kNone || now - stand.since < stand.patience ||
        stand.unanswered >= kUnansweredSearches || !stands_still(partition)) {
      continue;
    }
    stand.since = now;
    stand.patience = std::min(2 * stand.patience, kMostPatience);
    suspect(&partition, Suspicion::kStandsStill);
  }
}

// And not because others were in front of it.
bool ConsumerOverRdkafka::stands_still(const Partition& partition) const {
  if (partition.stand.empty_polls == empty_polls_) return false;
  if (partition.stand.oversized_answers != native_->oversized_answers()) return true;
  std::int64_t first = kUnknownOffset;
  std::int64_t end = kUnknownOffset;
  rd_kafka_get_watermark_offsets(native_->get(), partition.id.topic.c_str(), partition.id.partition,
                                 &first, &end);
  return end > std::max(partition.position, first);
}

}  // namespace surgewatch::kafka
