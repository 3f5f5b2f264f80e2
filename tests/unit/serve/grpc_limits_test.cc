// What one client can take from the others of a gRPC server: slots, memory, threads, time.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "serve/grpc_server.h"
#include "support/process.h"
#include "unit/serve/builders.h"
#include "unit/serve/grpc_server_fixture.h"

namespace surgewatch::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::wait_until;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr milliseconds kNever{3'600'000};

// A connection of its own, whose window stays as small as it begins, so that little is on the way.
std::shared_ptr<grpc::Channel> narrow_channel(const std::string& target, int window = 65'535) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, window);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

// Reads when it is told to, and not before.
class Subscriber {
 public:
  Subscriber(const std::shared_ptr<grpc::Channel>& channel, const v1::SubscribeRequest& request)
      : stub_(v1::AlertService::NewStub(channel)), reader_(stub_->Subscribe(&context_, request)) {}
  ~Subscriber() { cancel(); }

  void cancel() { context_.TryCancel(); }
  std::optional<v1::SubscribeResponse> read() {
    v1::SubscribeResponse response;
    if (!reader_->Read(&response)) return std::nullopt;
    token_ = response.resume_token();
    return response;
  }
  // The alerts up to the end of the stream.
  std::vector<v1::SubscribeResponse> read_all() {
    std::vector<v1::SubscribeResponse> alerts;
    while (auto response = read()) {
      if (response->has_alert()) alerts.push_back(*std::move(response));
    }
    return alerts;
  }
  absl::Status finish() {
    const grpc::Status status = reader_->Finish();
    return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
  }
  const std::string& token() const { return token_; }  // of the last response

 private:
  grpc::ClientContext context_;
  std::unique_ptr<v1::AlertService::Stub> stub_;
  std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> reader_;
  std::string token_;
};

class GrpcLimitsTest : public GrpcServerFixture {
 protected:
  // Far more than what a window and buffers take of one that does not read.
  static constexpr int kAlerts = 40;
  static constexpr int kAlertBytes = 30'000;

  void add_alerts(int count = kAlerts) {
    for (int i = 0; i < count; ++i, ++added_) {
      v1::Alert alert = make_alert("a" + std::to_string(added_));
      alert.set_explanation(std::string(kAlertBytes, 'x'));
      store_.add(added_, alert);
    }
  }
  static std::vector<std::string> ids_from(std::size_t first) {
    std::vector<std::string> result;
    for (std::size_t i = first; i < kAlerts; ++i) result.push_back("a" + std::to_string(i));
    return result;
  }
  std::unique_ptr<Subscriber> subscriber(const std::string& token = token_at(0)) const {
    return std::make_unique<Subscriber>(narrow_channel(target()), from_token(token));
  }
  double cut(const char* reason) {
    return subscribers_cut_counter(telemetry_, "grpc", reason).Value();
  }

 private:
  int added_ = 0;
};

TEST_F(GrpcLimitsTest, ThoseWhoNeverReadMakeRoomAndMissNothing) {
  constexpr int kSlots = 256;
  start(
      {.limits = {.streams = kSlots, .streams_per_peer = kSlots, .write_time = milliseconds(500)}});
  std::vector<std::unique_ptr<Subscriber>> silent;
  for (int i = 0; i < kSlots; ++i) silent.push_back(subscriber());
  ASSERT_TRUE(wait_for_streams(kSlots));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(end_of({}).code(), absl::StatusCode::kResourceExhausted);
  }
  add_alerts();
  ASSERT_TRUE(wait_for_streams(0));
  EXPECT_EQ(cut("time"), kSlots);
  EXPECT_EQ(ids(take(from_token(token_at(0)), kAlerts)), ids_from(0));
  for (const auto& subscriber : silent) {
    const auto before = subscriber->read_all();
    const absl::Status end = subscriber->finish();
    EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted) << end;
    EXPECT_THAT(message_of(end), AllOf(HasSubstr("too slow"), HasSubstr(subscriber->token())));
    ASSERT_LT(before.size(), std::size_t{kAlerts});
    auto all = ids(before);
    for (const auto& id : ids(take(from_token(subscriber->token()), kAlerts - before.size()))) {
      all.push_back(id);
    }
    EXPECT_EQ(all, ids_from(0));
  }
}

}  // namespace
}  // namespace surgewatch::serve
