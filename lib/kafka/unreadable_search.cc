#include "kafka/unreadable_search.h"

#include <algorithm>

#include "base/status.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// An answer takes a connection and a fetch or a few.
constexpr milliseconds kAnswerWait{20'000};
constexpr milliseconds kEndsWait{1'000};
constexpr int kTimes = 3;

}  // namespace

absl::StatusOr<std::unique_ptr<UnreadableSearch>> UnreadableSearch::start(
    const Consumer::Options& options, const TopicPartition& partition, std::int64_t position) {
  auto search = std::unique_ptr<UnreadableSearch>(new UnreadableSearch(partition, position));
  SW_ASSIGN_OR_RETURN(search->probe_, ReadProbe::create(options, partition));
  search->deadline_ = steady_clock::now() + kAnswerWait;
  return absl::StatusOr<std::unique_ptr<UnreadableSearch>>(std::move(search));
}

absl::Status UnreadableSearch::ask_for_ends() {
  SW_ASSIGN_OR_RETURN(log_, probe_->log_ends(kEndsWait));
  from_ = std::max(from_, log_->first);
  return ask(from_);
}

absl::Status UnreadableSearch::ask(std::int64_t offset) {
  asked_ = offset;
  deadline_ = steady_clock::now() + kAnswerWait;
  return probe_->read_from(offset);
}

absl::StatusOr<std::optional<UnreadableSearch::Result>> UnreadableSearch::step() {
  std::optional<ReadProbe::Finding> finding;
  if (log_) {
    finding = probe_->look();
  } else if (const absl::Status status = ask_for_ends();
             !status.ok() && !absl::IsUnavailable(status)) {
    return status;
  }
  if (!finding) {
    if (steady_clock::now() < deadline_) return std::nullopt;
    return nothing(/*is_answered=*/false);
  }
  if (finding->kind == ReadProbe::Kind::kOther) return nothing();
  return found_ ? check(*finding) : take(*finding);
}

absl::StatusOr<std::optional<UnreadableSearch::Result>> UnreadableSearch::take(
    const ReadProbe::Finding& finding) {
  std::optional<std::int64_t> next;  // to ask for
  if (finding.kind == ReadProbe::Kind::kReadable) {
    if (batch_.quiet()) return nothing();
    next = batch_.succeeded();
  } else {
    is_certain_ &= finding.is_certain;
    why_ = finding.why;
    next = batch_.failed(finding.batch, asked_, log_->next).value_or(asked_);
  }
  if (const auto skipped = batch_.take_skipped()) {
    found_ = Result{.first = skipped->first, .next = skipped->second, .why = why_};
    if (is_certain_) return found_;
    checks_ = {{found_->next, ReadProbe::Kind::kReadable},
               {found_->next - 1, ReadProbe::Kind::kUnreadable},
               {found_->first, ReadProbe::Kind::kUnreadable}};
    next = checks_.back().offset;
  }
  if (!next) return nothing();
  SW_RETURN_IF_ERROR(ask(*next));
  return std::nullopt;
}

absl::StatusOr<std::optional<UnreadableSearch::Result>> UnreadableSearch::check(
    const ReadProbe::Finding& finding) {
  if (finding.kind != checks_.back().expected) {
    if (++times_ > kTimes) return nothing();
    found_.reset();
    batch_ = {};
    is_certain_ = true;
    SW_RETURN_IF_ERROR(ask(from_));
    return std::nullopt;
  }
  checks_.pop_back();
  if (checks_.empty()) return found_;
  SW_RETURN_IF_ERROR(ask(checks_.back().offset));
  return std::nullopt;
}

}  // namespace surgewatch::kafka
