#include "serve/grpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "base/status.h"
#include "serve/token.h"
#include "support/grpc_health.h"
#include "unit/serve/builders.h"
#include "unit/serve/grpc_server_fixture.h"

namespace surgewatch::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::health_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using GrpcServerTest = GrpcServerFixture;

TEST_F(GrpcServerTest, ListsByPagesWithOneTokenForAllOfThem) {
  start();
  for (int i = 0; i < 5; ++i) store_.add(i, make_alert("a" + std::to_string(i), 1, "SG", i));
  v1::ListAlertsRequest request;
  request.set_page_size(2);
  std::vector<std::string> seen;
  int pages = 0;
  do {
    const auto page = list(request);
    for (const auto& alert : page.alerts()) seen.push_back(alert.alert_id());
    EXPECT_EQ(offset_of(page.resume_token()), 5);
    request.set_page_token(page.next_page_token());
    // What happens between two pages is heard by those who subscribe behind the list.
    store_.add(5 + pages, make_alert("later" + std::to_string(pages), 1, "SG", 100));
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_THAT(seen, ElementsAre("a4", "a3", "a2", "a1", "a0"));
  EXPECT_EQ(pages, 3);
}

TEST_F(GrpcServerTest, ListIsFilteredAndBounded) {
  start();
  for (int i = 0; i < 150; ++i) {
    store_.add(i, make_alert("a" + std::to_string(i), 1, i % 2 == 0 ? "SG" : "TW", i));
  }
  EXPECT_EQ(list({}).alerts_size(), 100);
  v1::ListAlertsRequest request;
  request.mutable_filter()->add_regions("TW");
  EXPECT_EQ(list(request).alerts_size(), 75);
  EXPECT_EQ(list(request).next_page_token(), "");
  request.set_page_size(100'000);
  EXPECT_EQ(list(request).alerts_size(), 75);
}

TEST_F(GrpcServerTest, BadListRequestsAreInvalid) {
  start();
  grpc::ClientContext first;
  grpc::ClientContext second;
  v1::ListAlertsRequest request;
  v1::ListAlertsResponse response;
  request.set_page_token("nonsense");
  EXPECT_EQ(stub_->ListAlerts(&first, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_page_token();
  request.set_page_size(-1);
  EXPECT_EQ(stub_->ListAlerts(&second, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcServerTest, GetsOneAlertOrSaysThatThereIsNone) {
  start();
  store_.add(0, make_alert("a", 3));
  v1::GetAlertRequest request;
  v1::GetAlertResponse response;
  request.set_alert_id("a");
  grpc::ClientContext first;
  EXPECT_TRUE(stub_->GetAlert(&first, request, &response).ok());
  EXPECT_EQ(response.alert().revision(), 3);
  request.set_alert_id("b");
  grpc::ClientContext second;
  EXPECT_EQ(stub_->GetAlert(&second, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(GrpcServerTest, SubscribesFromNow) {
  start();
  store_.add(0, make_alert("before"));
  std::string first_token;
  std::vector<std::string> seen;
  auto status = std::async(std::launch::async, [&] {
    return subscribe(target(), {}, [&](const v1::SubscribeResponse& response) {
      if (first_token.empty()) first_token = response.resume_token();
      if (response.has_alert()) seen.push_back(response.alert().alert_id());
      return seen.empty();
    });
  });
  ASSERT_TRUE(wait_for_streams(1));
  store_.add(1, make_alert("after"));
  EXPECT_TRUE(status.get().ok());
  EXPECT_THAT(seen, ElementsAre("after"));
  EXPECT_EQ(offset_of(first_token), 1) << "the first response is a heartbeat with a token";
}

TEST_F(GrpcServerTest, ResumesWithoutAGapOrADuplicate) {
  start();
  for (int i = 0; i < 6; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  v1::SubscribeRequest request;
  request.set_resume_token(token_at(0));
  const auto all = take(request, 6);
  EXPECT_THAT(ids(all), ElementsAre("a0", "a1", "a2", "a3", "a4", "a5"));
  for (std::size_t last = 0; last + 1 < all.size(); ++last) {
    request.set_resume_token(all[last].resume_token());
    const auto rest = take(request, all.size() - last - 1);
    EXPECT_EQ(rest.front().alert().alert_id(), all[last + 1].alert().alert_id());
    EXPECT_EQ(rest.back().alert().alert_id(), "a5");
  }
}

TEST_F(GrpcServerTest, ListThenSubscribeMissesNothing) {
  start();
  store_.add(0, make_alert("a"));
  v1::SubscribeRequest request;
  request.set_resume_token(list({}).resume_token());
  store_.add(1, make_alert("b"));
  store_.add(2, make_alert("a", 2));
  EXPECT_THAT(ids(take(request, 2)), ElementsAre("b", "a"));
}

TEST_F(GrpcServerTest, SubscriptionsAreFiltered) {
  start();
  store_.add(0, make_alert("a", 1, "SG", 0, v1::SEVERITY_INFO));
  store_.add(1, make_alert("b", 1, "SG", 0, v1::SEVERITY_CRITICAL));
  store_.add(2, make_alert("c", 1, "TW", 0, v1::SEVERITY_CRITICAL));
  store_.add(3, make_alert("d", 1, "SG", 0, v1::SEVERITY_WARNING));
  v1::SubscribeRequest request;
  request.set_resume_token(token_at(0));
  request.mutable_filter()->add_regions("SG");
  request.mutable_filter()->set_min_severity(v1::SEVERITY_WARNING);
  EXPECT_THAT(ids(take(request, 2)), ElementsAre("b", "d"));
}

TEST_F(GrpcServerTest, HeartbeatsCarryTheNewestTokenThoughNothingMatches) {
  start({.heartbeat = milliseconds(20)});
  v1::SubscribeRequest request;
  request.mutable_filter()->add_regions("US");
  request.set_resume_token(token_at(0));
  for (int i = 0; i < 4; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  int heartbeats = 0;
  const auto status = subscribe(target(), request, [&](const v1::SubscribeResponse& response) {
    EXPECT_TRUE(response.has_heartbeat());
    EXPECT_GE(response.heartbeat().sent_at().seconds(), now_seconds() - 60);
    ++heartbeats;
    return offset_of(response.resume_token()) < 4;
  });
  EXPECT_TRUE(status.ok());
  EXPECT_GE(heartbeats, 2);
}

TEST_F(GrpcServerTest, ATokenThatIsNotOursIsInvalid) {
  start();
  v1::SubscribeRequest request;
  request.set_resume_token("17");
  EXPECT_TRUE(absl::IsInvalidArgument(end_of(request)));
}

TEST_F(GrpcServerTest, ATokenOlderThanWhatIsKeptIsOutOfRange) {
  start();
  for (int i = 0; i < 101; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  v1::SubscribeRequest request;
  request.set_resume_token(token_at(0));
  const auto status = end_of(request);
  EXPECT_TRUE(absl::IsOutOfRange(status));
  EXPECT_THAT(message_of(status), AllOf(HasSubstr("ListAlerts"), HasSubstr("resume_token")));
  request.set_resume_token(token_at(1));
  EXPECT_EQ(take(request, 100).size(), 100U);
}

TEST_F(GrpcServerTest, ATokenThatHasOutlivedTheTopicsCompactionLagIsOutOfRange) {
  start();
  store_.add(0, make_alert("a"));
  v1::SubscribeRequest request;
  request.set_resume_token(make_token(
      ResumeToken{.next_offset = 0, .issued_at = now_seconds() - kTokenLifeSeconds - 60}));
  EXPECT_TRUE(absl::IsOutOfRange(end_of(request)));
  request.set_resume_token(make_token(
      ResumeToken{.next_offset = 0, .issued_at = now_seconds() - kTokenLifeSeconds + 600}));
  EXPECT_EQ(take(request, 1).size(), 1U);
}

TEST_F(GrpcServerTest, ATokenAheadOfTheLogWaitsForItAndThenSaysSo) {
  start({.ahead_grace = milliseconds(50)});
  v1::SubscribeRequest request;
  request.set_resume_token(token_at(5));
  const auto status = end_of(request);
  EXPECT_TRUE(absl::IsOutOfRange(status));
  EXPECT_THAT(message_of(status), HasSubstr("ahead"));
}

TEST_F(GrpcServerTest, ATokenAheadOfTheLogIsGoodOnceTheLogHasCaughtUp) {
  start();
  v1::SubscribeRequest request;
  request.set_resume_token(token_at(2));
  auto taken = std::async(std::launch::async, [&] { return ids(take(request, 1)); });
  ASSERT_TRUE(wait_for_streams(1));
  for (int i = 0; i < 3; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  EXPECT_THAT(taken.get(), ElementsAre("a2"));
}

TEST_F(GrpcServerTest, ASubscriberThatFallsBehindIsTold) {
  start();
  v1::Alert large = make_alert("large");
  large.set_explanation(std::string(200'000, 'x'));
  v1::SubscribeRequest request;
  request.set_resume_token(token_at(0));
  std::promise<void> behind;
  auto fell_behind = behind.get_future();
  bool first = true;
  auto status = std::async(std::launch::async, [&] {
    return subscribe(target(), request, [&](const v1::SubscribeResponse&) {
      if (std::exchange(first, false)) fell_behind.wait();
      return true;
    });
  });
  ASSERT_TRUE(wait_for_streams(1));
  for (int i = 0; i < 1'000; ++i) {
    large.set_revision(i + 1);
    store_.add(i, large);
  }
  behind.set_value();
  const auto end = status.get();
  EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted) << end.ToString();
  EXPECT_THAT(message_of(end), AllOf(HasSubstr("last token"), HasSubstr("ListAlerts")));
}

TEST_F(GrpcServerTest, StreamsBeyondTheLimitAreTurnedAway) {
  start({.limits = {.streams = 1}});
  std::atomic<bool> cancelled{false};
  auto held = std::async(std::launch::async, [&] {
    return subscribe(
        target(), {}, [](const v1::SubscribeResponse&) { return true; }, &cancelled);
  });
  ASSERT_TRUE(wait_for_streams(1));
  EXPECT_EQ(end_of({}).code(), absl::StatusCode::kResourceExhausted);
  cancelled = true;
  EXPECT_TRUE(absl::IsCancelled(held.get()));
  EXPECT_TRUE(wait_for_streams(0));
}

TEST_F(GrpcServerTest, StopEndsStreamsUnavailable) {
  start();
  auto status = std::async(std::launch::async, [&] { return end_of({}); });
  ASSERT_TRUE(wait_for_streams(1));
  const auto begin = std::chrono::steady_clock::now();
  server_->stop();
  const auto end = status.get();
  EXPECT_TRUE(absl::IsUnavailable(end)) << end.ToString();
  EXPECT_THAT(message_of(end), HasSubstr("resume"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(4));
}

TEST_F(GrpcServerTest, StopDoesNotWaitForASubscriberThatDoesNotRead) {
  start();
  std::promise<void> release;
  auto released = release.get_future().share();
  auto status = std::async(std::launch::async, [&] {
    return subscribe(target(), {}, [&](const v1::SubscribeResponse&) {
      released.wait();
      return true;
    });
  });
  ASSERT_TRUE(wait_for_streams(1));
  v1::Alert large = make_alert("large");
  large.set_explanation(std::string(500'000, 'x'));
  for (int i = 0; i < 50; ++i) {
    large.set_revision(i + 1);
    store_.add(i, large);
  }
  const auto begin = std::chrono::steady_clock::now();
  server_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(4));
  release.set_value();
  EXPECT_FALSE(status.get().ok());
}

TEST_F(GrpcServerTest, ATakenPortIsNamed) {
  start();
  const auto second = GrpcServer::start({.port = server_->port(), .alerts = &store_});
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(message_of(second.status()),
              AllOf(HasSubstr(target()), HasSubstr("Address already in use")));
}

TEST_F(GrpcServerTest, AGatewayThatIsNotThereIsUnavailable) {
  start();
  const std::string gone = target();
  server_->stop();
  const auto status = subscribe(gone, {}, [](const v1::SubscribeResponse&) { return true; });
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(message_of(status), HasSubstr(gone));
}

TEST_F(GrpcServerTest, HealthIsWhatItIsToldOfTheServiceAndOfTheServer) {
  start();
  const auto health = [&] {
    const std::string of_service = health_of(target(), "surgewatch.v1.AlertService");
    EXPECT_EQ(health_of(target(), ""), of_service);
    return of_service;
  };
  EXPECT_EQ(health(), "serving");
  server_->set_serving(false);
  EXPECT_EQ(health(), "not serving");
  server_->set_serving(true);
  EXPECT_EQ(health(), "serving");
}

// --- Loading, and another topic --------------------------------------------------------------

TEST_F(GrpcServerTest, TellsNobodyAnythingWhileItIsLoading) {
  store_.reset();
  store_.add(0, make_alert("history"));
  start();
  EXPECT_EQ(health_of(target(), ""), "not serving");
  const auto list_status = serve::list(target(), {}, [](const v1::Alert&) { FAIL(); }).status();
  EXPECT_TRUE(absl::IsUnavailable(list_status)) << list_status;
  EXPECT_TRUE(is_loading(list_status));
  const auto subscribed = end_of({});
  EXPECT_TRUE(absl::IsUnavailable(subscribed)) << subscribed;
  EXPECT_TRUE(is_loading(subscribed));
  grpc::ClientContext context;
  v1::GetAlertRequest request;
  request.set_alert_id("history");
  v1::GetAlertResponse response;
  EXPECT_EQ(stub_->GetAlert(&context, request, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  store_.set_loaded();
  std::vector<std::string> listed;
  ASSERT_TRUE(
      serve::list(target(), {}, [&](const v1::Alert& a) { listed.push_back(a.alert_id()); }).ok());
  EXPECT_THAT(listed, ElementsAre("history"));
}

TEST_F(GrpcServerTest, AStreamEndsWhenTheTopicBecomesAnotherOne) {
  start();
  store_.set_identity(1);
  for (int i = 0; i < 5; ++i) store_.add(i, make_alert("old" + std::to_string(i)));
  std::string token;
  std::promise<void> begun;  // the first heartbeat: the stream has its place in the old topic
  auto status = std::async(std::launch::async, [&] {
    return subscribe(target(), {}, [&](const v1::SubscribeResponse& response) {
      if (token.empty()) begun.set_value();
      token = response.resume_token();
      return true;
    });
  });
  ASSERT_EQ(begun.get_future().wait_for(seconds(20)), std::future_status::ready);
  store_.reset();
  store_.set_identity(2);
  for (int i = 0; i < 9; ++i) store_.add(i, make_alert("new" + std::to_string(i)));
  store_.set_loaded();
  const auto end = status.get();
  EXPECT_TRUE(absl::IsOutOfRange(end)) << end;
  EXPECT_THAT(message_of(end), AllOf(HasSubstr("another"), HasSubstr("ListAlerts")));
  // The old token would point into the middle of the new topic.
  v1::SubscribeRequest request;
  request.set_resume_token(token);
  const auto again = end_of(request);
  EXPECT_TRUE(absl::IsOutOfRange(again)) << again;
  EXPECT_THAT(message_of(again), HasSubstr("ListAlerts"));
}

TEST_F(GrpcServerTest, APageTokenOfAnotherTopicIsOutOfRange) {
  start();
  store_.set_identity(1);
  for (int i = 0; i < 5; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  v1::ListAlertsRequest request;
  request.set_page_size(2);
  request.set_page_token(list(request).next_page_token());
  store_.reset();
  store_.set_identity(2);
  for (int i = 0; i < 5; ++i) store_.add(i, make_alert("b" + std::to_string(i)));
  store_.set_loaded();
  grpc::ClientContext context;
  v1::ListAlertsResponse response;
  const auto status = stub_->ListAlerts(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_THAT(status.error_message(), HasSubstr("begin the list anew"));
}

TEST_F(GrpcServerTest, ATokenOfAnEmptyTopicHearsAllThatComesInWhicheverItBecomes) {
  start();
  v1::SubscribeRequest request;
  request.set_resume_token(list({}).resume_token());
  store_.set_identity(1);
  for (int i = 0; i < 3; ++i) store_.add(i, make_alert("a" + std::to_string(i)));
  EXPECT_THAT(ids(take(request, 3)), ElementsAre("a0", "a1", "a2"));
}

TEST_F(GrpcServerTest, TokensNameTheTopicOnceItIsKnown) {
  start();
  v1::SubscribeRequest request;
  request.set_resume_token(list({}).resume_token());
  store_.set_identity(5);
  store_.add(0, make_alert("a"));
  const auto taken = take(request, 1);
  EXPECT_EQ(parse_resume_token(taken.at(0).resume_token())->identity, 5U);
  EXPECT_EQ(parse_resume_token(list({}).resume_token())->identity, 5U);
}

TEST_F(GrpcServerTest, TokensOfTheEarlierFormAreTooOld) {
  start();
  v1::SubscribeRequest request;
  request.set_resume_token("cjE6NDI6MTcwMDAwMDAwMDpjMWNkOGU1ZQ");
  const auto status = end_of(request);
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
  EXPECT_THAT(message_of(status), HasSubstr("ListAlerts"));
}

TEST_F(GrpcServerTest, ManySubscribersSeeTheSame) {
  start();
  constexpr int kSubscribers = 20;
  constexpr int kAlerts = 90;
  v1::SubscribeRequest request;
  request.set_resume_token(token_at(0));
  std::vector<std::future<std::vector<std::string>>> all;
  for (int i = 0; i < kSubscribers; ++i) {
    all.push_back(std::async(std::launch::async, [&] { return ids(take(request, kAlerts)); }));
  }
  std::vector<std::string> expected;
  for (int i = 0; i < kAlerts; ++i) {
    expected.push_back("a" + std::to_string(i));
    store_.add(i, make_alert(expected.back()));
  }
  for (auto& seen : all) EXPECT_EQ(seen.get(), expected);
  EXPECT_TRUE(wait_for_streams(0));
}

}  // namespace
}  // namespace surgewatch::serve
