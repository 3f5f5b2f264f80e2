#include "common/stop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace surgewatch::services {
namespace {

TEST(Stop, WakesThoseWhoWait) {
  Stop stop;
  EXPECT_FALSE(stop.wait_for(std::chrono::milliseconds(0)));
  std::thread waiter([&] { stop.wait(); });
  stop.request();
  waiter.join();
  EXPECT_TRUE(stop.requested());
  EXPECT_TRUE(stop.wait_for(std::chrono::hours(1)));
}

// Each in a process of its own, since signals are the process's.
TEST(StopDeathTest, TheFirstSignalIsARequest) {
  EXPECT_EXIT(
      {
        Stop stop;
        stop.watch_signals();
        kill(getpid(), SIGTERM);
        stop.wait();
        _exit(7);
      },
      ::testing::ExitedWithCode(7), "");
}

TEST(StopDeathTest, TheSecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        Stop stop;
        stop.watch_signals();
        kill(getpid(), SIGINT);
        stop.wait();
        kill(getpid(), SIGINT);
        for (;;) pause();
      },
      ::testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace surgewatch::services
