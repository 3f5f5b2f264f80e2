#include "telemetry/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/process.h"
#include "telemetry/process_metrics.h"

namespace surgewatch::telemetry {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// The value of the line that begins with `series`; -1 if there is none.
double value_of(const Telemetry& telemetry, const std::string& series) {
  std::istringstream lines(telemetry.expose());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  }
  return -1;
}

TEST(Telemetry, NamesCarryThePrefixAndValuesAreExposed) {
  Telemetry telemetry("aggregator", 10);
  telemetry.counter("events_consumed_total", "Events.", {{"topic", "invoices"}}).Increment(3);
  telemetry.gauge("watermark_lag_seconds", "Lag.", {}).Set(1.5);
  telemetry.histogram("event_to_alert_seconds", "Time.", {{"timing", "EARLY"}}, {0.1, 1})
      .Observe(0.5);
  const std::string text = telemetry.expose();
  EXPECT_THAT(text, HasSubstr("# TYPE surgewatch_events_consumed_total counter\n"
                              "surgewatch_events_consumed_total{topic=\"invoices\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("surgewatch_watermark_lag_seconds 1.5\n"));
  EXPECT_THAT(
      text, HasSubstr("surgewatch_event_to_alert_seconds_bucket{timing=\"EARLY\",le=\"0.1\"} 0\n"));
  EXPECT_THAT(text,
              HasSubstr("surgewatch_event_to_alert_seconds_bucket{timing=\"EARLY\",le=\"1\"} 1\n"));
}

TEST(Telemetry, SaysWhatIsRunning) {
  const Telemetry telemetry("gateway", 10, {{"librdkafka", "2.0.2"}});
  EXPECT_THAT(telemetry.expose(),
              ContainsRegex("surgewatch_build_info\\{compiler=\"[^\"]+\",librdkafka=\"2\\.0\\.2\","
                            "service=\"gateway\",version=\"[0-9]+\\.[0-9]+\\.[0-9]+\"\\} 1\n"));
}

TEST(Telemetry, TheSameNameAndLabelsGiveTheSameHandle) {
  Telemetry telemetry("aggregator", 10);
  auto& first = telemetry.counter("events_consumed_total", "Events.", {{"topic", "a"}});
  EXPECT_EQ(&first, &telemetry.counter("events_consumed_total", "Events.", {{"topic", "a"}}));
  EXPECT_NE(&first, &telemetry.counter("events_consumed_total", "Events.", {{"topic", "b"}}));
}

TEST(LabelSets, UpToTheLimitAreKeptAndThoseBeyondAreOther) {
  Telemetry telemetry("aggregator", 2);
  const auto count = [&](const std::string& region) {
    telemetry.counter("events_total", "Events.", {{"family", "Hopper"}, {"region", region}})
        .Increment();
  };
  for (const char* region : {"SG", "US", "CN", "SG", "DE", "US"}) count(region);
  EXPECT_EQ(value_of(telemetry, "surgewatch_events_total{family=\"Hopper\",region=\"SG\"}"), 2);
  EXPECT_EQ(value_of(telemetry, "surgewatch_events_total{family=\"Hopper\",region=\"US\"}"), 2);
  EXPECT_EQ(value_of(telemetry, "surgewatch_events_total{family=\"other\",region=\"other\"}"), 2);
  EXPECT_EQ(value_of(telemetry,
                     "surgewatch_label_sets_dropped_total{metric=\"surgewatch_events_total\"}"),
            2);
  EXPECT_THAT(telemetry.expose(), Not(HasSubstr("\"CN\"")));
}

TEST(LabelSets, EachMetricHasItsOwnLimit) {
  Telemetry telemetry("aggregator", 1);
  telemetry.gauge("a", "A.", {{"x", "1"}}).Set(1);
  telemetry.gauge("b", "B.", {{"x", "1"}}).Set(1);
  telemetry.histogram("c", "C.", {{"x", "1"}}, {1}).Observe(1);
  EXPECT_THAT(telemetry.expose(), Not(HasSubstr("other")));
  telemetry.histogram("c", "C.", {{"x", "2"}}, {1}).Observe(1);
  EXPECT_EQ(value_of(telemetry, "surgewatch_c_count{x=\"other\"}"), 1);
}

// As series and rules differ in their dimensions.
TEST(LabelSets, OfOneMetricMayDifferInTheirNamesAndShareItsLimit) {
  Telemetry telemetry("detector", 2);
  telemetry.gauge("alert_active", "Alerts.", {{"bill_to", "SG"}}).Set(1);
  telemetry.gauge("alert_active", "Alerts.", {{"bill_to", "SG"}, {"family", "Hopper"}}).Set(2);
  telemetry.gauge("alert_active", "Alerts.", {{"family", "Hopper"}}).Set(3);
  EXPECT_EQ(value_of(telemetry, "surgewatch_alert_active{bill_to=\"SG\"}"), 1);
  EXPECT_EQ(value_of(telemetry, "surgewatch_alert_active{bill_to=\"SG\",family=\"Hopper\"}"), 2);
  EXPECT_EQ(value_of(telemetry, "surgewatch_alert_active{family=\"other\"}"), 3);
}

TEST(LabelSets, AMetricWithoutLabelsIsNeverDropped) {
  Telemetry telemetry("aggregator", 1);
  telemetry.counter("plain_total", "Plain.", {}).Increment();
  telemetry.counter("plain_total", "Plain.", {}).Increment();
  EXPECT_EQ(value_of(telemetry, "surgewatch_plain_total"), 2);
}

TEST(LabelValues, WhatIsNoUtf8IsReplacedSoThatOnePeerCannotSpoilThePage) {
  const auto exposed = [&](const std::string& value) {
    Telemetry fresh("aggregator", 100);
    fresh.gauge("g", "G.", {{"region", value}}).Set(1);
    const std::string text = fresh.expose();
    const std::string start = "surgewatch_g{region=\"";
    const std::size_t at = text.find(start) + start.size();
    return text.substr(at, text.find("\"} 1", at) - at);
  };
  // What was changed ends in a hash of the whole.
  const auto replaced = [&](const std::string& value) {
    const std::string text = exposed(value);
    EXPECT_THAT(text, ::testing::MatchesRegex(".*~[0-9a-f]{16}"));
    return text.substr(0, text.rfind('~'));
  };
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(exposed("S\xC3\xBC"
                    "d"),
            "S\xC3\xBC"
            "d");
  EXPECT_EQ(exposed("\xE2\x82\xAC \xF0\x9F\x98\x80"), "\xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(replaced("a\xFF"
                     "b"),
            "a" + bad + "b");
  EXPECT_EQ(replaced("\xC3"), bad);
  EXPECT_EQ(replaced("\xC0\x80"), bad + bad);            // overlong
  EXPECT_EQ(replaced("\xE0\x9F\xBF"), bad + bad + bad);  // overlong
  EXPECT_EQ(replaced("\xED\xA0\x80"), bad + bad + bad);  // surrogate
  EXPECT_EQ(exposed("\xED\x9F\xBF"), "\xED\x9F\xBF");    // the last before them
  EXPECT_EQ(exposed("\xF4\x8F\xBF\xBF"), "\xF4\x8F\xBF\xBF");
  EXPECT_EQ(replaced("\xF4\x90\x80\x80"), bad + bad + bad + bad);  // beyond U+10FFFF
  EXPECT_EQ(exposed("two\nlines \"quoted\""), "two\\nlines \\\"quoted\\\"");
}

// The values of label `region` of the metric g.
std::vector<std::string> exposed_regions(const Telemetry& telemetry) {
  std::vector<std::string> regions;
  std::istringstream lines(telemetry.expose());
  const std::string start = "surgewatch_g{region=\"";
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(start)) continue;
    regions.push_back(line.substr(start.size(), line.find("\"} ") - start.size()));
  }
  return regions;
}

