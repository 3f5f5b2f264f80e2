// Thin RAII over librdkafka: what Surgewatch needs of it and no more, every option that matters set
// explicitly. librdkafka's types stay behind this header.
//
// Threads: an object belongs to one thread at a time; Producer::produce may be called by one thread
// while another calls poll. Callbacks run in the calls of an object, on the caller's thread.
// Errors: UNAVAILABLE, and it alone, for what retrying may mend (brokers down, timed out);
// NOT_FOUND for a topic that does not exist (the message names it and how to create it),
// FAILED_PRECONDITION for a fenced or fatally broken client (rebuild it), ALREADY_EXISTS for one
// whose place in its group another process has taken (don't), INVALID_ARGUMENT for a
// bad property or a record that the broker will never take (too large, an invalid timestamp),
// PERMISSION_DENIED for what the brokers' access lists forbid.
// Bytes: a key or payload whose data() is null is Kafka's null: no key, or a tombstone. That holds
// for what is produced and for what is read; an empty string with data is an empty string.
// Cost: every destructor returns within 3 s, whether or not a broker answers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace surgewatch::kafka {

// The librdkafka that is loaded: "2.0.2".
std::string library_version();

struct ClientOptions {
  std::string brokers = {};
  std::string client_id = "surgewatch";
  // Further librdkafka properties, applied last. One that the guarantees of this client rest on
  // (such as enable.auto.commit) is refused.
  std::map<std::string, std::string> properties = {};
  std::function<void(std::string_view)> log = {};  // warnings and errors; default: spdlog
};

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

struct Header {
  std::string name;
  std::string value;
};

// The views are valid until the next poll of their consumer, the rest during the visit.
struct Message {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::int64_t> timestamp_ms;  // from 1970 to 9999; of others there is none
  std::string_view key;
  bool has_key = false;
  std::string_view payload;
  std::vector<Header> headers;  // filled only if asked for
};

inline constexpr std::int64_t kBeginning = -2;
inline constexpr std::int64_t kEnd = -1;
// Of a partition that the group has given: not read until begin(). An answer to the group only:
// assign() and begin() refuse it with INVALID_ARGUMENT, and change nothing.
inline constexpr std::int64_t kNotYet = -3;

// Where a group goes on in a partition, with a text of ours that is kept beside it: UTF-8, at most
// 4,096 bytes (the broker's offset.metadata.max.bytes).
struct GroupOffset {
  TopicPartition partition;
  std::int64_t offset = 0;
  std::string metadata = {};
  friend bool operator==(const GroupOffset&, const GroupOffset&) = default;
};

// What a partition's log holds: offsets from `first` to before `next`.
struct LogEnds {
  std::int64_t first = 0;
  std::int64_t next = 0;
  friend bool operator==(const LogEnds&, const LogEnds&) = default;
};

class Consumer {
 public:
  struct Options {
    ClientOptions client = {};
    std::string group_id = {};  // used for commits even where partitions are assigned by hand
    // A member that comes back under this name within its session's time takes its own place, and
    // nobody waits for the one that died. It keeps that place when it ends, too. No two members may
    // have the same: the older one's poll() says ALREADY_EXISTS. Empty: a member for its life.
    std::string instance_id = {};
    bool read_committed = true;
    bool headers = false;
    // Records [first, next) of a partition can't be read, ever, and were passed over. Logged and
    // counted as well.
    std::function<void(const TopicPartition&, std::int64_t first, std::int64_t next,
                       std::string_view why)>
        skipped = {};
    // What is to be read next of a partition lies outside its log: nothing more comes of it, and
    // others go on. leave() it. Called in poll(). Without this it is an error of poll().
    std::function<void(const TopicPartition&, std::string_view why)> left_log = {};
  };
  // Called in poll(), after what had been fetched before was visited (and is still valid); commit()
  // and committed() may be called in there. The destructor calls neither: commit before you
  // destroy.
  struct Rebalance {
    // Gives the offset to start at for each partition that was assigned, or kNotYet.
    std::function<std::vector<std::int64_t>(const std::vector<TopicPartition>&)> assigned = {};
    // May be empty.
    std::function<void(const std::vector<TopicPartition>&)> revoked = {};
  };

  static absl::StatusOr<std::unique_ptr<Consumer>> create(const Options& options);
  virtual ~Consumer() = default;

  // By consumer group (range assignor, so that partitions of equal number go together) …
  virtual absl::Status subscribe(const std::vector<std::string>& topics, Rebalance rebalance) = 0;
  // … or by hand.
  virtual absl::Status assign(
      const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) = 0;

  // Of what the group has given: reads these as well; reads these no more. For a moment, reads
  // nothing and polls on as a member of the group; goes on where it stopped. Not in callbacks. Each
  // of them fetches all anew that was not polled yet, so name several at once.
  virtual absl::Status begin(
      const std::vector<std::pair<TopicPartition, std::int64_t>>& starts) = 0;
  virtual absl::Status leave(const std::vector<TopicPartition>& partitions) = 0;
  virtual absl::Status suspend() = 0;
  virtual absl::Status resume() = 0;

