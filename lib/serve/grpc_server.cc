#include "serve/grpc_server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/time.h"
#include "serve/grpc_library.h"
#include "serve/listen.h"
#include "serve/open_calls.h"
#include "serve/peer.h"
#include "serve/subscription.h"
#include "serve/token.h"
#include "surgewatch/v1/service.grpc.pb.h"

namespace surgewatch::serve {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1'000;
// gRPC's clients take messages of 4 MB by default.
constexpr std::size_t kMaxPageBytes = std::size_t{1} << 20U;
constexpr int kMaxRequestBytes = 64 * 1'024;
constexpr int kMaxMetadataBytes = 8 * 1'024;
// Calls of one connection beyond its streams: answers, health, reflection. A client that asks for
// more of either is told, rather than left to wait by its own library.
constexpr int kMoreCallsPerConnection = 64;
// Reflection, which is gRPC's own, has a thread for each client.
constexpr int kReflectionThreads = 16;

grpc::Status to_grpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), message_of(status)};
}

absl::Status with_advice(const absl::Status& status, std::string_view what_to_do) {
  if (!absl::IsOutOfRange(status)) return status;
  return out_of_range("{}; {}", message_of(status), what_to_do);
}

// A call that can be cancelled for as long as this is there, though it may be over.
class Cancellable {
 public:
  explicit Cancellable(grpc::CallbackServerContext* context) : call_(context->c_call()) {
    grpc_call_ref(call_);
  }
  ~Cancellable() { grpc_call_unref(call_); }
  Cancellable(const Cancellable&) = delete;
  Cancellable& operator=(const Cancellable&) = delete;

  // The client hears the status ahead of what its window holds back. gRPC's header does not promise
  // as much, but its HTTP/2 transport writes the trailers at once, which nothing else does:
  // Finish() waits until all before it has been written.
  void cancel(const absl::Status& status) {
    grpc_call_cancel_with_status(call_, static_cast<grpc_status_code>(status.code()),
                                 message_of(status).c_str(), nullptr);
  }

 private:
  grpc_call* const call_;
};

using StreamReactor = grpc::ServerWriteReactor<v1::SubscribeResponse>;

class GrpcStream final : public OpenCalls::Stream, public StreamReactor {
 public:
  GrpcStream(OpenCalls* calls, OpenCalls::Slot slot, Subscription subscription,
             grpc::CallbackServerContext* context)
      : Stream(calls, std::move(slot), std::move(subscription)), call_(context) {}

  void OnWriteDone(bool ok) override { ok ? taken() : gone(); }
  void OnCancel() override { gone(); }
  void OnDone() override { done(); }

 private:
  void start_write(const v1::SubscribeResponse& response) override { StartWrite(&response); }
  void finish(const absl::Status& status) override { Finish(to_grpc(status)); }
  void cancel(const absl::Status& status) override { call_.cancel(status); }

  Cancellable call_;
};

