// A worker: a thread with a consumer of its own in the aggregators' group, and the sources that the
// group gives it. Workers of one process share no more than workers of two: the list of sources
// that the flusher reads.
//
// A source starts from the beginning of its partition whenever it is assigned: its panes are a
// function of that prefix, and what the journal already holds is not newer, so that applying it
// again changes nothing. Dead letters and late events are not sent again for offsets that the group
// has committed.
//
// Queues: what the consumer has fetched ahead (queued.max.messages.kbytes: 4 MB a worker), a poll
// (kPollBatch records), side outputs on their way (queue.buffering.max.kbytes: 64 MB a worker).
// Threads: connect() and run() by one thread after the other; reachable() by any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "aggregator/aggregator.h"
#include "aggregator/meters.h"
#include "aggregator/owned_source.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/topics.h"

namespace surgewatch::services {

class Worker {
 public:
  // What all workers of a session are given; outlives them.
  struct Shared {
    const Aggregator::Options* options = nullptr;
    const kafka::Topics* topics = nullptr;
    OwnedSourceList* sources = nullptr;
    AggregatorMeters* meters = nullptr;
    std::atomic<std::uint64_t>* processed = nullptr;
  };
  Worker(const Shared& shared, int number)
      : shared_(shared),
        number_(number),
        config_(*shared.options->config),
        topics_(*shared.topics) {}

  absl::Status connect();
  // Until the stop or an error; has left the group by then.
  absl::Status run(const Stop& stop);
  // Whether the brokers answered last time.
  bool reachable() const { return reachable_.load(std::memory_order_relaxed); }

 private:
  absl::Status work(const Stop& stop);
  std::vector<std::int64_t> assigned(const std::vector<kafka::TopicPartition>& partitions);
  void revoked(const std::vector<kafka::TopicPartition>& partitions);
  OwnedSource* find(std::string_view topic, std::int32_t partition);
  void gather(const kafka::Message& message);
  void process_gathered();
  void process(OwnedSource* owned, std::chrono::steady_clock::time_point polled);
  void side_output(const OwnedSource& owned, const aggregate::Record& record,
                   const aggregate::Outcome& outcome);
  absl::Status housekeeping();
  absl::Status commit();

  const Shared shared_;
  const int number_;
  const config::Config& config_;
  const kafka::Topics& topics_;
  std::unique_ptr<kafka::Producer> side_outputs_;
  std::unique_ptr<kafka::Consumer> consumer_;
  OwnedSources owned_;
  OwnedSource* last_found_ = nullptr;     // most records follow their like
  std::vector<aggregate::Aside> asides_;  // reused
  absl::Status side_output_failure_;
  std::chrono::steady_clock::time_point housekept_at_;
  std::chrono::steady_clock::time_point committed_at_ = std::chrono::steady_clock::now();
  std::atomic<bool> reachable_{true};  // a figure of its own
};

}  // namespace surgewatch::services
