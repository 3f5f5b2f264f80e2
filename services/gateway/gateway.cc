#include "gateway/gateway.h"

#include <spdlog/spdlog.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "common/kafka_start.h"
#include "gateway/meters.h"
#include "kafka/client.h"

namespace surgewatch::services {
namespace {

constexpr std::chrono::milliseconds kPollWait{50};
constexpr std::size_t kPollBatch = 1'000;
constexpr std::chrono::milliseconds kAskEvery{1'000};
constexpr std::chrono::milliseconds kAskWait{500};
constexpr std::size_t kIdentitiesSeen = 1'000;
constexpr std::string_view kIdentityHeader = "topic_identity";

// What the detector wrote of the topic that it writes to, 16 hex digits; 0 if it did not say.
std::uint64_t topic_identity(const kafka::Message& message) {
  for (const kafka::Header& header : message.headers) {
    if (header.name != kIdentityHeader) continue;
    std::uint64_t identity = 0;
    const char* const end = header.value.data() + header.value.size();
    const auto parsed = std::from_chars(header.value.data(), end, identity, 16);
    if (header.value.size() == 16 && parsed.ec == std::errc{} && parsed.ptr == end) return identity;
  }
  return 0;
}

serve::AlertStore::Limits store_limits(const config::Limits& limits) {
  serve::AlertStore::Limits store;
  store.revisions = limits.alert_revisions;
  store.subjects = static_cast<std::size_t>(limits.label_sets_per_metric);
  return store;
}

}  // namespace

Gateway::Gateway(Options options)
    : options_(std::move(options)),
      topics_(options_.config->kafka.topic_prefix),
      store_(store_limits(options_.config->limits)),
      meters_(std::make_unique<GatewayMeters>(options_.telemetry)) {
  options_.telemetry->set_ready("gateway has read the alerts", false);
  store_.reset();
}

Gateway::~Gateway() = default;

absl::Status Gateway::start() {
  const config::Server& server = options_.config->server;
  serve::HttpServer::Options http;
  http.bind_address = server.bind_address;
  http.port = server.gateway_http_port;
  http.telemetry = options_.telemetry;
  http.alerts = &store_;
  http.config = options_.config.get();
  http.answers = options_.answers;
  SW_ASSIGN_OR_RETURN(http_, serve::HttpServer::start(http));
  serve::GrpcServer::Options grpc;
  grpc.bind_address = server.bind_address;
  grpc.port = server.gateway_grpc_port;
  grpc.alerts = &store_;
  grpc.telemetry = options_.telemetry;
  grpc.limits.streams_per_peer = server.streams_per_peer;
  SW_ASSIGN_OR_RETURN(grpc_, serve::GrpcServer::start(grpc));
  spdlog::info("page and API at http://{}:{}/, gRPC at {}:{}", server.bind_address, http_->port(),
               server.bind_address, grpc_->port());
  return absl::OkStatus();
}

absl::Status Gateway::run(const Stop& stop) {
  const absl::Status status =
      keep_trying("gateway", options_.strict, stop, [&] { return read(stop); });
  store_.stop();
  if (grpc_ != nullptr) grpc_->stop();
  if (http_ != nullptr) http_->stop();
  return status;
}

void Gateway::set_serving(bool loaded, bool reaches_brokers) {
  options_.telemetry->set_ready("gateway has read the alerts", loaded);
  options_.telemetry->set_ready("gateway reaches the brokers", reaches_brokers);
  if (grpc_ != nullptr) grpc_->set_serving(loaded && reaches_brokers);
}

void Gateway::refuse(const kafka::Message& message, PublishedFault fault) {
  meters_->refused(fault);
  if (const auto unsaid = seldom_.says(fault_name(fault))) {
    spdlog::warn(
        "passed over offset {} of topic '{}': it is nothing that a detector writes (reason "
        "{}{}); see who writes to the topic",
        message.offset, message.topic, fault_name(fault), more_like_it(*unsaid));
  }
}

// One reading of both topics, from their beginnings until an error or a stop.
class Gateway::Reading {
 public:
  explicit Reading(Gateway* gateway) : gateway_(*gateway), store_(gateway->store_) {}