TEST(LabelValues, LongOnesAreCutBetweenCharactersAndBytesBeyondStillCount) {
  Telemetry telemetry("aggregator", 100);
  const std::string longest(128, 'x');
  telemetry.gauge("g", "G.", {{"region", longest}}).Set(1);
  // Cut after 111 bytes, where the hash needs room; never within a character.
  telemetry.gauge("g", "G.", {{"region", std::string(110, 'y') + "\xC3\xBC" + longest}}).Set(2);
  EXPECT_THAT(
      exposed_regions(telemetry),
      ::testing::UnorderedElementsAre(longest, ::testing::MatchesRegex("y{110}~[0-9a-f]{16}")));
}

TEST(LabelValues, TwoThatDifferOnlyWhereTheyAreCutOrNoUtf8StayTwo) {
  const std::string prefix(128, 'p');
  const std::vector<std::pair<std::string, std::string>> pairs{
      {prefix + "1", prefix + "2"}, {"a\xFF", "a\xFE"}, {"a\xFF", "a\xEF\xBF\xBD"}};
  for (const auto& [first, second] : pairs) {
    Telemetry telemetry("aggregator", 100);
    auto& one = telemetry.gauge("g", "G.", {{"region", first}});
    EXPECT_NE(&one, &telemetry.gauge("g", "G.", {{"region", second}}));
    EXPECT_EQ(&one, &telemetry.gauge("g", "G.", {{"region", first}}));
    const auto regions = exposed_regions(telemetry);
    ASSERT_EQ(regions.size(), 2);
    EXPECT_NE(regions[0], regions[1]);
  }
}

// Prometheus would refuse two lines that are one to it.
TEST(LabelValues, AnEmptyOneIsNoLabel) {
  Telemetry telemetry("aggregator", 100);
  EXPECT_EQ(&telemetry.gauge("g", "G.", {{"region", ""}, {"x", "1"}}),
            &telemetry.gauge("g", "G.", {{"x", "1"}}));
}

