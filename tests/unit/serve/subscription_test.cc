#include "serve/subscription.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/status.h"
#include "unit/serve/builders.h"

namespace surgewatch::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using What = Subscription::Next::What;

constexpr Subscription::Options kOptions{.heartbeat = seconds(10), .ahead_grace = seconds(30)};

// A subscription whose clock the test moves.
class Follower {
 public:
  explicit Follower(const AlertStore& store, const v1::SubscribeRequest& request = {})
      : subscription_(*Subscription::begin(&store, request, store.place(), kOptions, now_)) {}

  // What it writes, taken at once: the alert's id, "heartbeat", or "" where it has nothing to say.
  std::string next() {
    v1::SubscribeResponse response;
    next_ = subscription_.next(now_, &response);
    if (next_.what != What::kWrite) return "";
    subscription_.taken(now_);
    EXPECT_EQ(response.resume_token(), subscription_.last_token());
    return response.has_heartbeat() ? "heartbeat" : response.alert().alert_id();
  }
  // The alerts up to where it waits or ends.
  std::string all() {
    std::string result;
    while (true) {
      const std::string said = next();
      if (said.empty() && (next_.what == What::kEnd || next_.until > now_)) return result;
      result += said + " ";
    }
  }
  void pass(std::chrono::nanoseconds time) { now_ += time; }
  // For how long it would wait.
  milliseconds wait() const {
    EXPECT_EQ(next_.what, What::kWait);
    return std::chrono::duration_cast<milliseconds>(next_.until - now_);
  }
  // Why it ended.
  absl::Status end() const {
    EXPECT_EQ(next_.what, What::kEnd);
    return next_.status;
  }
  const Subscription& subscription() const { return subscription_; }
  Subscription::Clock::time_point now() const { return now_; }

