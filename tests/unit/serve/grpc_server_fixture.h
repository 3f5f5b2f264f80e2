// A gRPC server over a store of alerts, and clients of it.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "serve/grpc_server.h"
#include "serve/metrics.h"
#include "serve/token.h"
#include "support/process.h"
#include "surgewatch/v1/service.grpc.pb.h"
#include "unit/serve/builders.h"

namespace surgewatch::serve {

inline std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

inline std::string token_at(std::int64_t offset) {
  return make_token(ResumeToken{.next_offset = offset, .issued_at = now_seconds()});
}

inline v1::SubscribeRequest from_token(std::string token) {
  v1::SubscribeRequest request;
  request.set_resume_token(std::move(token));
  return request;
}

inline std::int64_t offset_of(const std::string& token) {
  const auto parsed = parse_resume_token(token);
  return parsed.ok() ? parsed->next_offset : -1;
}

inline std::vector<std::string> ids(const std::vector<v1::SubscribeResponse>& responses) {
  std::vector<std::string> result;
  for (const auto& response : responses) result.push_back(response.alert().alert_id());
  return result;
}

class GrpcServerFixture : public ::testing::Test {
 protected:
  static constexpr std::chrono::seconds kPatience{20};

  void start(GrpcServer::Options options = {}) {
    options.alerts = &store_;
    options.telemetry = &telemetry_;
    auto started = GrpcServer::start(options);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    server_ = *std::move(started);
    stub_ = v1::AlertService::NewStub(
        grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  std::string target() const { return "127.0.0.1:" + std::to_string(server_->port()); }

  v1::ListAlertsResponse list(const v1::ListAlertsRequest& request) const {
    grpc::ClientContext context;
    v1::ListAlertsResponse response;
    const auto status = stub_->ListAlerts(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // Subscribes until `count` alerts have come.
  std::vector<v1::SubscribeResponse> take(const v1::SubscribeRequest& request, std::size_t count) {
    std::vector<v1::SubscribeResponse> alerts;
    const auto status = subscribe(target(), request, [&](const v1::SubscribeResponse& response) {
      if (response.has_alert()) alerts.push_back(response);
      return alerts.size() < count;
    });
    EXPECT_TRUE(status.ok()) << status.ToString();
    return alerts;
  }
  absl::Status end_of(const v1::SubscribeRequest& request) const {
    return subscribe(target(), request, [](const v1::SubscribeResponse&) { return true; });
  }

  bool wait_for_streams(double count) {
    auto& gauge = subscribers_gauge(telemetry_, "grpc");
    return test::wait_until([&] { return gauge.Value() == count; }, kPatience);
  }

  telemetry::Telemetry telemetry_{"gateway", 100};
  AlertStore store_{100};
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<v1::AlertService::Stub> stub_;
};

}  // namespace surgewatch::serve
