#include "aggregator/journal_memory.h"

#include <algorithm>

#include "base/status.h"
#include "journal/refusal.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollWait{50};
constexpr std::size_t kPollBatch = 1'000;

// Those that both topics have; 0 where it is not said of both.
std::int32_t partitions_of(const v1::Topology& topology) {
  if (topology.topics_size() != static_cast<int>(kInputTopics.size())) return 0;
  return std::max(0, std::min(topology.topics(0).partitions(), topology.topics(1).partitions()));
}

}  // namespace

absl::Status JournalMemory::open(const kafka::ClientOptions& client, const std::string& journal) {
  SW_ASSIGN_OR_RETURN(consumer_, kafka::Consumer::create({.client = client}));
  return consumer_->assign({{{journal, 0}, kafka::kBeginning}});
}

absl::StatusOr<bool> JournalMemory::read_on(milliseconds at_most) {
  if (consumer_ == nullptr) return true;
  const auto deadline = steady_clock::now() + at_most;
  do {
    SW_RETURN_IF_ERROR(consumer_
                           ->poll(kPollWait, kPollBatch,
                                  [&](const kafka::Message& message) {
                                    v1::JournalRecord record;
                                    if (journal::read_record(message.payload, &record)) return;
                                    apply(record, message.offset);
                                  })
                           .status());
    if (consumer_->at_end()) {
      consumer_.reset();
      return true;
    }
  } while (steady_clock::now() < deadline);
  SW_RETURN_IF_ERROR(consumer_->last_error());
  return false;
}

void JournalMemory::apply(const v1::JournalRecord& record, std::int64_t offset) {
  if (!record.has_source() || journal::impossible(record, offset).has_value()) return;
  const SourceId id = *journal::source_of(record);
  if (record.has_ownership()) return owners_.claim(id, record, offset);
  using Standing = journal::Owners::Standing;
  const Standing standing = owners_.hear(id, record);
  if (standing != Standing::kOwner && standing != Standing::kNewOwner) return;
  const v1::Ownership* owner = owners_.owner(id);
  if (owner == nullptr || owner->group_id() != group_id_) return;
  if (sources_.empty()) first_said_ = partitions_of(owner->topology());
  std::optional<Life>& life = sources_[id];
  if (!record.progress().has_first_record()) return;
  const v1::FirstRecord& first = record.progress().first_record();
  const Beginning beginning{first.offset(), first.fingerprint()};
  const Life before = life.value_or(Life{});
  const v1::Progress& progress = record.progress();
  // Owners before this was said had committed what they had sent, as far as anybody knows.
  const std::int64_t copied_to =
      progress.has_copied_to() ? progress.copied_to() : progress.next_offset();
  life = Life{.beginning = beginning,
              .reached = std::max(before.reached, progress.next_offset()),
              .copied_to = std::max(before.copied_to, copied_to)};
}

std::optional<JournalMemory::Life> JournalMemory::of(SourceId source) const {
  const auto found = sources_.find(source);
  return found == sources_.end() ? std::nullopt : found->second;
}

std::int32_t JournalMemory::partitions() const {
  if (first_said_ > 0) return first_said_;
  std::int32_t partitions = 0;  // old journals name those that were owned alone
  for (const auto& [id, life] : sources_) partitions = std::max(partitions, id.partition + 1);
  return partitions;
}

}  // namespace surgewatch::services