  absl::Status run(const Stop& stop);
  bool has_begun() const { return has_begun_; }

 private:
  absl::Status reaches_brokers(const kafka::Consumer& consumer);
  void take(const kafka::Message& message);
  void take_alert(const kafka::Message& message);
  void take_point(const kafka::Message& message);
  bool is_of_another_topic(const kafka::Message& message);
  void become_loaded();

  Gateway& gateway_;
  serve::AlertStore& store_;
  bool has_begun_ = false;
  bool loaded_ = false;
  std::int64_t next_alert_ = 0;
  std::uint64_t identity_ = 0;
  std::set<std::uint64_t> seen_;  // identities of records of this log
  absl::Status another_topic_;
  std::unique_ptr<kafka::Admin> asking_;  // while the consumer says that no broker answers
  std::chrono::steady_clock::time_point ask_next_;
  absl::Status answer_;
};

// Whatever ends a reading but a stop, the next one begins with nothing: what the log is then is not
// known before it has been read.
absl::Status Gateway::read(const Stop& stop) {
  Reading reading(this);
  absl::Status status = reading.run(stop);
  if (status.ok()) return status;
  if (reading.has_begun()) {
    meters_->reset();
    meters_->read_anew();
    alerts_position_.store(0, std::memory_order_relaxed);
    series_position_.store(0, std::memory_order_relaxed);
    store_.reset();
  }
  set_serving(/*loaded=*/false, /*reaches_brokers=*/!absl::IsUnavailable(status));
  // Deleted, and perhaps made again in a moment.
  if (topics_were_there_ && absl::IsNotFound(status))
    status = unavailable("{}", message_of(status));
  return status;
}

absl::Status Gateway::Reading::run(const Stop& stop) {
  const Options& options = gateway_.options_;
  const kafka::Topics& topics = gateway_.topics_;
  const auto partitions =
      await_topics(options.config->kafka, {topics.alerts, topics.series}, options.strict, stop);
  if (absl::IsCancelled(partitions.status())) return absl::OkStatus();
  SW_RETURN_IF_ERROR(partitions.status());
  if ((*partitions)[0] != 1) {
    return invalid_argument("topic '{}' has {} partitions; resume tokens need it to have one",
                            topics.alerts, (*partitions)[0]);
  }
  gateway_.topics_were_there_ = true;
  kafka::Consumer::Options consumer_options;
  consumer_options.client = client_options(options.config->kafka);
  consumer_options.group_id = options.config->kafka.group_id + "-gateway";
  consumer_options.headers = true;
  consumer_options.skipped = [this](const auto&, std::int64_t first, std::int64_t next, auto) {
    gateway_.meters_->refused(PublishedFault::kUnreadable, next - first);
  };
  SW_ASSIGN_OR_RETURN(const auto consumer, kafka::Consumer::create(consumer_options));
  std::vector<std::pair<kafka::TopicPartition, std::int64_t>> starts{
      {{topics.alerts, 0}, kafka::kBeginning}};
  for (std::int32_t i = 0; i < (*partitions)[1]; ++i) {
    starts.push_back({{topics.series, i}, kafka::kBeginning});
  }
  SW_RETURN_IF_ERROR(consumer->assign(starts));
  has_begun_ = true;
  const auto visit = [this](const kafka::Message& message) { take(message); };
  while (!stop.requested()) {
    SW_RETURN_IF_ERROR(consumer->poll(kPollWait, kPollBatch, visit).status());
    SW_RETURN_IF_ERROR(another_topic_);
    gateway_.meters_->dropped(store_.dropped_points(), store_.evicted_alerts());
    const absl::Status reachable = reaches_brokers(*consumer);
    if (!reachable.ok() && (options.strict || !absl::IsUnavailable(reachable))) return reachable;
    if (!loaded_ && consumer->at_end()) become_loaded();
    gateway_.set_serving(loaded_, reachable.ok());
  }
  return absl::OkStatus();
}

// A consumer says that the brokers went, but of quiet topics not that they are back, until
// something comes, which may be tomorrow. So they are asked.
absl::Status Gateway::Reading::reaches_brokers(const kafka::Consumer& consumer) {
  const absl::Status said = consumer.last_error();
  if (!absl::IsUnavailable(said)) {
    asking_.reset();
    return said;
  }
  const auto now = std::chrono::steady_clock::now();
  if (asking_ != nullptr && now < ask_next_) return answer_;
  ask_next_ = now + kAskEvery;
  if (asking_ == nullptr) {
    SW_ASSIGN_OR_RETURN(asking_,
                        kafka::Admin::create(client_options(gateway_.options_.config->kafka)));
  }
  const std::string& alerts = gateway_.topics_.alerts;
  const auto partitions = asking_->partitions({alerts}, kAskWait);
  answer_ = partitions.ok() ? absl::OkStatus() : said;
  if (partitions.ok() && !(*partitions)[0]) answer_ = not_found("topic '{}' is gone", alerts);
  return answer_;
}

// The gauges begin with what is in force now, and not with what once was.
void Gateway::Reading::become_loaded() {
  loaded_ = true;
  const auto all = store_.page({}, std::nullopt, SIZE_MAX);
  for (const auto& alert : all.alerts) gateway_.meters_->alert(*alert);
  for (const v1::SeriesPoint& point : store_.latest_points()) gateway_.meters_->point(point);
  store_.set_loaded();
  spdlog::info("has read the alerts up to offset {}, {} of them are kept; serving", next_alert_,
               all.alerts.size());
}

void Gateway::Reading::take(const kafka::Message& message) {
  if (!another_topic_.ok()) return;
  if (message.topic == gateway_.topics_.alerts) {
    take_alert(message);
  } else {
    take_point(message);
  }
}

// While nothing has been told the newest record's word holds, so that a log in which the identity
// changes is read to its end all the same. One that has two of them (a mirror's records among ours)
// is the same log, whichever of them comes next.
bool Gateway::Reading::is_of_another_topic(const kafka::Message& message) {
  const std::uint64_t identity = topic_identity(message);
  const bool is_new = identity != 0 && !seen_.contains(identity);
  const bool falls = message.offset < next_alert_;
  if (falls || (is_new && loaded_ && identity_ != 0)) {
    another_topic_ = failed_precondition(
        "topic '{}' is another one than before ({} at offset {}); reads it from its beginning, and "
        "clients list anew",
        message.topic,
        falls ? fmt::format("offsets fall from {}", next_alert_)
              : fmt::format("identity {:016x} in place of {:016x}", identity, identity_),
        message.offset);
    return true;
  }
  if (is_new && seen_.size() < kIdentitiesSeen) seen_.insert(identity);
  if (identity != 0 && identity != identity_ && (!loaded_ || identity_ == 0)) {
    identity_ = identity;
    store_.set_identity(identity);
  }
  return false;
}

void Gateway::Reading::take_alert(const kafka::Message& message) {
  if (is_of_another_topic(message)) return;
  GatewayMeters& meters = *gateway_.meters_;
  v1::Alert alert;
  if (message.payload.empty()) {
    const std::string alert_id(message.key);
    store_.forget(message.offset, alert_id);
    meters.forget(alert_id);
  } else if (const auto fault = read_alert(message, &alert)) {
    gateway_.refuse(message, *fault);
  } else {
    const auto added = store_.add(message.offset, alert);
    if (added.is_news && loaded_) meters.alert(alert);
    if (!added.evicted.empty()) meters.forget(added.evicted);
  }
  next_alert_ = message.offset + 1;
  store_.advance(next_alert_);
  gateway_.alerts_position_.store(next_alert_, std::memory_order_relaxed);
}

void Gateway::Reading::take_point(const kafka::Message& message) {
  v1::SeriesPoint point;
  if (const auto fault = read_point(message, &point)) {
    gateway_.refuse(message, *fault);
  } else {
    store_.add(point);
    if (loaded_) gateway_.meters_->point(point);
  }
  gateway_.series_position_.store(message.offset + 1, std::memory_order_relaxed);
}

}  // namespace surgewatch::services
