#include "gateway/gateway.h"

#include <spdlog/spdlog.h>

#include "base/status.h"
#include "common/kafka_start.h"
#include "gateway/meters.h"
#include "kafka/client.h"

namespace surgewatch::services {
namespace {

constexpr std::chrono::milliseconds kPollWait{50};
constexpr std::size_t kPollBatch = 1'000;

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
      meters_(std::make_unique<Meters>(options_.telemetry)) {
  options_.telemetry->set_ready("gateway has read the alerts", false);
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

absl::Status Gateway::read(const Stop& stop) {
  const auto partitions =
      await_topics(options_.config->kafka, {topics_.alerts, topics_.series}, options_.strict, stop);
  if (absl::IsCancelled(partitions.status())) return absl::OkStatus();
  SW_RETURN_IF_ERROR(partitions.status());
  if ((*partitions)[0] != 1) {
    return invalid_argument("topic '{}' has {} partitions; resume tokens need it to have one",
                            topics_.alerts, (*partitions)[0]);
  }
  kafka::Consumer::Options consumer_options;
  consumer_options.client = client_options(options_.config->kafka);
  consumer_options.group_id = options_.config->kafka.group_id + "-gateway";
  SW_ASSIGN_OR_RETURN(const auto consumer, kafka::Consumer::create(consumer_options));
  std::vector<std::pair<kafka::TopicPartition, std::int64_t>> starts{
      {{topics_.alerts, 0}, kafka::kBeginning}};
  for (std::int32_t i = 0; i < (*partitions)[1]; ++i) {
    starts.push_back({{topics_.series, i}, kafka::kBeginning});
  }
  SW_RETURN_IF_ERROR(consumer->assign(starts));
  const auto visit = [this](const kafka::Message& message) {
    const int size = static_cast<int>(message.payload.size());
    if (message.topic == topics_.alerts) {
      v1::Alert alert;
      if (size == 0) {
        store_.forget(message.offset, std::string(message.key));
      } else if (alert.ParseFromArray(message.payload.data(), size)) {
        meters_->alert(alert);
        store_.add(message.offset, std::move(alert));
      } else {
        meters_->malformed();
      }
      store_.advance(message.offset + 1);
      alerts_position_.store(message.offset + 1, std::memory_order_relaxed);
      return;
    }
    v1::SeriesPoint point;
    if (point.ParseFromArray(message.payload.data(), size)) {
      meters_->point(point);
      store_.add(point);
    } else {
      meters_->malformed();
    }
    series_position_.store(message.offset + 1, std::memory_order_relaxed);
  };
  while (!stop.requested()) {
    SW_RETURN_IF_ERROR(consumer->poll(kPollWait, kPollBatch, visit).status());
    meters_->dropped_points(store_.dropped_points());
    const absl::Status reachable = consumer->last_error();
    options_.telemetry->set_ready("gateway reaches the brokers", reachable.ok());
    if (!reachable.ok() && (options_.strict || !absl::IsUnavailable(reachable))) return reachable;
    if (consumer->at_end()) options_.telemetry->set_ready("gateway has read the alerts", true);
  }
  return absl::OkStatus();
}

}  // namespace surgewatch::services
