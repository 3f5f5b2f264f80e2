// Many threads at once; worth running under ThreadSanitizer.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "telemetry/telemetry.h"

namespace surgewatch::telemetry {
namespace {

TEST(TelemetryThreads, NothingIsLostWhileOthersLookUpAndExpose) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2'000;
  constexpr int kLimit = 8;
  Telemetry telemetry("aggregator", kLimit);
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&telemetry, t] {
      for (int i = 0; i < kRounds; ++i) {
        telemetry.counter("hits_total", "Hits.", {{"key", std::to_string(i % 16)}}).Increment();
        telemetry.gauge("last", "Last.", {{"thread", std::to_string(t)}}).Set(i);
        telemetry.histogram("spread", "Spread.", {}, {100, 1000}).Observe(i);
        telemetry.set_ready("thread-" + std::to_string(t), i == kRounds - 1);
        if (i % 100 == 0) {
          EXPECT_FALSE(telemetry.expose().empty());
          std::string missing;
          (void)telemetry.ready(&missing);
        }
      }
    });
  }
  threads.clear();
  EXPECT_TRUE(telemetry.ready(nullptr));
  // Which eight keys came first is the threads' doing; the others are in `other`.
  double hits = 0;
  int series = 0;
  std::istringstream lines(telemetry.expose());
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("surgewatch_hits_total{")) continue;
    hits += std::stod(line.substr(line.find("} ") + 2));
    ++series;
  }
  EXPECT_EQ(series, kLimit + 1);
  EXPECT_EQ(hits, kThreads * kRounds);
}

}  // namespace
}  // namespace surgewatch::telemetry
