#include "kafka/native.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <future>
#include <thread>

#include "base/status.h"

namespace surgewatch::kafka {
namespace {

constexpr std::chrono::milliseconds kDestroyWait{1'400};
constexpr int kLogWarnings = 4;  // syslog's levels: 4 warning, 3 error
constexpr int kLogErrors = 3;

// Changing one of these would break a promise of client.h, silently.
constexpr std::array<std::string_view, 14> kReserved = {"allow.auto.create.topics",
                                                        "auto.offset.reset",
                                                        "client.id",
                                                        "enable.auto.commit",
                                                        "enable.auto.offset.store",
                                                        "enable.idempotence",
                                                        "enable.partition.eof",
                                                        "group.id",
                                                        "group.instance.id",
                                                        "isolation.level",
                                                        "log.queue",
                                                        "metadata.broker.list",
                                                        "partition.assignment.strategy",
                                                        "transactional.id"};

// client.id longer than this has crashed librdkafka before 2.5.0.
constexpr std::size_t kClientIdLimit = 100;

Settings common_settings(const ClientOptions& options) {
  return {
      {"bootstrap.servers", options.brokers},
      {"client.id", options.client_id.substr(0, kClientIdLimit)},
      {"log.queue", "true"},
      {"log_level", std::to_string(kLogWarnings)},
      {"log.connection.close", "false"},
      // Found again soon after a broker's restart, without hammering it.
      {"reconnect.backoff.ms", "100"},
      {"reconnect.backoff.max.ms", "2000"},
      {"socket.timeout.ms", "10000"},  // at most a transaction's
      {"socket.keepalive.enable", "true"},
      // A response that is bigger than this is a fault or an attack.
      {"receive.message.max.bytes", "100000000"},
      // How long a topic may be unknown before that counts as an error: long enough for a new
      // topic to reach every broker, short enough for a person who forgot to create it.
      {"topic.metadata.propagation.max.ms", "2000"},
      {"topic.metadata.refresh.interval.ms", "5000"},
      {"enable.random.seed", "true"},
  };
}

absl::Status set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> reason{};
  switch (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size())) {
    case RD_KAFKA_CONF_OK:
      return absl::OkStatus();
    case RD_KAFKA_CONF_UNKNOWN:
      return invalid_argument("Kafka property \"{}\" is unknown to librdkafka {}: {}", name,
                              library_version(), reason.data());
    case RD_KAFKA_CONF_INVALID:
      break;
  }
  return invalid_argument("Kafka property \"{}\": {}", name, reason.data());
}

absl::Status apply(rd_kafka_conf_t* conf, const ClientOptions& options, const Settings& settings) {
  for (const auto& [name, value] : common_settings(options)) {
    SW_RETURN_IF_ERROR(set(conf, name, value));
  }
  for (const auto& [name, value] : settings) SW_RETURN_IF_ERROR(set(conf, name, value));
  for (const auto& [name, value] : options.properties) {
    if (name == "bootstrap.servers" || std::ranges::find(kReserved, name) != kReserved.end()) {
      return invalid_argument(
          "Kafka property \"{}\" can't be set here: Surgewatch's guarantees rest on the value that "
          "it has",
          name);
    }
    SW_RETURN_IF_ERROR(set(conf, name, value));
  }
  return absl::OkStatus();
}

}  // namespace

std::string library_version() { return rd_kafka_version_str(); }

PartitionList partition_list(const std::vector<std::pair<TopicPartition, std::int64_t>>& offsets) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
        ->offset = offset;
  }
  return list;
}

PartitionList offset_list(const std::vector<GroupOffset>& offsets) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset, metadata] : offsets) {
    rd_kafka_topic_partition_t* one =
        rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition);
    one->offset = offset;
    if (metadata.empty()) continue;
    one->metadata = rd_kafka_mem_malloc(nullptr, metadata.size());  // the list frees it
    std::memcpy(one->metadata, metadata.data(), metadata.size());
    one->metadata_size = metadata.size();
  }
  return list;
}

absl::Status missing_topic(std::string_view topic) {
  return not_found(
      "topic \"{}\" does not exist; create it with: surgewatch topics create --config FILE", topic);
}

