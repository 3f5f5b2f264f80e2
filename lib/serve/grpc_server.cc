#include "serve/grpc_server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/status.h"
#include "base/time.h"
#include "serve/listen.h"
#include "serve/metrics.h"
#include "serve/token.h"
#include "surgewatch/v1/service.grpc.pb.h"

namespace surgewatch::serve {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kBatch = 256;
constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1'000;
constexpr int kMaxRequestBytes = 64 * 1'024;
// How soon a waiting stream notices that its client has gone or that the server stops.
constexpr milliseconds kWaitSlice{100};

grpc::Status to_grpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), message_of(status)};
}

constexpr std::string_view kListAnew =
    "call ListAlerts, then subscribe with the resume_token of its response";

absl::Status with_advice(const absl::Status& status, std::string_view what_to_do) {
  if (!absl::IsOutOfRange(status)) return status;
  return out_of_range("{}; {}", message_of(status), what_to_do);
}

class AlertServiceImpl final : public v1::AlertService::Service {
 public:
  explicit AlertServiceImpl(const GrpcServer::Options& options) : options_(options) {
    if (options.telemetry == nullptr) return;
    subscribers_ = &subscribers_gauge(*options.telemetry, "grpc");
    responses_ = &responses_counter(*options.telemetry, "grpc");
  }

  void stop() { stopping_.store(true, std::memory_order_release); }

  grpc::Status ListAlerts(grpc::ServerContext* context, const v1::ListAlertsRequest* request,
                          v1::ListAlertsResponse* response) override {
    if (request->page_size() < 0) {
      return to_grpc(
          invalid_argument("page_size is {}, but must not be negative", request->page_size()));
    }
    const int size =
        request->page_size() == 0 ? kDefaultPageSize : std::min(request->page_size(), kMaxPageSize);
    std::optional<PageToken> token;
    std::optional<AlertStore::Cursor> after;
    if (!request->page_token().empty()) {
      auto parsed = parse_page_token(request->page_token());
      if (!parsed.ok()) {
        return to_grpc(with_advice(parsed.status(), "begin the list anew, without a page token"));
      }
      token = *std::move(parsed);
      after = AlertStore::Cursor{token->onset, token->alert_id};
    }
    const AlertStore::Page page =
        options_.alerts->page(request->filter(), after, static_cast<std::size_t>(size));
    if (!page.place.loaded) return loading(context);
    // The token of the first page: what changes while someone turns pages is heard again.
    const ResumeToken resume = token ? token->resume : resume_token(page.place);
    const absl::Status valid = usable(resume, page.place.identity, now_seconds());
    if (!valid.ok()) {
      return to_grpc(with_advice(valid, "begin the list anew, without a page token"));
    }
    for (const auto& alert : page.alerts) *response->add_alerts() = *alert;
    if (page.next) {
      response->set_next_page_token(make_token(
          PageToken{.resume = resume, .onset = page.next->onset, .alert_id = page.next->alert_id}));
    }
    response->set_resume_token(make_token(resume));
    return grpc::Status::OK;
  }

  grpc::Status GetAlert(grpc::ServerContext* context, const v1::GetAlertRequest* request,
                        v1::GetAlertResponse* response) override {
    const AlertStore::Place before = options_.alerts->place();
    auto alert = options_.alerts->get(request->alert_id());
    if (!before.loaded || options_.alerts->place().life != before.life) return loading(context);
    if (!alert) return to_grpc(not_found("there is no alert '{}'", request->alert_id()));
    *response->mutable_alert() = *std::move(alert);
    return grpc::Status::OK;
  }