 private:
  Subscription::Clock::time_point now_{seconds(1'000)};
  Subscription subscription_;
  Subscription::Next next_;
};

v1::SubscribeRequest from(std::int64_t offset) {
  v1::SubscribeRequest request;
  request.set_resume_token(make_token(AlertStore::Place{.next_offset = offset}));
  return request;
}

TEST(Subscription, SaysAHeartbeatAndThenWhatComesInOrder) {
  AlertStore store(100);
  store.add(0, make_alert("before"));
  Follower follower(store);
  EXPECT_EQ(follower.all(), "heartbeat ");
  store.add(1, make_alert("a"));
  store.add(2, make_alert("b"));
  EXPECT_EQ(follower.all(), "a b ");
  EXPECT_EQ(parse_resume_token(follower.subscription().last_token())->next_offset, 3);
}

TEST(Subscription, BreaksTheSilenceAfterAnInterval) {
  AlertStore store(100);
  Follower follower(store);
  EXPECT_EQ(follower.all(), "heartbeat ");
  EXPECT_EQ(follower.wait(), seconds(10));
  follower.pass(milliseconds(9'999));
  EXPECT_EQ(follower.all(), "");
  follower.pass(milliseconds(1));
  EXPECT_EQ(follower.all(), "heartbeat ");
  follower.pass(seconds(6));
  store.add(0, make_alert("a"));
  EXPECT_EQ(follower.all(), "a ");
  EXPECT_EQ(follower.wait(), seconds(10));
}

TEST(Subscription, EndsAtItsAgeToBeResumed) {
  AlertStore store(100);
  Follower follower(store);
  EXPECT_EQ(follower.all(), "heartbeat ");
  follower.pass(kOptions.age - seconds(1));
  EXPECT_EQ(follower.all(), "heartbeat ");
  EXPECT_EQ(follower.wait(), seconds(1));
  follower.pass(seconds(1));
  EXPECT_EQ(follower.all(), "");
  EXPECT_TRUE(absl::IsUnavailable(follower.end())) << follower.end();
  EXPECT_THAT(message_of(follower.end()), HasSubstr("resume"));
}

TEST(Subscription, ALongStretchThatDoesNotMatchIsPassedOverByTurns) {
  AlertStore store(20'000);
  for (int i = 0; i < 10'000; ++i) store.add(i, make_alert("tw" + std::to_string(i), 1, "TW"));
  store.add(10'000, make_alert("sg", 1, "SG"));
  v1::SubscribeRequest request = from(0);
  request.mutable_filter()->add_regions("SG");
  Follower follower(store, request);
  EXPECT_EQ(follower.next(), "heartbeat");
  EXPECT_EQ(follower.next(), "");
  EXPECT_EQ(follower.wait(), seconds(0)) << "it is not done, and lets others have their turn";
  follower.pass(seconds(10));
  EXPECT_EQ(follower.next(), "heartbeat") << "however long the stretch is";
  EXPECT_EQ(follower.next(), "sg");
}

TEST(Subscription, WhatWasNotTakenIsNotInTheLastToken) {
  AlertStore store(100);
  for (int i = 0; i < 3; ++i) store.add(i, make_alert("a" + std::to_string(i)));
  const v1::SubscribeRequest request = from(1);
  Follower follower(store, request);
  EXPECT_EQ(follower.subscription().last_token(), request.resume_token());
  EXPECT_EQ(follower.all(), "heartbeat a1 a2 ");
  store.add(3, make_alert("a3"));
  Subscription other = follower.subscription();
  v1::SubscribeResponse response;
  EXPECT_EQ(other.next(follower.now(), &response).what, What::kWrite);
  EXPECT_EQ(response.alert().alert_id(), "a3");
  EXPECT_EQ(parse_resume_token(other.last_token())->next_offset, 3);
}

TEST(Subscription, WhoFallsBehindIsToldTheLastToken) {
  AlertStore store(3);
  Follower follower(store);
  EXPECT_EQ(follower.all(), "heartbeat ");
  for (int i = 0; i < 4; ++i) store.add(i, make_alert("a" + std::to_string(i)));
  EXPECT_EQ(follower.all(), "");
  EXPECT_EQ(follower.end().code(), absl::StatusCode::kResourceExhausted) << follower.end();
  EXPECT_THAT(message_of(follower.end()),
              AllOf(HasSubstr(follower.subscription().last_token()), HasSubstr("ListAlerts")));
  EXPECT_TRUE(follower.subscription().fell_behind());
}

TEST(Subscription, WhoComesTooLateIsNoSlowReader) {
  AlertStore store(3);
  for (int i = 0; i < 4; ++i) store.add(i, make_alert("a" + std::to_string(i)));
  Follower follower(store, from(0));
  EXPECT_EQ(follower.all(), "");
  EXPECT_TRUE(absl::IsOutOfRange(follower.end())) << follower.end();
  EXPECT_FALSE(follower.subscription().fell_behind());
}

TEST(Subscription, ATokenAheadIsWaitedForAndThenGivenUp) {
  AlertStore store(100);
  Follower patient(store, from(2));
  EXPECT_EQ(patient.all(), "");
  EXPECT_EQ(patient.wait(), seconds(30));
  for (int i = 0; i < 3; ++i) store.add(i, make_alert("a" + std::to_string(i)));
  EXPECT_EQ(patient.all(), "heartbeat a2 ");

  Follower follower(store, from(9));
  follower.pass(seconds(30));
  EXPECT_EQ(follower.all(), "");
  EXPECT_TRUE(absl::IsOutOfRange(follower.end())) << follower.end();
  EXPECT_THAT(message_of(follower.end()), HasSubstr("ahead"));
}

TEST(Subscription, EndsWhenTheTopicBecomesAnotherOne) {
  AlertStore store(100);
  Follower follower(store);
  Follower ahead(store, from(5));
  EXPECT_EQ(follower.all(), "heartbeat ");
  EXPECT_EQ(ahead.all(), "");
  store.reset();
  EXPECT_EQ(follower.all(), "");
  EXPECT_EQ(ahead.all(), "");
  for (const auto* each : {&follower, &ahead}) {
    EXPECT_TRUE(absl::IsOutOfRange(each->end())) << each->end();
    EXPECT_THAT(message_of(each->end()), AllOf(HasSubstr("another"), HasSubstr("ListAlerts")));
  }
}

TEST(Subscription, ATokenThatIsNotOursBeginsNone) {
  AlertStore store(100);
  v1::SubscribeRequest request;
  request.set_resume_token("17");
  const auto begun = Subscription::begin(&store, request, store.place(), kOptions, {});
  EXPECT_TRUE(absl::IsInvalidArgument(begun.status())) << begun.status();
}

}  // namespace
}  // namespace surgewatch::serve
