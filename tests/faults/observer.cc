#include "faults/observer.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>
#include <vector>

#include "base/status.h"

namespace surgewatch::faults {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{60'000};
constexpr std::size_t kAtOnce = 1'000;

// Of a copy in a side topic: the event that it is of.
Place place_of(const kafka::Message& message) {
  Place place;
  for (const kafka::Header& header : message.headers) {
    const char* const begin = header.value.data();
    const char* const end = begin + header.value.size();
    if (header.name == "source_topic") {
      const bool is_invoices = header.value.ends_with(topic_name(Topic::kInvoices));
      place.source.topic = is_invoices ? Topic::kInvoices : Topic::kShipments;
    } else if (header.name == "source_partition") {
      std::from_chars(begin, end, place.source.partition);
    } else if (header.name == "source_offset") {
      std::from_chars(begin, end, place.offset);
    }
  }
  return place;
}

void take(const kafka::Message& message, const kafka::Topics& topics, Observed* observed) {
  if (message.topic == topics.late) return observed->late.push_back(place_of(message));
  if (message.topic == topics.dead_letter) return observed->rejected.push_back(place_of(message));
  std::vector<Observed::Said>& said = message.topic == topics.journal  ? observed->journal
                                      : message.topic == topics.alerts ? observed->alerts
                                                                       : observed->points;
  said.push_back({message.offset, std::string(message.payload)});
}

absl::StatusOr<std::unique_ptr<kafka::Consumer>> reader(const std::string& brokers,
                                                        const kafka::Topics& topics) {
  SW_ASSIGN_OR_RETURN(auto consumer,
                      kafka::Consumer::create({.client = {.brokers = brokers, .log = [](auto) {}},
                                               .group_id = "observer",
                                               .headers = true}));
  std::vector<std::pair<kafka::TopicPartition, std::int64_t>> starts;
  for (const kafka::TopicSpec& spec : topics.specs(kPartitions)) {
    const bool is_watched = spec.name == topics.journal || spec.name == topics.alerts ||
                            spec.name == topics.series || spec.name == topics.late ||
                            spec.name == topics.dead_letter;
    if (!is_watched) continue;
    for (std::int32_t i = 0; i < spec.partitions; ++i) {
      starts.push_back({{spec.name, i}, kafka::kBeginning});
    }
  }
  SW_RETURN_IF_ERROR(consumer->assign(starts));
  return consumer;
}

}  // namespace

absl::StatusOr<Observed> read_all(const std::string& brokers, const kafka::Topics& topics) {
  SW_ASSIGN_OR_RETURN(const auto consumer, reader(brokers, topics));
  Observed observed;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!consumer->at_end()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return unavailable("the topics can't be read to their ends");
    }
    SW_RETURN_IF_ERROR(
        consumer
            ->poll(milliseconds(50), kAtOnce,
                   [&](const kafka::Message& message) { take(message, topics, &observed); })
            .status());
  }
  return observed;
}

absl::StatusOr<std::unique_ptr<Observer>> Observer::create(const std::string& brokers,
                                                           const kafka::Topics& topics) {
  SW_ASSIGN_OR_RETURN(auto consumer, reader(brokers, topics));
  return std::unique_ptr<Observer>(new Observer(std::move(consumer), topics));
}

Observer::Observer(std::unique_ptr<kafka::Consumer> consumer, kafka::Topics topics)
    : consumer_(std::move(consumer)), topics_(std::move(topics)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Observer::~Observer() = default;

void Observer::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    // Errors are the brokers' being away, mostly; what was not seen is missing in the end.
    (void)consumer_->poll(milliseconds(20), kAtOnce, [&](const kafka::Message& message) {
      const std::lock_guard lock(mutex_);
      take(message, topics_, &observed_);
      if (message.topic != topics_.journal) return;
      v1::JournalRecord record;
      if (record.ParseFromArray(message.payload.data(), static_cast<int>(message.payload.size()))) {
        progress_.apply(message.offset, record);
      }
    });
  }
}

Observed Observer::end() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  return std::move(observed_);
}

std::size_t Observer::said() const {
  const std::lock_guard lock(mutex_);
  return observed_.alerts.size() + observed_.points.size();
}

std::int64_t Observer::journal_end() const {
  const std::lock_guard lock(mutex_);
  return observed_.journal.empty() ? 0 : observed_.journal.back().offset + 1;
}

std::string Observer::missing(const std::map<SourceId, std::int64_t>& ends) const {
  const std::lock_guard lock(mutex_);
  return progress_.missing(ends);
}

}  // namespace surgewatch::faults
