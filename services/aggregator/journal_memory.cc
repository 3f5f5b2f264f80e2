#include "aggregator/journal_memory.h"

#include <algorithm>

#include "base/status.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollWait{50};
constexpr std::size_t kPollBatch = 1'000;

}  // namespace

absl::Status JournalMemory::open(const kafka::ClientOptions& client, const std::string& journal) {
  SW_ASSIGN_OR_RETURN(consumer_, kafka::Consumer::create({.client = client}));
  return consumer_->assign({{{journal, 0}, kafka::kBeginning}});
}

absl::StatusOr<bool> JournalMemory::read_on(milliseconds at_most) {
  if (consumer_ == nullptr) return true;
  const auto deadline = steady_clock::now() + at_most;
  do {
    SW_RETURN_IF_ERROR(
        consumer_
            ->poll(kPollWait, kPollBatch,
                   [&](const kafka::Message& message) {
                     v1::JournalRecord record;
                     if (record.ParseFromArray(message.payload.data(),
                                               static_cast<int>(message.payload.size()))) {
                       apply(record, message.offset);
                     }
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
  const std::optional<Topic> topic = topic_from_name(record.source().topic());
  if (!topic.has_value()) return;
  const SourceId id{*topic, record.source().partition()};
  if (record.has_ownership()) {
    if (record.ownership().group_id() == group_id_) {
      sources_[id].epoch = offset;
    } else if (const auto found = sources_.find(id); found != sources_.end()) {
      found->second.epoch.reset();
    }
    return;
  }
  if (!record.has_progress() || !record.progress().has_first_record()) return;
  const auto found = sources_.find(id);
  if (found == sources_.end() || !record.has_epoch() || found->second.epoch != record.epoch()) {
    return;
  }
  const v1::FirstRecord& first = record.progress().first_record();
  const Beginning beginning{first.offset(), first.fingerprint()};
  std::optional<Life>& life = found->second.life;
  const std::int64_t before = life.has_value() ? life->reached : 0;
  life = Life{beginning, std::max(before, record.progress().next_offset())};
}

std::optional<JournalMemory::Life> JournalMemory::of(SourceId source) const {
  const auto found = sources_.find(source);
  return found == sources_.end() ? std::nullopt : found->second.life;
}

std::int32_t JournalMemory::partitions() const {
  std::int32_t partitions = 0;
  for (const auto& [id, source] : sources_) partitions = std::max(partitions, id.partition + 1);
  return partitions;
}

}  // namespace surgewatch::services