  // Waits at most `wait` for the first message, then takes up to `limit` that are there; `visit`
  // sees each once, in offset order within a partition. Returns how many. Transport errors are not
  // errors here: the client retries, and reports through last_error(). After NOT_FOUND it may be
  // called again and goes on once the topic is there. FAILED_PRECONDITION names a partition whose
  // start lies outside its log. What was visited before an error stays visited.
  virtual absl::StatusOr<std::size_t> poll(std::chrono::milliseconds wait, std::size_t limit,
                                           const std::function<void(const Message&)>& visit) = 0;
  // Why nothing comes, if something is wrong: OK while the brokers answer. Where nothing is there
  // to come, poll() asks them once a second whether they answer again.
  virtual absl::Status last_error() const = 0;

  // True once every partition that is read has been read up to its end as known when that was
  // reached; false while none is assigned.
  virtual bool at_end() const = 0;
  // High watermark less position for each assigned partition that is known.
  virtual std::map<TopicPartition, std::int64_t> lag() const = 0;
  // How many records were passed over because their batch can't be read.
  virtual std::uint64_t skipped_records() const = 0;
  // The group gave our partitions away (we were silent for too long): in revoked(), commit nothing.
  virtual bool assignment_lost() const = 0;
  // Why this client can't go on, known without a poll(): say, another process has its place in the
  // group.
  virtual absl::Status fatal_error() const = 0;
  // In assigned(): this member has been in the group all the time since the last revocation, so
  // that nobody else can have had what was its own before and is again.
  virtual bool has_kept_its_place() const = 0;