// What a stream is that was refused.
class Refusal final : public StreamReactor {
 public:
  explicit Refusal(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

class GrpcAnswer final : public OpenCalls::Answer, public grpc::ServerUnaryReactor {
 public:
  GrpcAnswer(OpenCalls* calls, OpenCalls::Slot slot, std::size_t bytes,
             grpc::CallbackServerContext* context)
      : Answer(calls, std::move(slot), bytes), call_(context) {}

  void OnDone() override { done(); }

 private:
  void cancel(const absl::Status& status) override { call_.cancel(status); }

  Cancellable call_;
};

class AlertServiceImpl final : public v1::AlertService::CallbackService {
 public:
  explicit AlertServiceImpl(const GrpcServer::Options& options)
      : options_(options), calls_(options.alerts, options.limits, options.telemetry) {}

  void stop() { calls_.stop(); }
  void join() { calls_.join(); }

  grpc::ServerUnaryReactor* ListAlerts(grpc::CallbackServerContext* context,
                                       const v1::ListAlertsRequest* request,
                                       v1::ListAlertsResponse* response) override {
    return answer(context, *response, [&] { return list(context, *request, response); });
  }

  grpc::ServerUnaryReactor* GetAlert(grpc::CallbackServerContext* context,
                                     const v1::GetAlertRequest* request,
                                     v1::GetAlertResponse* response) override {
    return answer(context, *response, [&] { return get(context, *request, response); });
  }

  StreamReactor* Subscribe(grpc::CallbackServerContext* context,
                           const v1::SubscribeRequest* request) override {
    // Its start is fixed before it is counted.
    const AlertStore::Place place = options_.alerts->place();
    if (!place.loaded) return new Refusal(loading(context));
    if (const absl::Status good = check_filter(request->filter()); !good.ok()) {
      return new Refusal(to_grpc(good));
    }
    auto subscription = Subscription::begin(options_.alerts, *request, place,
                                            {.heartbeat = options_.heartbeat,
                                             .ahead_grace = options_.ahead_grace,
                                             .age = options_.limits.stream_age},
                                            Subscription::Clock::now());
    if (!subscription.ok()) {
      return new Refusal(to_grpc(with_advice(subscription.status(), kListAnew)));
    }
    auto slot = calls_.slot_for_stream(peer_of_uri(context->peer()));
    if (!slot.ok()) return new Refusal(to_grpc(slot.status()));
    auto stream =
        std::make_unique<GrpcStream>(&calls_, *std::move(slot), *std::move(subscription), context);
    StreamReactor* const reactor = stream.get();
    calls_.open(std::move(stream));
    return reactor;
  }

 private:
  // What `compute` makes of the response, if there is a slot for one more.
  grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context,
                                   const google::protobuf::Message& response,
                                   const std::function<grpc::Status()>& compute) {
    auto slot = calls_.slot_for_answer(peer_of_uri(context->peer()));
    const grpc::Status status = slot.ok() ? compute() : to_grpc(slot.status());
    if (!status.ok()) {
      grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
      reactor->Finish(status);
      return reactor;
    }
    auto answer =
        std::make_unique<GrpcAnswer>(&calls_, *std::move(slot), response.ByteSizeLong(), context);
    grpc::ServerUnaryReactor* const reactor = answer.get();
    // It is known before it can be done.
    calls_.open(std::move(answer));
    reactor->Finish(status);
    return reactor;
  }

  static grpc::Status loading(grpc::CallbackServerContext* context) {
    context->AddTrailingMetadata(kLoadingMetadata, "1");
    return to_grpc(unavailable(
        "the gateway has not read the alerts topic to its end yet; try again in a second"));
  }

  grpc::Status list(grpc::CallbackServerContext* context, const v1::ListAlertsRequest& request,
                    v1::ListAlertsResponse* response) const {
    if (request.page_size() < 0) {
      return to_grpc(
          invalid_argument("page_size is {}, but must not be negative", request.page_size()));
    }
    if (const absl::Status good = check_filter(request.filter()); !good.ok()) return to_grpc(good);
    const int size =
        request.page_size() == 0 ? kDefaultPageSize : std::min(request.page_size(), kMaxPageSize);
    std::optional<PageToken> token;
    std::optional<AlertStore::Cursor> after;
    if (!request.page_token().empty()) {
      auto parsed = parse_page_token(request.page_token());
      if (!parsed.ok()) {
        return to_grpc(with_advice(parsed.status(), "begin the list anew, without a page token"));
      }
      token = *std::move(parsed);
      after = AlertStore::Cursor{token->onset, token->alert_id};
    }
    const AlertStore::Page page = options_.alerts->page(
        request.filter(), after, static_cast<std::size_t>(size), kMaxPageBytes);
    if (!page.place.loaded) return loading(context);
    // The token of the first page: what changes while someone turns pages is heard again.
    const ResumeToken resume = token ? token->resume : resume_token(page.place);
    const absl::Status valid =
        usable(resume, page.place.identity, wall_clock_micros() / kMicrosPerSecond);
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

  grpc::Status get(grpc::CallbackServerContext* context, const v1::GetAlertRequest& request,
                   v1::GetAlertResponse* response) const {
    const AlertStore::Place before = options_.alerts->place();
    auto alert = options_.alerts->get(request.alert_id());
    if (!before.loaded || options_.alerts->place().life != before.life) return loading(context);
    if (!alert) return to_grpc(not_found("there is no alert '{}'", request.alert_id()));
    *response->mutable_alert() = *std::move(alert);
    return grpc::Status::OK;
  }

  const GrpcServer::Options options_;
  OpenCalls calls_;
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
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
    // One that connects and says nothing, or nothing more, is let go of.
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 300'000);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                               options.limits.streams_per_peer + kMoreCallsPerConnection);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
    builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
    builder.SetResourceQuota(grpc::ResourceQuota("surgewatch").SetMaxThreads(kReflectionThreads));
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
    // Streams end by themselves; what else a client does not take is cut off then.
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    server_->Wait();
    service_.join();
    server_.reset();
  }

 private:
  AlertServiceImpl service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::start(const Options& options) {
  if (options.alerts == nullptr) return invalid_argument("the gRPC server needs an alert store");
  prepare_grpc();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto server = std::make_unique<GrpcServerImpl>(options);
  SW_RETURN_IF_ERROR(server->listen(options));
  return server;
}

}  // namespace surgewatch::serve
