#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/status.h"
#include "kafka/client.h"
#include "kafka/native.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTransactionTimeout{10'000};
constexpr milliseconds kStartWait{10'000};
constexpr milliseconds kAbortAtEndWait{1'000};
// An EndTxn that took longer may have been sent twice, and the first copy may still be on its way.
constexpr milliseconds kSlowCommit{1'000};
// What may be retried in a transaction is retried for so long.
constexpr milliseconds kRetryFor{10'000};
// A commit is asked for again after so long, and goes on in between.
constexpr milliseconds kCommitCall{1'000};
constexpr int kPollWhileFullMs = 5;

Settings producer_settings(const Producer::Options& options) {
  Settings settings = {
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"linger.ms", std::to_string(options.linger.count())},
      {"compression.type", "none"},
      {"partitioner", "murmur2_random"},  // the one of Kafka's own clients
      {"batch.size", "1000000"},
      {"batch.num.messages", "10000"},
      {"message.max.bytes", "1000000"},
      {"queue.buffering.max.messages", "100000"},
      {"queue.buffering.max.kbytes", "65536"},
      {"delivery.report.only.error", options.delivered ? "false" : "true"},
  };
  if (options.transactional_id.empty()) {
    // 60 s: less than a consumer may stay away from its group (max.poll.interval.ms), since whoever
    // waits for a full queue is often one. 0: for ever.
    settings.emplace_back("message.timeout.ms", options.retries_for_ever ? "0" : "60000");
    // The default is false; said only where it is asked for, since librdkafka warns of it.
    if (options.stops_at_gaps) settings.emplace_back("enable.gapless.guarantee", "true");
    settings.emplace_back("retry.backoff.ms", "100");
    return settings;
  }
  settings.emplace_back("transactional.id", options.transactional_id);
  settings.emplace_back("transaction.timeout.ms", std::to_string(kTransactionTimeout.count()));
  settings.emplace_back("message.timeout.ms", std::to_string(kTransactionTimeout.count() - 1'000));
  // librdkafka waits so long before most steps of a transaction: 100 ms would be a floor under
  // each.
  settings.emplace_back("retry.backoff.ms", "1");
  return settings;
}

// What would end the retries of one that must not give up.
constexpr std::array<const char*, 4> kEndsRetries = {"message.timeout.ms", "delivery.timeout.ms",
                                                     "message.send.max.retries", "retries"};

class ProducerOverRdkafka final : public Producer {
 public:
  ProducerOverRdkafka() = default;
  ~ProducerOverRdkafka() override;

  absl::Status open(const Options& options);

  absl::Status produce(const std::string& topic, std::int32_t partition, std::string_view key,
                       std::string_view payload, const std::vector<Header>& headers,
                       std::optional<std::int64_t> timestamp_ms, std::uint64_t tag) override;
  absl::Status try_produce(const std::string& topic, std::int32_t partition, std::string_view key,
                           std::string_view payload, const std::vector<Header>& headers,
                           std::optional<std::int64_t> timestamp_ms, std::uint64_t tag) override;
  void poll(milliseconds wait) override {
    rd_kafka_poll(native_->get(), static_cast<int>(wait.count()));
  }
  absl::Status flush(milliseconds wait) override;
  std::uint64_t failed_deliveries() const override {
    return failures_.load(std::memory_order_relaxed);
  }
  std::size_t pending() const override {
    return static_cast<std::size_t>(rd_kafka_outq_len(native_->get()));
  }

  absl::Status begin_transaction() override;
  absl::Status commit_transaction(Consumer* consumer,
                                  const std::vector<GroupOffset>& next) override;
  absl::Status abort_transaction() override;
  bool wants_recycling() const override { return wants_recycling_; }

 private:
  static void on_delivery(void* owner, const rd_kafka_message_t& message);
  absl::Status why_failed(const rd_kafka_message_t& message) const;
  absl::Status take_failure();
  absl::Status transaction_status(rd_kafka_error_t* error, std::string_view what);
  // Runs a step, again while librdkafka says that this may help.
  template <typename Step>
  absl::Status step(std::string_view what, Step call);

  std::unique_ptr<Native> native_;
  std::string transactional_id_;
  std::function<void(const Delivery&)> delivered_;
  const std::atomic<bool>* stop_ = nullptr;
  bool in_transaction_ = false;
  bool wants_recycling_ = false;

  std::atomic<std::uint64_t> failures_{0};  // a count; orders nothing
  std::mutex mutex_;
  absl::Status first_failure_;  // guarded by mutex_
};

absl::Status ProducerOverRdkafka::open(const Options& options) {
  transactional_id_ = options.transactional_id;
  delivered_ = options.delivered;
  stop_ = options.stop;
  const bool own_patience = options.retries_for_ever || options.stops_at_gaps;
  SW_CHECK(transactional_id_.empty() || !own_patience);
  ClientOptions client = options.client;
  if (options.retries_for_ever) {
    for (const char* name : kEndsRetries) client.properties.erase(name);
  }
  if (options.stops_at_gaps) client.properties.erase("enable.gapless.guarantee");
  SW_ASSIGN_OR_RETURN(native_, Native::create(RD_KAFKA_PRODUCER, client, producer_settings(options),
                                              {.owner = this, .delivery = &on_delivery}));
  if (transactional_id_.empty()) return absl::OkStatus();
  const Error error(
      rd_kafka_init_transactions(native_->get(), static_cast<int>(kStartWait.count())));
  rd_kafka_poll(native_->get(), 0);
  return transaction_status(error.get(), "starting transactions");
}

ProducerOverRdkafka::~ProducerOverRdkafka() {
  if (native_ == nullptr) return;
  delivered_ = nullptr;  // whoever listened may be gone in part
  // An open transaction holds back every read_committed reader until it times out. This client is
  // done with, so a short wait can't confuse it.
  if (in_transaction_ && native_->fatal_error().ok()) {
    const Error error(
        rd_kafka_abort_transaction(native_->get(), static_cast<int>(kAbortAtEndWait.count())));
  }
  rd_kafka_purge(native_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                     RD_KAFKA_PURGE_F_NON_BLOCKING);
  rd_kafka_poll(native_->get(), 0);
}

absl::Status ProducerOverRdkafka::try_produce(const std::string& topic, std::int32_t partition,
                                              std::string_view key, std::string_view payload,
                                              const std::vector<Header>& headers,
                                              std::optional<std::int64_t> timestamp_ms,
                                              std::uint64_t tag) {
  static_assert(sizeof(void*) >= sizeof(tag));
  std::array<rd_kafka_vu_t, 8> parts{};
  std::size_t count = 0;
  const auto part = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    parts[count].vtype = type;
    return parts[count++];
  };
  part(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
  part(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition < 0 ? RD_KAFKA_PARTITION_UA : partition;
  part(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  // librdkafka copies and takes no const.
  part(RD_KAFKA_VTYPE_KEY).u.mem = {const_cast<char*>(key.data()), key.size()};
  part(RD_KAFKA_VTYPE_VALUE).u.mem = {const_cast<char*>(payload.data()), payload.size()};
  part(RD_KAFKA_VTYPE_OPAQUE).u.ptr = reinterpret_cast<void*>(tag);
  if (timestamp_ms.has_value()) part(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = *timestamp_ms;
  std::unique_ptr<rd_kafka_headers_t, Free<rd_kafka_headers_destroy>> owned;
  if (!headers.empty()) {
    owned.reset(rd_kafka_headers_new(headers.size()));
    for (const Header& header : headers) {
      rd_kafka_header_add(owned.get(), header.name.data(), static_cast<ssize_t>(header.name.size()),
                          header.value.data(), static_cast<ssize_t>(header.value.size()));
    }
    part(RD_KAFKA_VTYPE_HEADERS).u.headers = owned.get();
  }
  const Error error(rd_kafka_produceva(native_->get(), parts.data(), count));
  if (error == nullptr) {
    (void)owned.release();  // the message's now
    return absl::OkStatus();
  }
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
  const std::string what = fmt::format("producing to {} [{}]", topic, partition);
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: {} messages wait for Kafka at {}, and no more fit", what, pending(),
                    native_->brokers()));
  }
  SW_RETURN_IF_ERROR(native_->fatal_error());
  if (code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) return missing_topic(topic);
  return status_of(code, what, rd_kafka_error_string(error.get()));
}

// Ends at the latest when the oldest message times out, if it does.
absl::Status ProducerOverRdkafka::produce(const std::string& topic, std::int32_t partition,
                                          std::string_view key, std::string_view payload,
                                          const std::vector<Header>& headers,
                                          std::optional<std::int64_t> timestamp_ms,
                                          std::uint64_t tag) {
  for (;;) {
    absl::Status status = try_produce(topic, partition, key, payload, headers, timestamp_ms, tag);
    if (!absl::IsResourceExhausted(status)) return status;
    if (stop_ != nullptr && stop_->load(std::memory_order_relaxed)) {
      return absl::CancelledError(message_of(status));
    }
    rd_kafka_poll(native_->get(), kPollWhileFullMs);
    SW_RETURN_IF_ERROR(native_->fatal_error());
  }
}

absl::Status ProducerOverRdkafka::why_failed(const rd_kafka_message_t& message) const {
  const char* topic = rd_kafka_topic_name(message.rkt);
  if (message.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
      message.err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
    return missing_topic(topic);
  }
  const absl::Status why = native_->last_error();
  return status_of(message.err, fmt::format("delivering to {} [{}]", topic, message.partition),
                   why.ok()
                       ? rd_kafka_err2str(message.err)
                       : fmt::format("{} ({})", rd_kafka_err2str(message.err), message_of(why)));
}

void ProducerOverRdkafka::on_delivery(void* owner, const rd_kafka_message_t& message) {
  auto* self = static_cast<ProducerOverRdkafka*>(owner);
  const bool failed = message.err != RD_KAFKA_RESP_ERR_NO_ERROR;
  absl::Status status;
  if (failed) {
    status = self->why_failed(message);
    self->failures_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(self->mutex_);
    if (self->first_failure_.ok()) self->first_failure_ = status;
  }
  if (!self->delivered_) return;
  Delivery delivery{.tag = reinterpret_cast<std::uint64_t>(message._private),
                    .offset = std::nullopt,
                    .status = std::move(status)};
  if (!failed && message.offset >= 0) delivery.offset = message.offset;
  self->delivered_(delivery);
}

absl::Status ProducerOverRdkafka::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(first_failure_, absl::OkStatus());
}

absl::Status ProducerOverRdkafka::flush(milliseconds wait) {
  const rd_kafka_resp_err_t code = rd_kafka_flush(native_->get(), static_cast<int>(wait.count()));
  SW_RETURN_IF_ERROR(native_->fatal_error());
  SW_RETURN_IF_ERROR(take_failure());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    native_->set_last_error(absl::OkStatus());
    return absl::OkStatus();
  }
  const absl::Status why = native_->last_error();
  return unavailable("{} messages were not delivered to Kafka at {} within {} ms{}", pending(),
                     native_->brokers(), wait.count(), why.ok() ? "" : ": " + message_of(why));
}

// Retriable, to be aborted, or fatal; and what carries no mark is fatal (librdkafka's manual).
absl::Status ProducerOverRdkafka::transaction_status(rd_kafka_error_t* error,
                                                     std::string_view what) {
  if (error == nullptr) return absl::OkStatus();
  wants_recycling_ = true;
  const std::string message =
      fmt::format("{} as \"{}\" at {}: {} ({})", what, transactional_id_, native_->brokers(),
                  rd_kafka_error_string(error), rd_kafka_error_name(error));
  if (rd_kafka_error_is_retriable(error) != 0 || rd_kafka_error_txn_requires_abort(error) != 0) {
    // The reason of the message that failed says more than "abort it".
    const absl::Status failure = take_failure();
    if (!failure.ok() && !absl::IsUnavailable(failure)) return failure;
    return absl::UnavailableError(message);
  }
  in_transaction_ = false;
  return failed_precondition("{}; make a new producer", message);
}

template <typename Step>
absl::Status ProducerOverRdkafka::step(std::string_view what, Step call) {
  const auto deadline = steady_clock::now() + kRetryFor;
  for (;;) {
    const Error error(call());
    if (error == nullptr) return absl::OkStatus();
    const bool is_stopped = stop_ != nullptr && stop_->load(std::memory_order_relaxed);
    if (rd_kafka_error_is_retriable(error.get()) == 0 || is_stopped ||
        steady_clock::now() >= deadline) {
      return transaction_status(error.get(), what);
    }
    wants_recycling_ = true;
    rd_kafka_poll(native_->get(), kPollWhileFullMs);
  }
}

absl::Status ProducerOverRdkafka::begin_transaction() {
  SW_CHECK(!transactional_id_.empty());
  SW_RETURN_IF_ERROR(
      step("beginning a transaction", [&] { return rd_kafka_begin_transaction(native_->get()); }));
  in_transaction_ = true;
  return absl::OkStatus();
}

// Offsets are added with -1, which is what is left of transaction.timeout.ms. The manual says the
// same of the commit, but there -1 is for ever: with brokers that don't answer it would never end.
absl::Status ProducerOverRdkafka::commit_transaction(Consumer* consumer,
                                                     const std::vector<GroupOffset>& next) {
  SW_CHECK(in_transaction_);
  // Before the clock starts: many messages don't make a commit suspicious.
  rd_kafka_flush(native_->get(), static_cast<int>(kTransactionTimeout.count()));
  const std::uint64_t errors_before = native_->errors();
  if (consumer != nullptr && !next.empty()) {
    const PartitionList offsets = offset_list(next);
    // Fresh: with that of an older generation a zombie's offsets might pass for a member's.
    const std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                          Free<rd_kafka_consumer_group_metadata_destroy>>
        group(rd_kafka_consumer_group_metadata(static_cast<rd_kafka_t*>(consumer->native())));
    if (group == nullptr) return failed_precondition("the consumer is in no group");
    SW_RETURN_IF_ERROR(step("adding offsets to a transaction", [&] {
      return rd_kafka_send_offsets_to_transaction(native_->get(), offsets.get(), group.get(), -1);
    }));
  }
  const auto start = steady_clock::now();
  const absl::Status status = step("committing a transaction", [&] {
    return rd_kafka_commit_transaction(native_->get(), static_cast<int>(kCommitCall.count()));
  });
  rd_kafka_poll(native_->get(), 0);  // errors that are queued count too
  if (steady_clock::now() - start > kSlowCommit || native_->errors() != errors_before) {
    wants_recycling_ = true;
  }
  if (status.ok()) in_transaction_ = false;
  return status;
}

absl::Status ProducerOverRdkafka::abort_transaction() {
  if (!in_transaction_) return native_->fatal_error();
  SW_RETURN_IF_ERROR(step("aborting a transaction",
                          [&] { return rd_kafka_abort_transaction(native_->get(), -1); }));
  (void)take_failure();  // it was of this transaction
  in_transaction_ = false;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Producer>> Producer::create(const Options& options) {
  auto producer = std::make_unique<ProducerOverRdkafka>();
  SW_RETURN_IF_ERROR(producer->open(options));
  return absl::StatusOr<std::unique_ptr<Producer>>(std::move(producer));
}

}  // namespace surgewatch::kafka
