// Copies of records that were not counted: the rejected go to the dead-letter topic, the late to
// the late one, with where they come from in their headers, and why, as a line for people
// (base/printable.h); the copy itself has key and payload as they came. Of records that nobody can
// read, where they are goes there.
//
// Work never waits for them. A copy is queued and delivered beside the work, again and again as
// long as that may help; a copy that is too large, here or for the broker, goes without what makes
// it so, with size and hash in its place. What was added and is not known to be delivered is kept
// by offset, so that what the group commits never lies beyond it: whoever comes next sends it.
//
//   add() ──► producer's queue ──► delivered: forgotten
//                 ▲  │ full            │ refused as too large: once more, without the payload
//                 └ backlog ◄──────────┘
//
// Bounds: kQueued copies and 64 MB on their way; the backlog holds what one poll brought, if
// whoever adds stops when is_full(). Threads: one. Cost: a copy and some bookkeeping for each
// record that is put aside, none for others. Errors: failure() is what trying again does not mend
// (PERMISSION_DENIED, NOT_FOUND, FAILED_PRECONDITION; INVALID_ARGUMENT for a topic that takes not
// even the headers).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregate/source.h"
#include "aggregator/meters.h"
#include "kafka/client.h"
#include "kafka/topics.h"

namespace surgewatch::services {

class SideOutputs {
 public:
  static absl::StatusOr<std::unique_ptr<SideOutputs>> create(const kafka::ClientOptions& client,
                                                             const kafka::Topics& topics,
                                                             AggregatorMeters* meters);

  void add(const kafka::TopicPartition& source, const aggregate::Record& record,
           const aggregate::Outcome& outcome);
  // Says where records [first, next) are that can't be read; there is nothing to copy.
  void add_unreadable(const kafka::TopicPartition& source, std::int64_t first, std::int64_t next,
                      std::string_view why);
  // Serves what was delivered or refused, and queues what waits for room.
  void poll();
  // More than the queue holds has been added: poll() until that is over, and add no more.
  bool is_full() const { return !backlog_.empty(); }
  const absl::Status& failure() const { return failure_; }
  // The lowest offset of the source whose copy is not known to be delivered.
  std::optional<std::int64_t> lowest_undelivered(const kafka::TopicPartition& source) const;
  std::size_t undelivered() const { return on_their_way_.size() + backlog_.size(); }
  // Waits until all is delivered, `wait` at most.
  void drain(std::chrono::milliseconds wait);
  // Somebody else's from now on. What is queued goes out nevertheless.
  void forget(const kafka::TopicPartition& source);

 private:
  struct Track {
    kafka::TopicPartition source;
    std::set<std::int64_t> undelivered;
  };
  // What of a copy outlives its queueing: enough to make it again without the payload.
  struct Copy {
    std::shared_ptr<Track> track;
    std::int64_t offset = 0;
    std::optional<std::int64_t> last_offset;  // of several that can't be read
    bool is_late = false;
    std::string reason, detail;
    std::string key;  // if it is short
    bool has_key = false;
    std::uint64_t key_bytes = 0, key_hash = 0;
    bool has_payload = false;
    std::uint64_t payload_bytes = 0, payload_hash = 0;
    std::optional<std::int64_t> timestamp_ms;
    int refusals = 0;
  };
  // With all of it, while it waits for room.
  struct Waiting {
    Copy copy;
    std::string payload, key;
    bool is_whole = true;
  };

  SideOutputs(const kafka::Topics& topics, AggregatorMeters* meters)
      : late_topic_(topics.late), dead_letter_topic_(topics.dead_letter), meters_(*meters) {}
  Copy copy_of(const kafka::TopicPartition& source, const aggregate::Record& record,
               const aggregate::Outcome& outcome);
  void send(Copy copy, std::string_view key, std::string_view payload);
  // False: no room.
  bool queue(const Copy& copy, std::string_view key, std::string_view payload);
  bool queue_without_payload(const Copy& copy);
  absl::Status produce(const Copy& copy, std::string_view key, std::string_view payload,
                       bool keeps_timestamp);
  void delivered(const kafka::Delivery& delivery);

  const std::string late_topic_, dead_letter_topic_;
  AggregatorMeters& meters_;
  std::map<kafka::TopicPartition, std::shared_ptr<Track>> tracks_;
  std::uint64_t next_tag_ = 1;
  std::unordered_map<std::uint64_t, Copy> on_their_way_;  // by tag
  std::deque<Waiting> backlog_;
  std::vector<Copy> refused_;  // as too large, since the last poll
  absl::Status failure_;
  // Last, so that nothing is delivered to what is gone.
  std::unique_ptr<kafka::Producer> producer_;
};

}  // namespace surgewatch::services
