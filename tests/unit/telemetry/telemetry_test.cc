#include "telemetry/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "support/process.h"

namespace surgewatch::telemetry {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Telemetry, ExposesWhatWasCountedAndWhoItIs) {
  Telemetry telemetry("detector", 10, {{"librdkafka", "2.0.2"}});
  telemetry.counter("events_total", "Events.", {{"topic", "invoices"}}).Increment(3);
  telemetry.gauge("lag", "Lag.", {}).Set(1.5);
  EXPECT_THAT(telemetry.expose(),
              AllOf(HasSubstr("surgewatch_events_total{topic=\"invoices\"} 3"),
                    HasSubstr("surgewatch_lag 1.5"), HasSubstr("service=\"detector\""),
                    HasSubstr("librdkafka=\"2.0.2\""), HasSubstr("process_resident_memory_bytes"),
                    HasSubstr("process_open_fds"), HasSubstr("process_start_time_seconds")));
}

TEST(Telemetry, TheSameNameAndLabelsAreTheSameHandle) {
  Telemetry telemetry("x", 10);
  EXPECT_EQ(&telemetry.counter("a_total", "A.", {{"k", "v"}}),
            &telemetry.counter("a_total", "A.", {{"k", "v"}}));
  EXPECT_NE(&telemetry.counter("a_total", "A.", {{"k", "v"}}),
            &telemetry.counter("a_total", "A.", {{"k", "w"}}));
}

TEST(Telemetry, PastTheLimitEverythingCountsUnderOtherAndKnownSetsAreUnaffected) {
  Telemetry telemetry("x", 2);
  for (const char* value : {"a", "b", "c", "d", "a"}) {
    telemetry.counter("a_total", "A.", {{"k", value}}).Increment();
  }
  EXPECT_THAT(
      telemetry.expose(),
      AllOf(HasSubstr("surgewatch_a_total{k=\"a\"} 2"), HasSubstr("surgewatch_a_total{k=\"b\"} 1"),
            HasSubstr("surgewatch_a_total{k=\"other\"} 2"), Not(HasSubstr("k=\"c\"")),
            HasSubstr("surgewatch_label_sets_dropped_total{metric=\"surgewatch_a_total\"} 2")));
}

TEST(Telemetry, ValuesFromPeersCantBreakThePage) {
  Telemetry telemetry("x", 10);
  telemetry.gauge("g", "G.", {{"k", "bad \xFF\xC0 byte\n\"quoted\""}}).Set(1);
  telemetry.gauge("g", "G.", {{"k", std::string(1'000, 'x')}}).Set(1);
  telemetry.gauge("g", "G.", {{"k", "Türkiye"}}).Set(1);
  const std::string page = telemetry.expose();
  EXPECT_THAT(page, AllOf(HasSubstr("Türkiye"), HasSubstr("\xEF\xBF\xBD"), Not(HasSubstr("\xFF")),
                          Not(HasSubstr(std::string(200, 'x')))));
  // Prometheus' own parser is the judge.
  test::Process::Options options;
  options.program = "promtool";
  options.arguments = {"check", "metrics"};
  options.input = page;
  auto promtool = test::Process::start(options);
  ASSERT_TRUE(promtool.ok()) << promtool.status();
  ASSERT_TRUE((*promtool)->wait(std::chrono::seconds(20)).has_value());
  EXPECT_THAT((*promtool)->err() + (*promtool)->out(), Not(HasSubstr("error while parsing")));
}

TEST(Telemetry, IsReadyOnceEveryConditionHolds) {
  Telemetry telemetry("x", 10);
  std::string missing;
  EXPECT_TRUE(telemetry.ready(&missing));
  telemetry.set_ready("assignment", false);
  telemetry.set_ready("restore", false);
  EXPECT_FALSE(telemetry.ready(&missing));
  EXPECT_EQ(missing, "assignment, restore");
  telemetry.set_ready("assignment", true);
  telemetry.set_ready("restore", true);
  EXPECT_TRUE(telemetry.ready(&missing));
}

TEST(Telemetry, ThreadsMayLookUpCountAndExposeAtOnce) {
  Telemetry telemetry("x", 8);
  std::vector<std::thread> threads;
  constexpr int kThreads = 4, kRounds = 500;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        telemetry.counter("a_total", "A.", {{"k", std::to_string(i % 16)}}).Increment();
        telemetry.set_ready("c", i % 2 == t % 2);
        if (i % 100 == 0) {
          EXPECT_FALSE(telemetry.expose().empty());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  double sum = telemetry.counter("a_total", "A.", {{"k", "other"}}).Value();
  for (int i = 0; i < 8; ++i) {
    sum += telemetry.counter("a_total", "A.", {{"k", std::to_string(i)}}).Value();
  }
  EXPECT_EQ(sum, kThreads * kRounds);
}

}  // namespace
}  // namespace surgewatch::telemetry
