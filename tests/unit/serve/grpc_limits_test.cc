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
      : stub_(v1::AlertService::NewStub(channel)),
        reader_(stub_->Subscribe(&context_, request)),
        token_(request.resume_token()) {}
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
  const std::string& token() const { return token_; }  // to resume with

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
  double refusals(const char* reason) {
    return subscribers_refused_counter(telemetry_, "grpc", reason).Value();
  }
  // Of one who comes from another address of this machine.
  std::shared_ptr<grpc::Channel> channel_from(const char* address) const {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const auto endpoint = [](const char* host, int port) {
      sockaddr_in result{};
      result.sin_family = AF_INET;
      result.sin_port = htons(static_cast<std::uint16_t>(port));
      inet_pton(AF_INET, host, &result.sin_addr);
      return result;
    };
    const sockaddr_in ours = endpoint(address, 0);
    const sockaddr_in theirs = endpoint("127.0.0.1", server_->port());
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&ours), sizeof ours), 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&theirs), sizeof theirs), 0);
    return grpc::CreateInsecureChannelFromFd(target(), fd);
  }

 private:
  int added_ = 0;
};

TEST_F(GrpcLimitsTest, ThoseWhoNeverReadMakeRoomAndMissNothing) {
  constexpr int kSlots = 256;
  start({.limits = {.streams = kSlots, .streams_per_peer = kSlots, .write_time = seconds(2)}});
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

TEST_F(GrpcLimitsTest, ASilentFeedNoticesThemToo) {
  start({.heartbeat = milliseconds(5), .limits = {.write_time = milliseconds(300)}});
  // Heartbeats fill even a small window slowly: they are less than 100 bytes.
  const Subscriber silent(narrow_channel(target(), /*window=*/4'096), {});
  ASSERT_TRUE(wait_for_streams(1));
  ASSERT_TRUE(wait_for_streams(0));
  EXPECT_EQ(cut("time"), 1);
}

TEST_F(GrpcLimitsTest, AStreamEndsAtItsAgeAndIsResumed) {
  start({.limits = {.stream_age = milliseconds(100)}});
  store_.add(0, make_alert("a"));
  Subscriber subscriber(narrow_channel(target()), from_token(token_at(0)));
  EXPECT_THAT(ids(subscriber.read_all()), ElementsAre("a"));
  const absl::Status end = subscriber.finish();
  EXPECT_TRUE(absl::IsUnavailable(end)) << end;
  EXPECT_EQ(offset_of(subscriber.token()), 1);
}

TEST_F(GrpcLimitsTest, WhoReadsSlowlyButSteadilyStays) {
  constexpr auto kBeat = milliseconds(40);
  start({.heartbeat = kBeat, .limits = {.write_time = seconds(3)}});
  add_alerts();
  auto slow = subscriber();
  // Hears heartbeats alone, and is the clock.
  v1::SubscribeRequest nothing;
  nothing.mutable_filter()->add_regions("US");
  Subscriber clock(narrow_channel(target()), nothing);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<v1::SubscribeResponse> alerts;
  while (alerts.size() < kAlerts) {
    for (int beat = 0; beat < 3; ++beat) ASSERT_TRUE(clock.read().has_value());
    auto response = slow->read();
    ASSERT_TRUE(response.has_value()) << slow->finish();
    if (response->has_alert()) alerts.push_back(*std::move(response));
  }
  EXPECT_GT(std::chrono::steady_clock::now() - begin, seconds(4));
  EXPECT_EQ(ids(alerts), ids_from(0));
  EXPECT_EQ(cut("time"), 0);
}

TEST_F(GrpcLimitsTest, WhereTooMuchIsUnsentThoseWhoHangGoFirst) {
  start({.limits = {.write_time = kNever,
                    .unsent_bytes = 2 * kAlertBytes + 2'000,
                    .pressed_write_time = milliseconds(200)}});
  std::vector<std::unique_ptr<Subscriber>> silent;
  for (int i = 0; i < 3; ++i) {
    silent.push_back(subscriber());
    ASSERT_TRUE(wait_for_streams(i + 1));
  }
  add_alerts();
  // Two responses are within the limit.
  ASSERT_TRUE(wait_for_streams(2));
  EXPECT_EQ(cut("bytes"), 1);
  EXPECT_EQ(ids(take(from_token(token_at(0)), kAlerts)), ids_from(0));
  EXPECT_EQ(cut("time"), 0);
}

TEST_F(GrpcLimitsTest, OnePeerCanNotTakeAllSlots) {
  start({.limits = {.streams = 4, .streams_per_peer = 2}});
  std::vector<std::unique_ptr<Subscriber>> ours;
  for (int i = 0; i < 2; ++i) ours.push_back(subscriber());
  ASSERT_TRUE(wait_for_streams(2));
  Subscriber third(narrow_channel(target()), {});
  ASSERT_FALSE(third.read().has_value());
  const absl::Status refused = third.finish();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_THAT(message_of(refused), AllOf(HasSubstr("127.0.0.1"), HasSubstr("streams_per_peer")));
  EXPECT_EQ(refusals("peer"), 1);
  Subscriber neighbour(channel_from("127.0.0.2"), {});
  EXPECT_TRUE(neighbour.read().has_value()) << neighbour.finish();
  ours.pop_back();
  ASSERT_TRUE(wait_for_streams(2));
  Subscriber again(narrow_channel(target()), {});
  EXPECT_TRUE(again.read().has_value()) << again.finish();
}

TEST_F(GrpcLimitsTest, OnePeerIsKnownOverIPv6Too) {
  telemetry::Telemetry own("gateway", 100);
  auto started = GrpcServer::start({.bind_address = "::1",
                                    .alerts = &store_,
                                    .telemetry = &own,
                                    .limits = {.streams_per_peer = 0}});
  if (!started.ok()) GTEST_SKIP() << "no IPv6 here: " << started.status();
  Subscriber subscriber(narrow_channel("[::1]:" + std::to_string((*started)->port())), {});
  EXPECT_FALSE(subscriber.read().has_value());
  EXPECT_THAT(message_of(subscriber.finish()), HasSubstr("::/64 has"));
}

TEST_F(GrpcLimitsTest, CancelledClientsFreeTheirSlots) {
  start({.limits = {.streams = 3, .write_time = kNever}});
  std::vector<std::unique_ptr<Subscriber>> stuck;
  for (int i = 0; i < 2; ++i) stuck.push_back(subscriber());
  Subscriber waiting(narrow_channel(target()), from_token(token_at(kAlerts)));
  ASSERT_TRUE(wait_for_streams(3));
  add_alerts();
  while (const auto response = waiting.read()) {
    if (offset_of(response->resume_token()) == kAlerts) break;
  }
  waiting.cancel();
  ASSERT_TRUE(wait_for_streams(2));
  stuck.clear();
  ASSERT_TRUE(wait_for_streams(0));
  EXPECT_EQ(ids(take(from_token(token_at(0)), kAlerts)), ids_from(0));
}

TEST_F(GrpcLimitsTest, StopEndsThoseWhoHangAndAnotherGatewayGoesOn) {
  start({.limits = {.write_time = kNever}});
  std::vector<std::unique_ptr<Subscriber>> stuck;
  for (int i = 0; i < 10; ++i) stuck.push_back(subscriber());
  ASSERT_TRUE(wait_for_streams(10));
  add_alerts();
  // Behind this one's last alert the others, whose turn comes no later, hang.
  ASSERT_EQ(take(from_token(token_at(0)), kAlerts).size(), kAlerts);
  const auto begin = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(4));
  start();
  for (const auto& subscriber : stuck) {
    auto all = ids(subscriber->read_all());
    const absl::Status end = subscriber->finish();
    EXPECT_TRUE(absl::IsUnavailable(end)) << end;
    EXPECT_THAT(message_of(end), HasSubstr("resume"));
    ASSERT_LT(all.size(), std::size_t{kAlerts});
    for (const auto& id : ids(take(from_token(subscriber->token()), kAlerts - all.size()))) {
      all.push_back(id);
    }
    EXPECT_EQ(all, ids_from(0));
  }
}

TEST_F(GrpcLimitsTest, StreamsHaveNoThreads) {
  constexpr int kStreams = 60;
  start();
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto channel = narrow_channel(target());
  std::vector<std::unique_ptr<Subscriber>> streams;
  streams.push_back(std::make_unique<Subscriber>(channel, v1::SubscribeRequest()));
  ASSERT_TRUE(streams.back()->read().has_value());
  const auto before = threads();
  while (streams.size() < kStreams) {
    streams.push_back(std::make_unique<Subscriber>(channel, v1::SubscribeRequest()));
    ASSERT_TRUE(streams.back()->read().has_value());
  }
  // gRPC may add one of its own now and then.
  EXPECT_LT(threads(), before + kStreams / 4);
}

// --- Short calls -----------------------------------------------------------------------------

TEST_F(GrpcLimitsTest, APageOfLargeAlertsIsWhatAClientTakes) {
  start();
  for (int i = 0; i < 90; ++i) {
    v1::Alert alert = make_alert("a" + std::to_string(i), 1, "SG", i);
    alert.set_explanation(std::string(100'000, 'x'));
    store_.add(i, alert);
  }
  std::size_t listed = 0;
  const auto token = serve::list(target(), {}, [&](const v1::Alert&) { ++listed; });
  EXPECT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(listed, 90U);
  v1::ListAlertsRequest request;
  request.set_page_size(1'000);
  EXPECT_EQ(list(request).alerts_size(), 10);
}

TEST_F(GrpcLimitsTest, AnAlertLargerThanAPageIsAPage) {
  start();
  for (int i = 0; i < 3; ++i) {
    v1::Alert alert = make_alert("a" + std::to_string(i), 1, "SG", i);
    alert.set_explanation(std::string(i == 1 ? 2'000'000 : 10, 'x'));
    store_.add(i, alert);
  }
  std::vector<std::string> listed;
  const auto token = serve::list(
      target(), {}, [&](const v1::Alert& alert) { listed.push_back(alert.alert_id()); });
  EXPECT_TRUE(token.ok()) << token.status();
  EXPECT_THAT(listed, ElementsAre("a2", "a1", "a0"));
}

TEST_F(GrpcLimitsTest, AFilterNamesSoMuchAndNoMore) {
  start();
  store_.add(0, make_alert("a"));
  v1::AlertFilter filter;
  for (int i = 0; i < 99; ++i) filter.add_regions("XX");
  filter.add_regions("SG");
  const auto list_status = [&] {
    return serve::list(target(), filter, [](const v1::Alert&) {}).status();
  };
  v1::SubscribeRequest request = from_token(token_at(0));
  *request.mutable_filter() = filter;
  EXPECT_EQ(take(request, 1).size(), 1U);
  EXPECT_EQ(list_status(), absl::OkStatus());
  filter.add_regions("TW");
  *request.mutable_filter() = filter;
  EXPECT_TRUE(absl::IsInvalidArgument(end_of(request)));
  EXPECT_TRUE(absl::IsInvalidArgument(list_status())) << list_status();
}

// A call that has been sent, and whose answer is not read before finish().
class UnreadList {
 public:
  explicit UnreadList(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::AlertService::NewStub(channel)) {
    v1::ListAlertsRequest request;
    request.set_page_size(4);
    call_ = stub_->PrepareAsyncListAlerts(&context_, request, &queue_);
    call_->StartCall();
    call_->ReadInitialMetadata(this);
  }
  ~UnreadList() {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag = nullptr;
    for (bool ok = false; queue_.Next(&tag, &ok);) {
    }
  }
  // The answer has begun, so the call has its slot.
  bool has_begun() { return next(); }
  absl::Status finish() {
    grpc::Status status;
    v1::ListAlertsResponse response;
    call_->Finish(&response, &status, this);
    EXPECT_TRUE(next());
    return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
  }

 private:
  bool next() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<v1::AlertService::Stub> stub_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::ListAlertsResponse>> call_;
};

TEST_F(GrpcLimitsTest, AnswersThatNobodyTakesMakeRoom) {
  start({.limits = {.answers = 3, .answers_per_peer = 2, .write_time = milliseconds(1'000)}});
  add_alerts();
  const auto channel = narrow_channel(target());
  std::vector<std::unique_ptr<UnreadList>> unread;
  for (int i = 0; i < 2; ++i) {
    unread.push_back(std::make_unique<UnreadList>(channel));
    ASSERT_TRUE(unread.back()->has_begun());
  }
  const auto list_status = [&] {
    return serve::list(target(), {}, [](const v1::Alert&) {}).status();
  };
  EXPECT_EQ(list_status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(wait_until([&] { return list_status().ok(); }, kPatience));
  for (const auto& call : unread) {
    EXPECT_EQ(call->finish().code(), absl::StatusCode::kResourceExhausted);
  }
}

}  // namespace
}  // namespace surgewatch::serve