  grpc::Status Subscribe(grpc::ServerContext* context, const v1::SubscribeRequest* request,
                         grpc::ServerWriter<v1::SubscribeResponse>* writer) override {
    // Its start is fixed before it is counted.
    AlertStore::Place place = options_.alerts->place();
    if (!place.loaded) return loading(context);
    const Slot slot(this);
    if (!slot.taken()) {
      return to_grpc(absl::ResourceExhaustedError(fmt::format(
          "{} streams are open, the most there may be; try again later", options_.max_streams)));
    }
    if (!request->resume_token().empty()) {
      const auto token = parse_resume_token(request->resume_token());
      if (!token.ok()) return to_grpc(with_advice(token.status(), kListAnew));
      const absl::Status valid = usable(*token, place.identity, now_seconds());
      if (!valid.ok()) return to_grpc(with_advice(valid, kListAnew));
      place.next_offset = token->next_offset;
    }
    return to_grpc(stream(context, request->filter(), place, writer));
  }

 private:
  // One of the streams that may be open at once.
  class Slot {
   public:
    explicit Slot(AlertServiceImpl* service) : service_(service) {
      const int open = service->open_.fetch_add(1, std::memory_order_relaxed) + 1;
      taken_ = open <= service->options_.max_streams;
      if (taken_ && service->subscribers_ != nullptr) service->subscribers_->Increment();
    }
    ~Slot() {
      service_->open_.fetch_sub(1, std::memory_order_relaxed);
      if (taken_ && service_->subscribers_ != nullptr) service_->subscribers_->Decrement();
    }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    bool taken() const { return taken_; }

   private:
    AlertServiceImpl* service_;
    bool taken_ = false;
  };

  static grpc::Status loading(grpc::ServerContext* context) {
    context->AddTrailingMetadata(kLoadingMetadata, "1");
    return to_grpc(unavailable(
        "the gateway has not read the alerts topic to its end yet; try again in a second"));
  }

  static std::int64_t now_seconds() { return wall_clock_micros() / kMicrosPerSecond; }

  bool stopping() const {
    return stopping_.load(std::memory_order_acquire) || options_.alerts->stopped();
  }

  bool write(const v1::SubscribeResponse& response,
             grpc::ServerWriter<v1::SubscribeResponse>* writer) {
    if (!writer->Write(response)) return false;
    if (responses_ != nullptr) responses_->Increment();
    return true;
  }

