// A worker: a thread with a consumer of its own in the aggregators' group, and the sources that the
// group gives it. Workers of one process share no more than workers of two: the list of sources
// that the flusher reads.
//
// A source starts from the beginning of its partition when it is assigned: its panes are a function
// of that prefix, and what the journal already holds is not newer, so that applying it again
// changes nothing. That holds only while the beginning is the one of the group's first life
// (common/beginning.h); a source whose log is another one is held, by a name, and others go on:
//
//   assigned ──► waiting ──► read ──► caught up      (to the log's end when it was assigned)
//                   │          │
//                   └► held ◄──┘                     (an incident; until it is somebody else's)
//
// A rebalance takes all sources away and gives most of them back. Meanwhile they rest, and one that
// comes back to a member that has kept its place goes on where it was: nobody else can have had it.
//
// A client that does not find its topics any more, though they are there, is given up for a new
// one.
//
// Where a rule looks into orders, the half of a pair that is far ahead of the other in event time
// waits for it, until that has been read to the end that it had.
//
// Dead letters and late events are not sent again for offsets that the group has committed, and
// what is committed is up to the lowest offset whose copy is not known to be delivered. Both go on
// beside the work and are tried again when they fail: they end nothing that can be mended.
//
// Queues: what the consumer has fetched ahead (queued.max.messages.kbytes: 4 MB a worker), a poll
// (kPollBatch records), side outputs (side_outputs.h); when these are full, the worker waits for
// them, and stops fetching when that takes long, so as to stay in its group.
// Threads: connect() and run() by one thread after the other; is_caught_up() and reachable() by
// any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/aggregator.h"
#include "aggregator/incidents.h"
#include "aggregator/journal_memory.h"
#include "aggregator/meters.h"
#include "aggregator/owned_source.h"
#include "aggregator/side_outputs.h"
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
    InputIncidents* incidents = nullptr;
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
  // The group has said what is this worker's, be it nothing, and all of that has been read to the
  // end that it had then, and delivered to the journal.
  bool is_caught_up() const { return is_caught_up_.load(std::memory_order_relaxed); }

 private:
  struct Waiting {
    kafka::TopicPartition partition;
    // Of one that was read before, in this session or as the journal says, with …
    Beginning beginning;
    std::int64_t reached = 0;    // … offsets below this
    std::int64_t copied_to = 0;  // below which nothing is to be sent to the side topics again
    std::optional<Beginning> partner = std::nullopt;  // of the partner, as the journal says
  };

  absl::Status connect_consumer();
  absl::Status work(const Stop& stop);

  // worker_start.cc: what is read.
  std::vector<std::int64_t> assigned(const std::vector<kafka::TopicPartition>& partitions);
  void revoked(const std::vector<kafka::TopicPartition>& partitions);
  void drop(const std::vector<kafka::TopicPartition>& partitions);
  absl::Status start_waiting();
  absl::StatusOr<bool> ask_the_journal();
  std::shared_ptr<OwnedSource> take(const Waiting& waiting,
                                    const std::optional<kafka::GroupOffset>& committed,
                                    const Remembered& remembered, const kafka::LogEnds& log);
  bool begins_right(OwnedSource* owned, const aggregate::Record& first);
  bool begins_right(OwnedSource* owned, std::int64_t first_unreadable);
  void hold_what_is_wrong();
  void start_again_what_left_its_log();
  void give_up(const OwnedSources& sources);
  void remember(const OwnedSource& owned, std::int64_t copied_to);
  void wait_for(const kafka::TopicPartition& partition);
  void begin_again(const OwnedSources& sources);
  const std::string& full_name(Topic topic) const {
    return topic == Topic::kInvoices ? topics_.invoices : topics_.shipments;
  }
  SourceId id_of(const kafka::TopicPartition& partition) const;

  // worker_pairs.cc
  OwnedSource* partner_of(const OwnedSource& owned) const;
  std::shared_ptr<OwnedPair> pair_of(SourceId id);
  void restart_partners();
  void look_at_pairs();
  absl::Status align_pairs();

  OwnedSource* find(std::string_view topic, std::int32_t partition);
  void gather(const kafka::Message& message);
  void process_gathered();
  void process(OwnedSource* owned, std::chrono::steady_clock::time_point polled);
  void count(OwnedSource* owned, std::span<const aggregate::Record> records);
  void pass_over(const kafka::TopicPartition& partition, std::int64_t first, std::int64_t next,
                 std::string_view why);
  void pass_over(OwnedSource* owned, std::int64_t first, std::int64_t next);
  absl::Status wait_for_others(const Stop& stop);
  absl::Status housekeeping();
  void look_for_lost_topics(const absl::Status& answer);
  bool has_lost_topics() const;
  absl::Status start_anew();
  void see_how_far();

  // Offsets.
  std::int64_t to_commit(const OwnedSource& owned) const;
  void start_commit();
  absl::Status take_commit_answer();
  void give_back();
  void say_what_is_copied();

  const Shared shared_;
  const int number_;
  const config::Config& config_;
  const kafka::Topics& topics_;
  std::unique_ptr<SideOutputs> side_outputs_;
  std::unique_ptr<kafka::Consumer> consumer_;
  bool has_assignment_ = false;
  std::vector<Waiting> waiting_;
  // What it has seen of each partition in this session, whoever owns it now: the group may have
  // committed none of it.
  struct Seen {
    Beginning beginning;
    std::int64_t reached = 0;
    std::int64_t copied_to = 0;
  };
  std::map<kafka::TopicPartition, Seen> seen_;
  std::unique_ptr<JournalMemory> memory_;  // null: the group has recalled what it has read
  std::chrono::steady_clock::time_point asked_at_;
  int times_asked_ = 0;
  OwnedSources owned_;                                        // that are read
  std::map<std::int32_t, std::shared_ptr<OwnedPair>> pairs_;  // where a rule looks into orders
  std::vector<kafka::TopicPartition> restarting_;             // since their partner was begun again
  std::vector<kafka::TopicPartition> held_;
  std::vector<std::pair<kafka::TopicPartition, std::string>> left_log_;  // since the last poll
  OwnedSource* last_found_ = nullptr;     // most records follow their like
  std::vector<aggregate::Aside> asides_;  // reused
  std::vector<std::pair<std::shared_ptr<OwnedSource>, kafka::GroupOffset>> committing_;
  std::chrono::steady_clock::time_point housekept_at_;
  // Since when the client says that a topic is not there which is, if it does.
  std::optional<std::chrono::steady_clock::time_point> lost_since_;
  std::chrono::steady_clock::time_point committed_at_ = std::chrono::steady_clock::now();
  // Figures of their own: nothing else is read on their strength.
  std::atomic<bool> reachable_{true};
  std::atomic<bool> is_caught_up_{false};
};

}  // namespace surgewatch::services