  // Offsets to go on from, committed to the group. Waits for the answer, 10 s at most.
  virtual absl::Status commit(const std::vector<GroupOffset>& next) = 0;
  // The same without waiting: sends, and the answer is for commit_answer(). At most one is under
  // way: FAILED_PRECONDITION, and nothing is sent, while is_committing().
  virtual absl::Status start_commit(const std::vector<GroupOffset>& next) = 0;
  virtual bool is_committing() const = 0;
  // Never waits. The answer, once; nullopt while it is not there or nothing was sent. UNAVAILABLE
  // when none came within 10 s: then it is not known what the group holds.
  virtual std::optional<absl::Status> commit_answer() = 0;
  // nullopt where nothing was committed. UNAVAILABLE if not all is known within `wait`.
  virtual absl::StatusOr<std::vector<std::optional<GroupOffset>>> committed(
      const std::vector<TopicPartition>& partitions,
      std::chrono::milliseconds wait = std::chrono::milliseconds(10'000)) = 0;

  // Ends of partitions, assigned or not, in their order. A read_committed consumer's end is where
  // the first open transaction begins. UNAVAILABLE if not all are known within `wait`; NOT_FOUND.
  virtual absl::StatusOr<std::vector<LogEnds>> log_ends(
      const std::vector<TopicPartition>& partitions, std::chrono::milliseconds wait) = 0;

  // Opaque; for Producer::commit_transaction.
  virtual void* native() = 0;
};

// A record that outlives its poll.
struct StoredRecord {
  std::int64_t offset = 0;
  std::optional<std::int64_t> timestamp_ms;
  std::string key;
  bool has_key = false;
  std::string payload;
};

// The first record at or behind each offset (kBeginning: of the log), say to tell whether a topic
// is still the one that it was; nullopt where the log has none. With a client of its own, which
// fetches little. UNAVAILABLE if not all are known within `wait`; FAILED_PRECONDITION names a
// partition whose log does not reach to its offset.
absl::StatusOr<std::vector<std::optional<StoredRecord>>> first_records(
    const ClientOptions& client,
    const std::vector<std::pair<TopicPartition, std::int64_t>>& partitions,
    std::chrono::milliseconds wait);

// What became of a message.
struct Delivery {
  std::uint64_t tag = 0;
  // Where it is. The broker does not say it of a message that had to be sent again and had arrived
  // the first time.
  std::optional<std::int64_t> offset;
  // UNAVAILABLE: given up in time, and it may be there nevertheless. Any other error: refused.
  absl::Status status;
};

class Producer {
 public:
  struct Options {
    ClientOptions client = {};
    std::string transactional_id = {};  // empty: idempotent, without transactions
    std::chrono::milliseconds linger{5};
    // Told of every message once. Called in poll(), in flush(), in a produce() that waits and in
    // commit_transaction(), on the caller's thread; not in the destructor.
    std::function<void(const Delivery&)> delivered = {};
    // Without transactions: what retrying can mend is retried for ever, whatever the properties
    // say, instead of for a minute. Then the queue's bound is the only one.
    bool retries_for_ever = false;
    // Without transactions: a message that is refused stops the producer (FAILED_PRECONDITION from
    // then on), so that none behind it in its partition is written without it.
    bool stops_at_gaps = false;
    // Once true, a produce() that waits for room ends with CANCELLED, and a step of a transaction
    // is not tried again. Outlives the producer.
    const std::atomic<bool>* stop = nullptr;
  };
  static absl::StatusOr<std::unique_ptr<Producer>> create(const Options& options);
  virtual ~Producer() = default;

  // Queues; waits (polling) while the local queue is full. partition -1: by key, with the hash of
  // Kafka's own clients, so that equal keys meet in one partition whoever wrote them. `tag` is for
  // the delivery.
  virtual absl::Status produce(const std::string& topic, std::int32_t partition,
                               std::string_view key, std::string_view payload,
                               const std::vector<Header>& headers = {},
                               std::optional<std::int64_t> timestamp_ms = std::nullopt,
                               std::uint64_t tag = 0) = 0;
  // The same without waiting and without callbacks: RESOURCE_EXHAUSTED while the queue is full.
  virtual absl::Status try_produce(const std::string& topic, std::int32_t partition,
                                   std::string_view key, std::string_view payload,
                                   const std::vector<Header>& headers = {},
                                   std::optional<std::int64_t> timestamp_ms = std::nullopt,
                                   std::uint64_t tag = 0) = 0;
  // Serves delivery reports, those that are there or come within `wait`; the first failed delivery
  // is returned by flush().
  virtual void poll(std::chrono::milliseconds wait = std::chrono::milliseconds(0)) = 0;
  // Waits until all is delivered; UNAVAILABLE if it is not within `wait`. A failed delivery is
  // reported once.
  virtual absl::Status flush(std::chrono::milliseconds wait) = 0;
  // Messages that were given up, since the beginning.
  virtual std::uint64_t failed_deliveries() const = 0;
  // Messages not yet delivered, and notices not yet served by poll.
  virtual std::size_t pending() const = 0;

  // After FAILED_PRECONDITION from one of these: make a new producer, and go back to what was
  // committed last. After another error: abort_transaction(), and do the transaction again.
  virtual absl::Status begin_transaction() = 0;
  // Also commits the consumer's offsets, if given, in the same transaction. UNAVAILABLE if brokers
  // don't answer for 10 s: then it may have been committed, or be yet.
  virtual absl::Status commit_transaction(Consumer* consumer,
                                          const std::vector<GroupOffset>& next) = 0;
  virtual absl::Status abort_transaction() = 0;
  // The last commit was slow or saw an error: destroy the producer and make a new one, so that a
  // stale EndTxn of ours can't commit a later transaction. Source:
  // jepsen.io/analyses/bufstream-0.1.0
  virtual bool wants_recycling() const = 0;
};

// Topics.
struct TopicSpec {
  std::string name;
  std::int32_t partitions = 1;
  std::map<std::string, std::string> settings = {};
};
class Admin {
 public:
  static absl::StatusOr<std::unique_ptr<Admin>> create(const ClientOptions& options);
  virtual ~Admin() = default;
  // Existing topics are left as they are. Replication factor -1: the broker's default.
  virtual absl::Status create_topics(const std::vector<TopicSpec>& topics, int replication) = 0;
  // Partitions of each topic; nullopt for one that does not exist. UNAVAILABLE if no broker answers
  // within `wait`.
  virtual absl::StatusOr<std::vector<std::optional<std::int32_t>>> partitions(
      const std::vector<std::string>& topics, std::chrono::milliseconds wait) = 0;
  // First and next offset of a partition.
  virtual absl::StatusOr<std::pair<std::int64_t, std::int64_t>> watermarks(
      const TopicPartition& partition, std::chrono::milliseconds wait) = 0;
  // As Consumer::log_ends, but for the end, which is that of all records.
  virtual absl::StatusOr<std::vector<LogEnds>> log_ends(
      const std::vector<TopicPartition>& partitions, std::chrono::milliseconds wait) = 0;
};

// librdkafka's mock cluster in this process. A partition keeps at most 5 MB or 100,000 records and
// silently drops older ones: whoever produces to it must be paced by whoever reads.
class EmbeddedBroker {
 public:
  static absl::StatusOr<std::unique_ptr<EmbeddedBroker>> start();
  virtual ~EmbeddedBroker() = default;
  virtual const std::string& brokers() const = 0;
  virtual absl::Status create_topic(const std::string& name, std::int32_t partitions) = 0;

  // For tests: the next `times` requests of a kind are answered with Kafka's error `code`.
  enum class Request : std::int16_t {
    kProduce = 0,
    kFetch = 1,
    kListOffsets = 2,
    kMetadata = 3,
    kOffsetCommit = 8,
    kOffsetFetch = 9,
    kFindCoordinator = 10,
    kInitProducerId = 22,
    kAddOffsetsToTxn = 25,
    kEndTxn = 26,
    kTxnOffsetCommit = 28,
  };
  virtual void fail_requests(Request request, int times, int code) = 0;
  // For tests: what is left of that is answered as usual again.
  virtual void stop_failing(Request request) = 0;
  // For tests: whether anybody listens at the broker's port. What it holds, it keeps.
  virtual void set_reachable(bool reachable) = 0;
  // For tests: a topic that isn't there. (One that is only asked for, this broker creates.)
  virtual void hide_topic(const std::string& name) = 0;
};

}  // namespace surgewatch::kafka
