#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/status.h"
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

}  // namespace

absl::Status subscribe(const std::string& target, const v1::SubscribeRequest& request,
                       const std::function<bool(const v1::SubscribeResponse&)>& visit,
                       const std::atomic<bool>* cancelled) {
  grpc::ChannelArguments arguments;
  // A gateway that vanished without a word is noticed within 40 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  const auto channel =
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  const auto stub = v1::AlertService::NewStub(channel);
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
  if (enough || status.ok()) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(status.error_code()),
          fmt::format("subscription to {}: {}", target, status.error_message())};
}

}  // namespace surgewatch::serve