TEST(LabelSets, WhatIsRemovedIsShownNoMoreAndFreesItsPlace) {
  Telemetry telemetry("gateway", 1);
  telemetry.remove("g", telemetry.gauge("g", "G.", {{"region", "SG"}}));
  EXPECT_THAT(telemetry.expose(), Not(HasSubstr("region")));
  telemetry.gauge("g", "G.", {{"region", "US"}}).Set(1);
  telemetry.gauge("g", "G.", {{"region", "CN"}}).Set(2);
  EXPECT_THAT(exposed_regions(telemetry), ::testing::UnorderedElementsAre("US", "other"));
  telemetry.remove("g", telemetry.gauge("g", "G.", {{"region", "CN"}}));
  EXPECT_THAT(exposed_regions(telemetry), ::testing::ElementsAre("US"));
}

TEST(Misuse, OneNameWithTwoTypesEndsTheProcess) {
  EXPECT_DEATH(
      {
        Telemetry telemetry("aggregator", 10);
        telemetry.counter("x", "X.", {});
        telemetry.gauge("x", "X.", {});
      },
      "this must hold");
}

TEST(Readiness, HoldsOnceEveryConditionDoes) {
  Telemetry telemetry("aggregator", 10);
  std::string missing;
  EXPECT_TRUE(telemetry.ready(nullptr));
  telemetry.set_ready("restore", false);
  telemetry.set_ready("assignment", false);
  EXPECT_FALSE(telemetry.ready(&missing));
  EXPECT_EQ(missing, "assignment, restore");
  telemetry.set_ready("restore", true);
  EXPECT_FALSE(telemetry.ready(&missing));
  EXPECT_EQ(missing, "assignment");
  telemetry.set_ready("assignment", true);
  EXPECT_TRUE(telemetry.ready(&missing));
  EXPECT_EQ(missing, "");
  telemetry.set_ready("assignment", false);
  EXPECT_FALSE(telemetry.ready(nullptr));
}

TEST(ProcessMetrics, AreThoseOfThisProcess) {
  const Telemetry telemetry("aggregator", 10);
  EXPECT_GT(value_of(telemetry, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(value_of(telemetry, "process_virtual_memory_bytes"),
            value_of(telemetry, "process_resident_memory_bytes"));
  EXPECT_GE(value_of(telemetry, "process_cpu_seconds_total"), 0);
  const auto now = static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(
                                           std::chrono::system_clock::now().time_since_epoch())
                                           .count());
  EXPECT_NEAR(value_of(telemetry, "process_start_time_seconds"), now, 300);
  EXPECT_GT(value_of(telemetry, "process_max_fds"), 0);
  const double open = value_of(telemetry, "process_open_fds");
  const int file = ::dup(0);
  EXPECT_EQ(value_of(telemetry, "process_open_fds"), open + 1);
  ::close(file);
}

TEST(ProcessMetrics, ACommandsNameMayHoldAnything) {
  const test::TemporaryDirectory proc;
  std::ofstream(proc.path() / "stat") << "7 (a ) 9 (b) S 1 7 7 0 -1 0 0 0 0 0 250 150 0 0 20 0 1 0 "
                                         "1000 8192 3 0\nbtime 1700000000\n";
  const ProcessMetrics metrics(proc.path(), proc.path());
  const auto families = metrics.Collect();
  const auto value = [&](const std::string& name) {
    const auto found = std::ranges::find(families, name, &prometheus::MetricFamily::name);
    if (found == families.end()) return -1.0;
    return found->type == prometheus::MetricType::Counter ? found->metric[0].counter.value
                                                          : found->metric[0].gauge.value;
  };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(value("process_cpu_seconds_total"), 400 / ticks);
  EXPECT_EQ(value("process_virtual_memory_bytes"), 8192);
  EXPECT_EQ(value("process_resident_memory_bytes"),
            3.0 * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(value("process_start_time_seconds"), 1'700'000'000 + 1000 / ticks);
  // What isn't there is left out.
  EXPECT_EQ(value("process_open_fds"), -1);
  EXPECT_EQ(value("process_max_fds"), -1);
}

TEST(Exposition, IsWhatPrometheusReads) {
  Telemetry telemetry("aggregator", 2);
  for (const char* region : {"SG", "a\"\\\n\xFF", "third"}) {
    telemetry.counter("events_consumed_total", "Events.", {{"region", region}}).Increment();
    telemetry.gauge("watermark_lag_seconds", "Lag.", {{"region", region}}).Set(0.25);
    telemetry.histogram("event_to_alert_seconds", "Time.", {{"region", region}}, {0.1, 1})
        .Observe(2);
  }
  const auto promtool = test::Process::start(
      {.program = "promtool", .arguments = {"check", "metrics"}, .input = telemetry.expose()});
  ASSERT_TRUE(promtool.ok()) << promtool.status() << "; install the package prometheus";
  EXPECT_EQ((*promtool)->wait(std::chrono::milliseconds(30'000)), 0)
      << (*promtool)->out() << (*promtool)->err() << telemetry.expose();
}

}  // namespace
}  // namespace surgewatch::telemetry
