#include "gateway/gateway.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <utility>

#include "base/status.h"
#include "common/kafka_start.h"
#include "gateway/intake.h"
#include "gateway/meters.h"
#include "kafka/client.h"

namespace surgewatch::services {
namespace {

constexpr std::chrono::milliseconds kPollWait{50};
constexpr std::size_t kPollBatch = 1'000;
constexpr std::chrono::milliseconds kAskEvery{1'000};
constexpr std::chrono::milliseconds kAskWait{500};

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

// One reading of both topics, from their beginnings until an error or a stop.
class Gateway::Reading {
 public:
  explicit Reading(Gateway* gateway)
      : gateway_(*gateway),
        intake_(gateway->topics_.alerts, &gateway->store_, gateway->meters_.get(),
                &gateway->seldom_) {}

  absl::Status run(const Stop& stop);
  bool has_begun() const { return has_begun_; }

 private:
  absl::Status reaches_brokers(const kafka::Consumer& consumer);
  void take(const kafka::Message& message);

  Gateway& gateway_;
  Intake intake_;
  bool has_begun_ = false;
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
    SW_RETURN_IF_ERROR(intake_.another_topic());
    gateway_.meters_->dropped(gateway_.store_.dropped_points(), gateway_.store_.evicted_alerts());
    const absl::Status reachable = reaches_brokers(*consumer);
    if (!reachable.ok() && (options.strict || !absl::IsUnavailable(reachable))) return reachable;
    if (!intake_.is_loaded() && consumer->at_end()) intake_.become_loaded();
    gateway_.set_serving(intake_.is_loaded(), reachable.ok());
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

void Gateway::Reading::take(const kafka::Message& message) {
  intake_.take(message);
  gateway_.alerts_position_.store(intake_.next_alert(), std::memory_order_relaxed);
  gateway_.series_position_.store(intake_.next_point(), std::memory_order_relaxed);
}

}  // namespace surgewatch::services