  bool write_heartbeat(const AlertStore::Place& place,
                       grpc::ServerWriter<v1::SubscribeResponse>* writer) {
    v1::SubscribeResponse response;
    const Micros now = wall_clock_micros();
    auto* sent_at = response.mutable_heartbeat()->mutable_sent_at();
    sent_at->set_seconds(now / kMicrosPerSecond);
    sent_at->set_nanos(static_cast<std::int32_t>(now % kMicrosPerSecond * 1'000));
    response.set_resume_token(make_token(place));
    return write(response, writer);
  }

  // Why since() can't go on from `place`.
  static absl::Status behind(const absl::Status& why, const AlertStore::Place& place,
                             bool started) {
    if (absl::IsAborted(why)) return out_of_range("{}; {}", message_of(why), kListAnew);
    if (!started) {
      return out_of_range("the resume token is older than what is kept; {}", kListAnew);
    }
    return absl::ResourceExhaustedError(fmt::format(
        "the subscriber reads too slowly and has fallen behind what is kept; last token {}; {}",
        make_token(place), kListAnew));
  }

  // Waits, by slices, for the log to reach a token that is ahead of it.
  absl::Status await(AlertStore::Place place, grpc::ServerContext* context) const {
    const auto deadline = Clock::now() + options_.ahead_grace;
    const std::int64_t wanted = place.next_offset--;
    while (options_.alerts->next_offset() < wanted) {
      if (stopping() || context->IsCancelled()) break;
      if (options_.alerts->place().life != place.life) break;
      if (Clock::now() >= deadline) {
        return out_of_range(
            "the resume token is ahead of the alerts topic, which may have been made anew; {}",
            kListAnew);
      }
      options_.alerts->wait_beyond(place, kWaitSlice);
    }
    return absl::OkStatus();
  }

  absl::Status stream(grpc::ServerContext* context, const v1::AlertFilter& filter,
                      AlertStore::Place place, grpc::ServerWriter<v1::SubscribeResponse>* writer) {
    SW_RETURN_IF_ERROR(await(place, context));
    // Tokens that are too old are found before anything is written.
    const absl::Status kept = options_.alerts->since(place, 0).status();
    if (!kept.ok()) return behind(kept, place, false);
    // At once, so that the subscriber holds a token whatever happens next.
    bool alive = write_heartbeat(place, writer);
    auto last_write = Clock::now();
    while (alive && !context->IsCancelled()) {
      if (stopping()) return unavailable("the gateway is stopping; resume with the last token");
      const auto found = options_.alerts->since(place, kBatch);
      if (!found.ok()) return behind(found.status(), place, true);
      place.identity = found->next.identity;
      for (const StoredRevision& revision : found->revisions) {
        place.next_offset = revision.offset + 1;
        if (!matches(filter, *revision.alert)) continue;
        v1::SubscribeResponse response;
        *response.mutable_alert() = *revision.alert;
        response.set_resume_token(make_token(place));
        alive = write(response, writer);
        last_write = Clock::now();
        if (!alive || stopping()) break;
      }
      if (!alive || stopping()) continue;
      place = found->next;
      const auto silent = std::chrono::duration_cast<milliseconds>(Clock::now() - last_write);
      if (silent >= options_.heartbeat) {
        alive = write_heartbeat(place, writer);
        last_write = Clock::now();
        continue;
      }
      options_.alerts->wait_beyond(place, std::min(options_.heartbeat - silent, kWaitSlice));
    }
    return absl::CancelledError("the subscriber has gone");
  }

  const GrpcServer::Options options_;
  prometheus::Gauge* subscribers_ = nullptr;
  prometheus::Counter* responses_ = nullptr;
  // Written by stop(), read by streams; nothing else hangs on it, acquire/release for plainness.
  std::atomic<bool> stopping_{false};
  // A count and no more; relaxed, since nobody reads other data by it.
  std::atomic<int> open_{0};
};

class GrpcServerImpl final : public GrpcServer {
 public:
  explicit GrpcServerImpl(const Options& options) : service_(options) {}
  ~GrpcServerImpl() override { stop(); }

  absl::Status listen(const Options& options) {
    grpc::ServerBuilder builder;
    // Two servers on one port would each get some of the clients.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // A client that vanished without a word is noticed within 40 s.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
    builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
    // Streams hold a thread each; some more for short calls, health and gRPC's own pollers.
    builder.SetResourceQuota(
        grpc::ResourceQuota("surgewatch").SetMaxThreads(options.max_streams + 64));
    const std::string address = join_address(options.bind_address, options.port);
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      server_.reset();
      return cannot_listen("gRPC", options.bind_address, options.port);
    }
    set_serving(options.alerts->place().loaded);
    return absl::OkStatus();
  }

  void set_serving(bool serving) override {
    if (server_ == nullptr) return;
    // Of the service, which must be named once to be known, and of the server as a whole.
    grpc::HealthCheckServiceInterface& health = *server_->GetHealthCheckService();
    health.SetServingStatus(std::string(v1::AlertService::service_full_name()), serving);
    health.SetServingStatus(serving);
  }

  int port() const override { return port_; }

  void stop() override {
    if (server_ == nullptr) return;
    server_->GetHealthCheckService()->Shutdown();
    service_.stop();
    // Streams end by themselves within a slice; one that is stuck in a write is cut off then.
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    server_->Wait();
    server_.reset();
  }

 private:
  AlertServiceImpl service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

// gRPC would write to stderr by itself what our own errors say.
void route_grpc_log() {
  gpr_set_log_function([](gpr_log_func_args* args) {
    spdlog::debug("gRPC: {}:{}: {}", args->file, args->line, args->message);
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::start(const Options& options) {
  if (options.alerts == nullptr) return invalid_argument("the gRPC server needs an alert store");
  route_grpc_log();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto server = std::make_unique<GrpcServerImpl>(options);
  SW_RETURN_IF_ERROR(server->listen(options));
  return server;
}

}  // namespace surgewatch::serve
