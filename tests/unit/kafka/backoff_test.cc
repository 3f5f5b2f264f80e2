#include "kafka/backoff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

struct Waits {
  std::vector<std::int64_t> seen;
  Backoff backoff() {
    Backoff made;
    made.wait = [this](milliseconds span, std::stop_token stop) {
      seen.push_back(span.count());
      return !stop.stop_requested();
    };
    return made;
  }
};

TEST(Retry, WaitsDoubleUpToTheLimit) {
  Waits waits;
  int attempts = 0;
  EXPECT_EQ(
      retry(waits.backoff(), {},
            [&] { return ++attempts < 9 ? absl::UnavailableError("down") : absl::OkStatus(); }),
      absl::OkStatus());
  EXPECT_EQ(attempts, 9);
  EXPECT_THAT(waits.seen, ElementsAre(100, 200, 400, 800, 1600, 3200, 5000, 5000));
}

TEST(Retry, WhatRetryingCannotCureComesBackAtOnce) {
  Waits waits;
  EXPECT_EQ(retry(waits.backoff(), {}, [] { return absl::NotFoundError("no topic"); }),
            absl::NotFoundError("no topic"));
  EXPECT_THAT(waits.seen, ElementsAre());
}

TEST(Retry, EachFailureIsTold) {
  Waits waits;
  Backoff backoff = waits.backoff();
  std::vector<std::string> told;
  backoff.failed = [&](const absl::Status& status, milliseconds wait) {
    told.push_back(std::string(status.message()) + " " + std::to_string(wait.count()));
  };
  int attempts = 0;
  ASSERT_EQ(
      retry(backoff, {},
            [&] { return ++attempts < 3 ? absl::UnavailableError("down") : absl::OkStatus(); }),
      absl::OkStatus());
  EXPECT_THAT(told, ElementsAre("down 100", "down 200"));
}

TEST(Retry, AStopEndsItWithTheLastFailure) {
  std::stop_source stop;
  Waits waits;
  const absl::Status status = retry(waits.backoff(), stop.get_token(), [&] {
    stop.request_stop();
    return absl::UnavailableError("down");
  });
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(status.message(), "stopped: down");
}

TEST(Retry, AStopBeforeTheFirstAttemptMakesNone) {
  std::stop_source stop;
  stop.request_stop();
  int attempts = 0;
  EXPECT_TRUE(absl::IsCancelled(retry({}, stop.get_token(), [&] {
    ++attempts;
    return absl::OkStatus();
  })));
  EXPECT_EQ(attempts, 0);
}

TEST(Retry, AStopWakesTheRealWait) {
  std::stop_source stop;
  const auto start = std::chrono::steady_clock::now();
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(wait_for(milliseconds(60'000), stop.get_token()));
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(30'000));
}

TEST(Retry, TheRealWaitTakesItsTime) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(wait_for(milliseconds(20), {}));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(20));
}

}  // namespace
}  // namespace surgewatch::kafka
