#include "aggregator/worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
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
constexpr milliseconds kDrainWait{3'000};

}  // namespace

absl::Status Worker::connect() {
  kafka::Producer::Options producer;
  producer.client = client_options(config_.kafka);
  SW_ASSIGN_OR_RETURN(side_outputs_, kafka::Producer::create(producer));
  kafka::Consumer::Options consumer;
  consumer.client = client_options(config_.kafka);
  consumer.group_id = config_.kafka.group_id;
  SW_ASSIGN_OR_RETURN(consumer_, kafka::Consumer::create(consumer));
  return consumer_->subscribe({topics_.invoices, topics_.shipments},
                              {.assigned = [this](const auto& list) { return assigned(list); },
                               .revoked = [this](const auto& list) { revoked(list); }});
}

absl::Status Worker::run(const Stop& stop) {
  const absl::Status status = work(stop);
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
    SW_RETURN_IF_ERROR(polled.status());
    SW_RETURN_IF_ERROR(side_output_failure_);
    SW_RETURN_IF_ERROR(housekeeping());
  }
  return commit();
}

std::vector<std::int64_t> Worker::assigned(const std::vector<kafka::TopicPartition>& partitions) {
  const auto committed = consumer_->committed(partitions);
  if (!committed.ok()) {
    spdlog::warn("committed offsets can't be read ({}): dead letters may be sent twice",
                 message_of(committed.status()));
  }
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const Topic topic =
        partitions[i].topic == topics_.invoices ? Topic::kInvoices : Topic::kShipments;
    auto source = std::make_shared<OwnedSource>(SourceId{topic, partitions[i].partition},
                                                partitions[i], shared_.options->config);
    if (committed.ok() && (*committed)[i]) source->side_outputs_from = (*committed)[i]->offset;
    shared_.sources->add(source);
    owned_.push_back(std::move(source));
  }
  last_found_ = nullptr;
  shared_.meters->worker_sources(number_, owned_.size());
  spdlog::info("worker {} owns {} sources, reading them from the beginning", number_,
               owned_.size());
  return std::vector<std::int64_t>(partitions.size(), kafka::kBeginning);
}

void Worker::revoked(const std::vector<kafka::TopicPartition>& partitions) {
  process_gathered();
  if (const absl::Status status = commit(); !status.ok()) {
    spdlog::warn("offsets were not committed before a rebalance: {}", message_of(status));
  }
  std::erase_if(owned_, [&](const auto& source) {
    const bool gone = std::ranges::find(partitions, source->partition) != partitions.end();
    if (gone) {
      shared_.sources->remove(source);
      shared_.meters->release_lag(source->source.id());
    }
    return gone;
  });
  last_found_ = nullptr;
  shared_.meters->worker_sources(number_, owned_.size());
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
  asides_.clear();
  owned->source.process(records, &asides_);
  const aggregate::Record& last = records.back();
  owned->next_offset = last.offset + 1;
  if (last.record_timestamp) {
    owned->record_timestamp.store(*last.record_timestamp, std::memory_order_relaxed);
  }
  owned->processed.fetch_add(records.size(), std::memory_order_release);
  shared_.processed->fetch_add(records.size(), std::memory_order_relaxed);
  if (shared_.options->on_visible) {
    shared_.options->on_visible({.source = owned->source.id(),
                                 .first = records.front().offset,
                                 .next = owned->next_offset,
                                 .polled = polled,
                                 .visible = SteadyClock::now()});
  }
  for (const aggregate::Aside& aside : asides_) {
    const aggregate::Record& record = records[aside.index];
    if (record.offset >= owned->side_outputs_from) side_output(*owned, record, aside.outcome);
  }
  records.clear();
}

void Worker::side_output(const OwnedSource& owned, const aggregate::Record& record,
                         const aggregate::Outcome& outcome) {
  const bool late = outcome.disposition == aggregate::Disposition::kLate;
  std::vector<kafka::Header> headers{
      {"source_topic", owned.partition.topic},
      {"source_partition", std::to_string(owned.partition.partition)},
      {"source_offset", std::to_string(record.offset)},
      {"reason", late ? "LATE" : v1::RejectReason_Name(outcome.reason)}};
  if (!outcome.detail.empty()) headers.push_back({"detail", outcome.detail});
  std::optional<std::int64_t> timestamp_ms;
  if (record.record_timestamp) timestamp_ms = *record.record_timestamp / 1'000;
  const absl::Status status =
      side_outputs_->produce(late ? topics_.late : topics_.dead_letter, /*partition=*/-1,
                             record.key, record.payload, headers, timestamp_ms);
  if (!status.ok()) side_output_failure_ = status;
}

absl::Status Worker::housekeeping() {
  side_outputs_->poll();
  const auto now = SteadyClock::now();
  if (now - housekept_at_ < kHousekeeping) return absl::OkStatus();
  housekept_at_ = now;
  const auto lag = consumer_->lag();
  for (const auto& source : owned_) {
    const auto found = lag.find(source->partition);
    if (found == lag.end()) continue;
    source->caught_up.store(found->second == 0, std::memory_order_relaxed);
    shared_.meters->lag(source->source.id(), found->second);
  }
  const absl::Status answer = consumer_->last_error();
  reachable_.store(answer.ok(), std::memory_order_relaxed);
  if (!answer.ok()) {
    if (shared_.options->strict || !absl::IsUnavailable(answer)) return answer;
    spdlog::warn("{}", message_of(answer));
  }
  return now - committed_at_ < kCommitEvery ? absl::OkStatus() : commit();
}

// What is committed says up to where side outputs are known to be with the brokers.
absl::Status Worker::commit() {
  committed_at_ = SteadyClock::now();
  SW_RETURN_IF_ERROR(side_outputs_->flush(kDrainWait));
  std::vector<kafka::GroupOffset> next;
  for (const auto& source : owned_) {
    if (source->next_offset > source->side_outputs_from) {
      next.push_back({.partition = source->partition, .offset = source->next_offset});
      source->side_outputs_from = source->next_offset;
    }
  }
  return next.empty() ? absl::OkStatus() : consumer_->commit(next);
}

}  // namespace surgewatch::services
