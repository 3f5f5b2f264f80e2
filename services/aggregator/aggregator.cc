#include "aggregator/aggregator.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "aggregator/meters.h"
#include "base/proto_json.h"
#include "base/status.h"
#include "common/kafka_start.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kPollWait{50};
constexpr std::size_t kPollBatch = 4'096;
constexpr milliseconds kHousekeeping{1'000};
constexpr milliseconds kCommitEvery{5'000};
constexpr milliseconds kDrainWait{3'000};

std::int64_t wall_clock_micros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// One source that this process owns, with what its two threads tell each other.
struct Aggregator::OwnedSource {
  OwnedSource(SourceId id, kafka::TopicPartition where,
              const std::shared_ptr<const config::Config>& config)
      : source(id, config), partition(std::move(where)), owner_epoch(wall_clock_micros()) {}

  aggregate::Source source;
  const kafka::TopicPartition partition;
  const std::int64_t owner_epoch;
  // Side outputs below this offset have been sent by an earlier owner. The worker's.
  std::int64_t side_outputs_from = 0;
  // The worker's.
  std::int64_t next_offset = 0;

  // Written by the worker, read by the flusher; relaxed, since each is a figure of its own and
  // nothing else is read on its strength.
  std::atomic<std::int64_t> record_timestamp{0};
  std::atomic<bool> caught_up{false};

  // The flusher's.
  std::int64_t seen_offset = -1;
  SteadyClock::time_point moved_at = SteadyClock::now();
  bool idle = false;
  std::uint64_t journaled = 0;
};

// From connecting until an error or a stop; another try starts a new one from nothing.
class Aggregator::Session {
 public:
  Session(Aggregator* owner, const Stop& stop)
      : owner_(*owner), config_(*owner->options_.config), stop_(stop) {}
  ~Session() { stop_flusher(); }

  absl::Status run();

 private:
  absl::Status connect(const std::vector<std::int32_t>& partitions);
  std::vector<std::int64_t> assigned(const std::vector<kafka::TopicPartition>& partitions);
  void revoked(const std::vector<kafka::TopicPartition>& partitions);
  OwnedSource* find(std::string_view topic, std::int32_t partition);
  void process(const kafka::Message& message);
  void side_output(const kafka::Message& message, const aggregate::Outcome& outcome);
  absl::Status housekeeping();
  absl::Status commit();

  void flusher();
  void stop_flusher();
  absl::Status flush_all();
  absl::Status flush_source(OwnedSource* owned);
  absl::Status append(const v1::JournalRecord& record);
  std::vector<std::shared_ptr<OwnedSource>> owned() const {
    absl::MutexLock lock(&mutex_);
    return owned_;
  }
  absl::Status failure() const {
    absl::MutexLock lock(&mutex_);
    return failure_;
  }

  Aggregator& owner_;
  const config::Config& config_;
  const Stop& stop_;
  std::unique_ptr<kafka::Producer> journal_;       // the flusher's once it runs
  std::unique_ptr<kafka::Producer> side_outputs_;  // the worker's
  std::unique_ptr<kafka::Consumer> consumer_;      // the worker's
  absl::Status side_output_failure_;               // the worker's
  OwnedSource* last_found_ = nullptr;              // the worker's: most records follow their like
  SteadyClock::time_point housekept_at_, committed_at_ = SteadyClock::now();

  mutable absl::Mutex mutex_;  // taken at rebalances and flushes, never for an event
  std::vector<std::shared_ptr<OwnedSource>> owned_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  Stop flusher_stop_;
  std::thread flusher_;
};

absl::Status Aggregator::Session::run() {
  const kafka::Topics& topics = owner_.topics_;
  const auto partitions = await_topics(
      config_.kafka,
      {topics.invoices, topics.shipments, topics.journal, topics.late, topics.dead_letter},
      owner_.options_.strict, stop_);
  if (absl::IsCancelled(partitions.status())) return absl::OkStatus();
  SW_RETURN_IF_ERROR(partitions.status());
  if ((*partitions)[0] != (*partitions)[1]) {
    return invalid_argument(
        "topic '{}' has {} partitions and '{}' has {}; an order's invoices and shipments meet only "
        "where both have the same number: add partitions to the smaller",
        topics.invoices, (*partitions)[0], topics.shipments, (*partitions)[1]);
  }
  SW_RETURN_IF_ERROR(connect(*partitions));
  owner_.options_.telemetry->set_ready("aggregator connected", true);
  absl::Status status;
  while (status.ok() && !stop_.requested()) {
    const auto polled = consumer_->poll(
        kPollWait, kPollBatch, [this](const kafka::Message& message) { process(message); });
    status = polled.status();
    if (status.ok()) status = side_output_failure_;
    if (status.ok()) status = failure();
    if (status.ok()) status = housekeeping();
  }
  owner_.options_.telemetry->set_ready("aggregator connected", false);
  stop_flusher();
  if (status.ok()) status = failure();
  if (status.ok()) status = commit();
  return status;
}

absl::Status Aggregator::Session::connect(const std::vector<std::int32_t>& partitions) {
  const kafka::Topics& topics = owner_.topics_;
  kafka::Producer::Options producer;
  producer.client = client_options(config_.kafka);
  SW_ASSIGN_OR_RETURN(journal_, kafka::Producer::create(producer));
  SW_ASSIGN_OR_RETURN(side_outputs_, kafka::Producer::create(producer));

  v1::JournalRecord record;
  for (std::size_t i = 0; i < 2; ++i) {
    auto* topic = record.mutable_topology()->add_topics();
    topic->set_name(std::string(topic_name(static_cast<Topic>(i))));
    topic->set_partitions(partitions[i]);
  }
  SW_RETURN_IF_ERROR(append(record));

  kafka::Consumer::Options consumer;
  consumer.client = client_options(config_.kafka);
  consumer.group_id = config_.kafka.group_id;
  SW_ASSIGN_OR_RETURN(consumer_, kafka::Consumer::create(consumer));
  SW_RETURN_IF_ERROR(
      consumer_->subscribe({topics.invoices, topics.shipments},
                           {.assigned = [this](const auto& list) { return assigned(list); },
                            .revoked = [this](const auto& list) { revoked(list); }}));
  flusher_ = std::thread([this] { flusher(); });
  return absl::OkStatus();
}

std::vector<std::int64_t> Aggregator::Session::assigned(
    const std::vector<kafka::TopicPartition>& partitions) {
  const auto committed = consumer_->committed(partitions);
  if (!committed.ok()) {
    spdlog::warn("committed offsets can't be read ({}): dead letters may be sent twice",
                 message_of(committed.status()));
  }
  absl::MutexLock lock(&mutex_);
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const Topic topic =
        partitions[i].topic == owner_.topics_.invoices ? Topic::kInvoices : Topic::kShipments;
    auto source = std::make_shared<OwnedSource>(SourceId{topic, partitions[i].partition},
                                                partitions[i], owner_.options_.config);
    if (committed.ok()) source->side_outputs_from = (*committed)[i].value_or(0);
    owned_.push_back(std::move(source));
  }
  last_found_ = nullptr;
  spdlog::info("owns {} sources, reading them from the beginning", owned_.size());
  return std::vector<std::int64_t>(partitions.size(), kafka::kBeginning);
}

void Aggregator::Session::revoked(const std::vector<kafka::TopicPartition>& partitions) {
  if (const absl::Status status = commit(); !status.ok()) {
    spdlog::warn("offsets were not committed before a rebalance: {}", message_of(status));
  }
  absl::MutexLock lock(&mutex_);
  std::erase_if(owned_, [&](const auto& source) {
    const bool gone =
        std::find(partitions.begin(), partitions.end(), source->partition) != partitions.end();
    if (gone) owner_.meters_->release_lag(source->source.id());
    return gone;
  });
  last_found_ = nullptr;
}

Aggregator::OwnedSource* Aggregator::Session::find(std::string_view topic, std::int32_t partition) {
  const auto is = [&](const OwnedSource& s) {
    return s.partition.partition == partition && s.partition.topic == topic;
  };
  if (last_found_ != nullptr && is(*last_found_)) return last_found_;
  absl::MutexLock lock(&mutex_);
  for (const auto& source : owned_) {
    if (is(*source)) return last_found_ = source.get();
  }
  return nullptr;
}

void Aggregator::Session::process(const kafka::Message& message) {
  OwnedSource* owned = find(message.topic, message.partition);
  if (owned == nullptr) return;  // revoked between fetch and poll: its new owner reads it
  aggregate::Record record;
  record.offset = message.offset;
  record.payload = message.payload;
  record.key = message.key;
  record.has_key = message.has_key;
  if (message.timestamp_ms) {
    record.record_timestamp = *message.timestamp_ms * 1'000;
    owned->record_timestamp.store(*record.record_timestamp, std::memory_order_relaxed);
  }
  const aggregate::Outcome outcome = owned->source.process(record);
  owned->next_offset = message.offset + 1;
  owner_.processed_.fetch_add(1, std::memory_order_relaxed);
  const bool sideways = outcome.disposition == aggregate::Disposition::kLate ||
                        outcome.disposition == aggregate::Disposition::kRejected;
  if (sideways && message.offset >= owned->side_outputs_from) side_output(message, outcome);
}

void Aggregator::Session::side_output(const kafka::Message& message,
                                      const aggregate::Outcome& outcome) {
  const bool late = outcome.disposition == aggregate::Disposition::kLate;
  std::vector<kafka::Header> headers{
      {"source_topic", std::string(message.topic)},
      {"source_partition", std::to_string(message.partition)},
      {"source_offset", std::to_string(message.offset)},
      {"reason", late ? "LATE" : v1::RejectReason_Name(outcome.reason)}};
  if (!outcome.detail.empty()) headers.push_back({"detail", outcome.detail});
  const absl::Status status = side_outputs_->produce(
      late ? owner_.topics_.late : owner_.topics_.dead_letter, /*partition=*/-1, message.key,
      message.payload, headers, message.timestamp_ms);
  if (!status.ok()) side_output_failure_ = status;
}

absl::Status Aggregator::Session::housekeeping() {
  side_outputs_->poll();
  const auto now = SteadyClock::now();
  if (now - housekept_at_ < kHousekeeping) return absl::OkStatus();
  housekept_at_ = now;
  const auto lag = consumer_->lag();
  for (const auto& source : owned()) {
    const auto found = lag.find(source->partition);
    if (found == lag.end()) continue;
    source->caught_up.store(found->second == 0, std::memory_order_relaxed);
    owner_.meters_->lag(source->source.id(), found->second);
  }
  const absl::Status reachable = consumer_->last_error();
  owner_.options_.telemetry->set_ready("aggregator reaches the brokers", reachable.ok());
  if (!reachable.ok()) {
    if (owner_.options_.strict || !absl::IsUnavailable(reachable)) return reachable;
    spdlog::warn("{}", message_of(reachable));
  }
  return now - committed_at_ < kCommitEvery ? absl::OkStatus() : commit();
}

// What is committed says up to where side outputs are known to be with the brokers.
absl::Status Aggregator::Session::commit() {
  committed_at_ = SteadyClock::now();
  SW_RETURN_IF_ERROR(side_outputs_->flush(kDrainWait));
  std::vector<std::pair<kafka::TopicPartition, std::int64_t>> next;
  for (const auto& source : owned()) {
    if (source->next_offset > source->side_outputs_from) {
      next.emplace_back(source->partition, source->next_offset);
      source->side_outputs_from = source->next_offset;
    }
  }
  return next.empty() ? absl::OkStatus() : consumer_->commit(next);
}

void Aggregator::Session::flusher() {
  const milliseconds interval{std::max<Micros>(config_.flush_interval / 1'000, 1)};
  absl::Status status;
  while (status.ok() && !flusher_stop_.wait_for(interval)) status = flush_all();
  if (status.ok()) status = flush_all();
  if (status.ok()) status = journal_->flush(kDrainWait);
  absl::MutexLock lock(&mutex_);
  failure_ = status;
}

void Aggregator::Session::stop_flusher() {
  if (!flusher_.joinable()) return;
  flusher_stop_.request();
  flusher_.join();
}

absl::Status Aggregator::Session::flush_all() {
  std::uint64_t journaled = 0;
  std::set<SourceId> ids;
  for (const auto& source : owned()) {
    ids.insert(source->source.id());
    SW_RETURN_IF_ERROR(flush_source(source.get()));
    journaled += source->journaled;
    owner_.meters_->source(source->source.id(), source->owner_epoch, source->source.stats());
  }
  owner_.meters_->release_all_but(ids);
  journal_->poll();
  owner_.journaled_.store(journaled, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status Aggregator::Session::flush_source(OwnedSource* owned) {
  // Read before the flush: what is flushed reflects at least this record.
  const std::int64_t record_timestamp = owned->record_timestamp.load(std::memory_order_relaxed);
  const aggregate::SourceStats stats = owned->source.stats();
  const auto now = SteadyClock::now();
  const bool moved = stats.next_offset != owned->seen_offset;
  if (moved) {
    owned->seen_offset = stats.next_offset;
    owned->moved_at = now;
  }
  const bool idle =
      !moved && owned->caught_up.load(std::memory_order_relaxed) &&
      now - owned->moved_at >= std::chrono::microseconds(config_.event_time.idle_after);
  if (idle != owned->idle && (idle || moved)) {
    owned->idle = idle;
    v1::JournalRecord mark;
    mark.mutable_source()->set_topic(std::string(topic_name(owned->source.id().topic)));
    mark.mutable_source()->set_partition(owned->source.id().partition);
    mark.mutable_idle()->set_idle(idle);
    mark.mutable_idle()->set_owner_epoch(owned->owner_epoch);
    mark.mutable_idle()->set_decided_at_micros(wall_clock_micros());
    SW_RETURN_IF_ERROR(append(mark));
  }
  std::vector<v1::JournalRecord> records;
  owned->source.flush(&records);
  for (v1::JournalRecord& record : records) {
    if (record.has_progress() && record_timestamp != 0) {
      record.mutable_progress()->set_record_timestamp_micros(record_timestamp);
    }
    SW_RETURN_IF_ERROR(append(record));
  }
  owned->journaled = stats.consumed;
  return absl::OkStatus();
}

absl::Status Aggregator::Session::append(const v1::JournalRecord& record) {
  const std::string key = record.has_source() ? fmt::format("{}/{}", record.source().topic(),
                                                            record.source().partition())
                                              : "topology";
  return journal_->produce(owner_.topics_.journal, /*partition=*/0, key, to_bytes(record));
}

Aggregator::Aggregator(Options options)
    : options_(std::move(options)),
      topics_(options_.config->kafka.topic_prefix),
      meters_(std::make_unique<Meters>(options_.telemetry)) {
  options_.telemetry->set_ready("aggregator connected", false);
}

Aggregator::~Aggregator() = default;

absl::Status Aggregator::run(const Stop& stop) {
  return keep_trying("aggregator", options_.strict, stop, [&] {
    processed_.store(0, std::memory_order_relaxed);
    journaled_.store(0, std::memory_order_relaxed);
    return Session(this, stop).run();
  });
}

Aggregator::Progress Aggregator::progress() const {
  return {processed_.load(std::memory_order_relaxed), journaled_.load(std::memory_order_relaxed)};
}

}  // namespace surgewatch::services