absl::Status status_of(rd_kafka_resp_err_t code, std::string_view what, std::string_view detail) {
  const std::string message =
      fmt::format("{}: {}", what, detail.empty() ? rd_kafka_err2str(code) : detail);
  switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return absl::OkStatus();
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return absl::PermissionDeniedError(message);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return absl::NotFoundError(message);
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    // Of records that no broker with these settings takes, however often they are sent.
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
    // Of offsets.
    case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return absl::InvalidArgumentError(message);
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__STATE:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
      return absl::FailedPreconditionError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::StatusOr<std::unique_ptr<Native>> Native::create(rd_kafka_type_t type,
                                                       const ClientOptions& options,
                                                       const Settings& settings, Hooks hooks) {
  if (options.brokers.empty()) {
    return invalid_argument("no Kafka brokers are given; give host:port[,host:port…]");
  }
  auto native = std::unique_ptr<Native>(new Native(options, hooks));
  std::unique_ptr<rd_kafka_conf_t, Free<rd_kafka_conf_destroy>> conf(rd_kafka_conf_new());
  SW_RETURN_IF_ERROR(apply(conf.get(), options, settings));
  rd_kafka_conf_set_opaque(conf.get(), native.get());
  rd_kafka_conf_set_error_cb(conf.get(), &Native::on_error);
  rd_kafka_conf_set_log_cb(conf.get(), &Native::on_log);
  if (hooks.rebalance != nullptr) {
    rd_kafka_conf_set_rebalance_cb(conf.get(),
                                   [](rd_kafka_t*, rd_kafka_resp_err_t code,
                                      rd_kafka_topic_partition_list_t* partitions, void* self) {
                                     const Hooks& to = static_cast<Native*>(self)->hooks_;
                                     to.rebalance(to.owner, code, partitions);
                                   });
  }
  if (hooks.delivery != nullptr) {
    rd_kafka_conf_set_dr_msg_cb(conf.get(),
                                [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
                                  const Hooks& to = static_cast<Native*>(self)->hooks_;
                                  to.delivery(to.owner, *message);
                                });
  }
  if (hooks.statistics != nullptr) {
    rd_kafka_conf_set_stats_cb(conf.get(),
                               [](rd_kafka_t*, char* json, std::size_t size, void* self) {
                                 const Hooks& to = static_cast<Native*>(self)->hooks_;
                                 to.statistics(to.owner, {json, size});
                                 return 0;  // librdkafka frees it
                               });
  }
  std::array<char, 512> reason{};
  native->handle_ = rd_kafka_new(type, conf.get(), reason.data(), reason.size());
  if (native->handle_ == nullptr) {
    return invalid_argument("Kafka client for {}: {}", options.brokers, reason.data());
  }
  (void)conf.release();  // the handle's now
  rd_kafka_set_log_queue(native->handle_, nullptr);
  return native;
}

Native::~Native() {
  if (handle_ == nullptr) return;
  // librdkafka joins its threads here; one that is stuck (a name server that doesn't answer) must
  // not hold up our end. Nothing of ours is called any more: the queues that callbacks come
  // through are not served.
  std::promise<void> done;
  std::future<void> ended = done.get_future();
  std::thread destroyer([handle = handle_, done = std::move(done)]() mutable {
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    done.set_value();
  });
  if (ended.wait_for(kDestroyWait) == std::future_status::ready) {
    destroyer.join();
  } else {
    log("the client did not end in time; it ends by itself");
    destroyer.detach();
  }
}

absl::Status Native::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

void Native::set_last_error(absl::Status status) {
  const std::lock_guard lock(mutex_);
  last_error_ = std::move(status);
}

absl::Status Native::fatal_error() const {
  std::array<char, 512> reason{};
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(handle_, reason.data(), reason.size());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
    return absl::AlreadyExistsError(
        "another process has taken this one's place in its consumer group: it has the same "
        "instance id; give each an --instance-id of its own");
  }
  return failed_precondition("the Kafka client for {} can't go on, make a new one: {} ({})",
                             options_.brokers, reason.data(), rd_kafka_err2name(code));
}

void Native::log(std::string_view line, bool error) const {
  if (options_.log) {
    options_.log(line);
  } else if (error) {
    spdlog::error("kafka: {}", line);
  } else {
    spdlog::warn("kafka: {}", line);
  }
}

void Native::on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
  auto* self = static_cast<Native*>(opaque);
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  if (self->hooks_.topic_error != nullptr && (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                                              error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                                              error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)) {
    self->hooks_.topic_error(self->hooks_.owner, error, reason);
    return;
  }
  self->errors_.fetch_add(1, std::memory_order_relaxed);
  if (error == RD_KAFKA_RESP_ERR__BAD_MSG) {
    self->oversized_answers_.fetch_add(1, std::memory_order_relaxed);
  }
  if (error == RD_KAFKA_RESP_ERR__FATAL) {
    self->set_last_error(self->fatal_error());
    return;
  }
  // "1/1 brokers are down" says less than the reason that came before it.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !self->last_error().ok()) return;
  self->set_last_error(
      status_of(error, fmt::format("no answer from Kafka at {}", self->brokers()), reason));
}

void Native::on_log(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  // Said of brokers older than 0.11 and of the embedded one; those do create topics.
  if (std::string_view(facility) == "AUTOCREATE") return;
  // "Experimental" since 2019, and tested here.
  if (std::string_view(facility) == "CONFWARN" &&
      std::string_view(text).find("enable.gapless.guarantee") != std::string_view::npos) {
    return;
  }
  const auto* self = static_cast<const Native*>(rd_kafka_opaque(handle));
  self->log(fmt::format("{}: {}", facility, text), level <= kLogErrors);
}

}  // namespace surgewatch::kafka
