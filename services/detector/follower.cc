#include "detector/follower.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "common/kafka_start.h"
#include "detector/journal_position.h"
#include "journal/refusal.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kAskEvery{200};
constexpr milliseconds kAnswerWait{2'000};
constexpr milliseconds kPollWait{5};
constexpr std::int64_t kPollBatch = 1'000;

}  // namespace

std::unique_ptr<detect::Detector> silent_detector(const DetectorService::Options& options) {
  return std::make_unique<detect::Detector>(
      options.config, detect::Detector::Options{.silent = true, .inputs_end = false});
}

absl::StatusOr<std::unique_ptr<Follower>> Follower::open(const DetectorService::Options& options,
                                                         const kafka::Topics& topics,
                                                         Refusals* refusals,
                                                         const std::string& group_id) {
  const kafka::TopicPartition journal{topics.journal, 0};
  // One that reads what is committed alone is not told an offset while a transaction with another
  // is open: of one who was killed, for ten seconds. What was committed before that will do here.
  SW_ASSIGN_OR_RETURN(auto reader,
                      kafka::Consumer::create({.client = client_options(options.config->kafka),
                                               .group_id = group_id,
                                               .read_committed = false}));
  // Not "the beginning", which retention may move.
  SW_RETURN_IF_ERROR(reader->assign({{journal, 0}}));
  Followed followed;
  followed.detector = silent_detector(options);
  SW_ASSIGN_OR_RETURN(followed.published,
                      PublishedReader::open(options.config->kafka, topics.alerts));
  return std::unique_ptr<Follower>(
      new Follower(journal, refusals, std::move(reader), std::move(followed)));
}

absl::Status Follower::step() {
  SW_RETURN_IF_ERROR(ask_how_far());
  SW_RETURN_IF_ERROR(followed_.published->step());
  return read();
}

absl::Status Follower::ask_how_far() {
  const auto now = SteadyClock::now();
  if (is_told_ && now - asked_at_ < kAskEvery) return absl::OkStatus();
  SW_ASSIGN_OR_RETURN(const auto committed, reader_->committed({journal_}, kAnswerWait));
  asked_at_ = now;
  is_told_ = true;
  if (!committed[0].has_value()) return absl::OkStatus();
  const JournalPosition position = from_commit(*committed[0]);
  bound_ = position.is_partial ? position.next - 1 : position.next;
  return absl::OkStatus();
}

absl::Status Follower::read() {
  if (behind() == 0) return absl::OkStatus();
  const auto limit = static_cast<std::size_t>(std::min(behind(), kPollBatch));
  return reader_->poll(kPollWait, limit, [this](const kafka::Message& m) { take(m); }).status();
}

void Follower::take(const kafka::Message& message) {
  if (message.offset == 0) {
    followed_.first_record = fingerprint(message.timestamp_ms, message.key, message.payload);
  }
  followed_.next_offset = message.offset + 1;
  if (const auto refused = journal::read_record(message.payload, &record_)) {
    return refusals_.unreadable(message.offset, *refused);
  }
  refusals_.of_journal(message.offset, followed_.detector->take(record_, message.offset));
  while (followed_.detector->say(detect::Detector::kSaidAtOnce, &said_)) {
  }
}

std::int64_t Follower::behind() const {
  return std::max<std::int64_t>(bound_ - followed_.next_offset, 0);
}

bool Follower::has_caught_up() const {
  const bool has_all = behind() == 0 || reader_->at_end();
  return is_told_ && has_all && followed_.published->has_caught_up();
}

}  // namespace surgewatch::services
