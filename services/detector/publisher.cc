#include "detector/publisher.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/proto_json.h"
#include "base/series_key.h"
#include "base/status.h"
#include "common/kafka_start.h"
#include "detector/published_alerts.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kTransactionBytes = 4'000'000;
// For what is left of a transaction's 10 s.
constexpr milliseconds kFlushWait{8'000};
constexpr milliseconds kFirstBackoff{50};
constexpr milliseconds kLongestBackoff{1'000};
constexpr int kStrictAttempts = 5;

// What a delivery is of.
constexpr std::uint64_t kPoint = 0;
constexpr std::uint64_t kAlert = 1;

// No two subjects have the same.
std::string subject_key(const v1::SeriesPoint& point) {
  std::string key = point.rule();
  for (const auto& [dimension, value] :
       std::map<std::string, std::string>(point.subject().begin(), point.subject().end())) {
    key += ";" + key_part(dimension, value);
  }
  return key;
}

std::ptrdiff_t distance(std::size_t count) { return static_cast<std::ptrdiff_t>(count); }

std::size_t bytes_of(const detect::Emissions& emissions) {
  std::size_t bytes = 0;
  for (const v1::Alert& alert : emissions.alerts) bytes += alert.ByteSizeLong();
  for (const v1::SeriesPoint& point : emissions.points) bytes += point.ByteSizeLong();
  return bytes;
}

template <typename Records>
void append(Records& from, Records* to) {
  to->insert(to->end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

}  // namespace

Publisher::Publisher(Options options)
    : options_(std::move(options)), journal_{options_.topics->journal, 0} {
  SW_CHECK(options_.transaction_records > 0);
}

absl::StatusOr<std::unique_ptr<Publisher>> Publisher::open(Options options) {
  auto publisher = std::unique_ptr<Publisher>(new Publisher(std::move(options)));
  SW_RETURN_IF_ERROR(publisher->make_producer());
  return publisher;
}

absl::Status Publisher::make_producer() {
  kafka::Producer::Options options;
  options.client = client_options(*options_.kafka);
  options.transactional_id = journal_.topic + "-detector-" + options_.kafka->group_id;
  options.delivered = [this](const kafka::Delivery& delivery) { delivered(delivery); };
  options.stop = &options_.stop->flag();
  producer_.reset();  // the old one must be gone before its successor takes the id
  SW_ASSIGN_OR_RETURN(producer_, kafka::Producer::create(options));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<JournalPosition>> Publisher::committed() {
  SW_ASSIGN_OR_RETURN(const auto committed, options_.consumer->committed({journal_}));
  if (!committed[0].has_value()) return std::nullopt;
  return from_commit(*committed[0]);
}

void Publisher::begin(const std::optional<JournalPosition>& held, std::string identity,
                      std::int64_t alerts_end) {
  held_ = held;
  identity_ = std::move(identity);
  alerts_end_ = alerts_end;
  if (held_.has_value()) first_record_ = held_->first_record;
}

absl::Status Publisher::add(detect::Emissions* said, std::int64_t next, bool more) {
  const std::size_t added = said->alerts.size() + said->points.size();
  const std::size_t added_bytes = bytes_of(*said);
  const bool fits = waiting() + added <= options_.transaction_records &&
                    waiting_bytes_ + added_bytes <= kTransactionBytes;
  // Nothing of the records before shares a position that says `partial` with this one: the next
  // life says again what the last of them gave rise to, and no more.
  if (is_said_ && (more || !fits)) SW_RETURN_IF_ERROR(flush());
  waiting_bytes_ += added_bytes;
  append(said->alerts, &waiting_.alerts);
  append(said->points, &waiting_.points);
  next_ = next;
  is_said_ = !more;
  if (waiting() <= options_.transaction_records) return absl::OkStatus();
  return publish_waiting(/*is_partial=*/true);
}

absl::Status Publisher::flush() {
  SW_CHECK(is_said_);
  SW_RETURN_IF_ERROR(publish_waiting(/*is_partial=*/false));
  return should_follow() ? commit(Chunk{}, Chunk{}, /*is_partial=*/false) : absl::OkStatus();
}

// A new life has committed nothing before it has something to say: nor does this one.
bool Publisher::should_follow() const {
  return held_.has_value() && held_->next < next_ &&
         std::chrono::steady_clock::now() - committed_at_ >= kCommitEvery;
}

absl::Status Publisher::give_back() {
  gives_back_ = true;
  SW_RETURN_IF_ERROR(flush());
  gives_back_ = false;
  return absl::OkStatus();
}

absl::StatusOr<bool> Publisher::has_last_word() {
  SW_ASSIGN_OR_RETURN(const auto committed, this->committed());
  return committed == held_;
}

// `is_partial`: what does not fill a transaction stays.
absl::Status Publisher::publish_waiting(bool is_partial) {
  const std::size_t stays = is_partial ? options_.transaction_records : 0;
  Chunk done;
  while (waiting() - done.records() > stays || (!is_partial && ends_a_record(done))) {
    // What is left, the next life publishes.
    if (options_.stop->requested()) return absl::CancelledError("asked to stop");
    const Chunk chunk = next_chunk(done);
    SW_RETURN_IF_ERROR(
        commit(done, chunk, is_partial || done.records() + chunk.records() < waiting()));
    for (std::size_t i = 0; i < chunk.alerts; ++i) {
      options_.published(waiting_.alerts[done.alerts + i]);
    }
    done.alerts += chunk.alerts;
    done.points += chunk.points;
  }
  waiting_.alerts.erase(waiting_.alerts.begin(), waiting_.alerts.begin() + distance(done.alerts));
  waiting_.points.erase(waiting_.points.begin(), waiting_.points.begin() + distance(done.points));
  waiting_bytes_ = bytes_of(waiting_);
  return absl::OkStatus();
}

// One transaction.
absl::Status Publisher::commit(const Chunk& from, const Chunk& chunk, bool is_partial) {
  JournalPosition to;
  to.next = next_;
  to.is_partial = is_partial;
  to.silent_to = silent_to_ > next_ ? silent_to_ : 0;
  to.transaction = held_.has_value() ? held_->transaction + 1 : 1;
  to.first_record = first_record_;
  SW_RETURN_IF_ERROR(publish(from, chunk, to));
  held_ = to;
  committed_at_ = std::chrono::steady_clock::now();
  options_.committed(chunk.records());
  return absl::OkStatus();
}

// Nothing is left to publish, and the group still holds that there is.
bool Publisher::ends_a_record(const Chunk& done) const {
  return done.records() == waiting() && held_.has_value() && held_->is_partial &&
         (held_->next < next_ || is_said_);
}

Publisher::Chunk Publisher::next_chunk(const Chunk& from) const {
  Chunk chunk;
  std::size_t bytes = 0;
  const auto fits = [&](const auto& record) {
    bytes += record.ByteSizeLong();
    return chunk.records() == 0 ||
           (chunk.records() < options_.transaction_records && bytes <= kTransactionBytes);
  };
  const auto& [alerts, points] = waiting_;
  while (from.alerts + chunk.alerts < alerts.size() && fits(alerts[from.alerts + chunk.alerts])) {
    ++chunk.alerts;
  }
  if (from.alerts + chunk.alerts < alerts.size()) return chunk;
  while (from.points + chunk.points < points.size() && fits(points[from.points + chunk.points])) {
    ++chunk.points;
  }
  return chunk;
}

// Until it is known to be committed, or can't be by us.
absl::Status Publisher::publish(const Chunk& from, const Chunk& chunk, const JournalPosition& to) {
  milliseconds backoff = kFirstBackoff;
  bool is_known = true;  // what became of the last try
  for (int attempt = 1;; ++attempt) {
    absl::Status status;
    if (!is_known) {
      const absl::StatusOr<bool> committed = was_committed(to);
      if (committed.ok() && *committed) break;
      status = committed.status();
      is_known = committed.ok();
    }
    if (is_known) {
      status = transaction(from, chunk, to);
      if (status.ok()) break;
      is_known = false;
    }
    options_.working(false);
    // Two of one name would fence each other's producers for ever, and never hear of each other.
    SW_RETURN_IF_ERROR(options_.consumer->fatal_error());
    if (!worth_another_try(status, attempt)) return status;
    options_.retried(status);
    if (options_.stop->wait_for(backoff)) return absl::CancelledError("asked to stop");
    backoff = std::min(2 * backoff, kLongestBackoff);
  }
  options_.working(true);
  return absl::OkStatus();
}

absl::Status Publisher::transaction(const Chunk& from, const Chunk& chunk,
                                    const JournalPosition& to) {
  if (producer_ == nullptr) SW_RETURN_IF_ERROR(make_producer());
  SW_RETURN_IF_ERROR(producer_->begin_transaction());
  std::vector<kafka::Header> headers{{kTopicIdentityHeader, identity_}};
  if (first_record_.has_value()) {
    headers.push_back({kJournalHeader, to_header(*first_record_, options_.kafka->group_id)});
  }
  for (std::size_t i = from.alerts; i < from.alerts + chunk.alerts; ++i) {
    const v1::Alert& alert = waiting_.alerts[i];
    SW_RETURN_IF_ERROR(producer_->produce(options_.topics->alerts, 0, alert.alert_id(),
                                          to_bytes(alert), headers, std::nullopt, kAlert));
  }
  for (std::size_t i = from.points; i < from.points + chunk.points; ++i) {
    const v1::SeriesPoint& point = waiting_.points[i];
    SW_RETURN_IF_ERROR(producer_->produce(options_.topics->series, 0, subject_key(point),
                                          to_bytes(point), {}, std::nullopt, kPoint));
  }
  SW_RETURN_IF_ERROR(producer_->flush(kFlushWait));
  SW_RETURN_IF_ERROR(replaced_);
  SW_RETURN_IF_ERROR(still_ours());
  SW_RETURN_IF_ERROR(producer_->commit_transaction(options_.consumer, {to_commit(to, journal_)}));
  if (producer_->wants_recycling()) {
    spdlog::info("recycling the producer after a slow commit");
    // If that fails, the next transaction finds none.
    if (const absl::Status status = make_producer(); !status.ok()) {
      spdlog::warn("{}", message_of(status));
    }
  }
  return absl::OkStatus();
}

// After a commit whose outcome is not known.
absl::StatusOr<bool> Publisher::was_committed(const JournalPosition& to) {
  SW_RETURN_IF_ERROR(make_producer());  // ends what is pending
  SW_ASSIGN_OR_RETURN(const auto committed, this->committed());
  if (committed == to) return true;
  if (committed == held_) return false;
  return absl::AbortedError(fmt::format("somebody else has committed offset {} of topic '{}'",
                                        committed.has_value() ? committed->next : 0,
                                        journal_.topic));
}

absl::Status Publisher::still_ours() const {
  SW_RETURN_IF_ERROR(options_.consumer->fatal_error());
  if (!options_.consumer->assignment_lost()) return absl::OkStatus();
  return absl::AbortedError(
      fmt::format("the group has given topic '{}' to somebody else", journal_.topic));
}

bool Publisher::worth_another_try(const absl::Status& status, int attempt) const {
  if (gives_back_ || (options_.strict && attempt >= kStrictAttempts)) return false;
  return still_ours().ok() && (absl::IsUnavailable(status) || absl::IsFailedPrecondition(status));
}

void Publisher::delivered(const kafka::Delivery& delivery) {
  if (delivery.tag != kAlert || !delivery.status.ok() || !delivery.offset.has_value()) return;
  if (*delivery.offset < alerts_end_) {
    replaced_ = absl::AbortedError(
        fmt::format("topic '{}' was made anew: a record is at offset {}, where it had ended at {}",
                    options_.topics->alerts, *delivery.offset, alerts_end_));
  }
  alerts_end_ = *delivery.offset + 1;
}

}  // namespace surgewatch::services
