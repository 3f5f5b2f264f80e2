#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/status.h"
#include "serve/grpc_library.h"
#include "serve/grpc_server.h"
#include "surgewatch/v1/service.grpc.pb.h"

namespace surgewatch::serve {
namespace {

// Cancels the call once `cancelled` holds. A signal handler can set a flag but not call gRPC, so
// someone has to look.
std::jthread cancel_when(const std::atomic<bool>* cancelled, grpc::ClientContext* context) {
  if (cancelled == nullptr) return {};
  return std::jthread([cancelled, context](const std::stop_token& done) {
    std::mutex mutex;
    std::condition_variable_any woken;
    std::unique_lock lock(mutex);
    while (!done.stop_requested() && !cancelled->load(std::memory_order_acquire)) {
      woken.wait_for(lock, done, std::chrono::milliseconds(100), [] { return false; });
    }
    if (!done.stop_requested()) context->TryCancel();
  });
}

constexpr char kLoading[] = "surgewatch/loading";

std::shared_ptr<grpc::Channel> channel_to(const std::string& target) {
  prepare_grpc();
  grpc::ChannelArguments arguments;
  // A gateway that vanished without a word is noticed within 40 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

absl::Status outcome(const char* call, const std::string& target, const grpc::Status& status,
                     const grpc::ClientContext& context) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      fmt::format("{} {}: {}", call, target, status.error_message()));
  if (context.GetServerTrailingMetadata().contains(kLoadingMetadata)) {
    result.SetPayload(kLoading, absl::Cord());
  }
  return result;
}

}  // namespace

bool is_loading(const absl::Status& status) { return status.GetPayload(kLoading).has_value(); }

absl::StatusOr<std::string> list(const std::string& target, const v1::AlertFilter& filter,
                                 const std::function<void(const v1::Alert&)>& visit) {
  constexpr int kLargestPage = 1'000;
  const auto stub = v1::AlertService::NewStub(channel_to(target));
  v1::ListAlertsRequest request;
  *request.mutable_filter() = filter;
  request.set_page_size(kLargestPage);
  v1::ListAlertsResponse response;
  do {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    SW_RETURN_IF_ERROR(outcome("listing the alerts of", target,
                               stub->ListAlerts(&context, request, &response), context));
    for (const v1::Alert& alert : response.alerts()) visit(alert);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return response.resume_token();
}

absl::Status subscribe(const std::string& target, const v1::SubscribeRequest& request,
                       const std::function<bool(const v1::SubscribeResponse&)>& visit,
                       const std::atomic<bool>* cancelled) {
  const auto stub = v1::AlertService::NewStub(channel_to(target));
  grpc::ClientContext context;
  const auto reader = stub->Subscribe(&context, request);
  grpc::Status status;
  bool enough = false;
  {
    const std::jthread canceller = cancel_when(cancelled, &context);
    v1::SubscribeResponse response;
    while (!enough && reader->Read(&response)) enough = !visit(response);
    if (enough) context.TryCancel();
    status = reader->Finish();
  }
  if (enough) return absl::OkStatus();
  return outcome("subscription to", target, status, context);
}

}  // namespace surgewatch::serve
