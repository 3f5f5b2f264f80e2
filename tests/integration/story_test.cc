// The whole way on a real Kafka: events in, three services as processes, alerts out.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/affinity.h"
#include "base/proto_json.h"
#include "base/time.h"
#include "integration/system.h"
#include "support/from_json.h"
#include "support/kafka_server_fixture.h"
#include "surgewatch/v1/events.pb.h"
#include "surgewatch/v1/live.pb.h"

namespace surgewatch::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kEvents = 12'000;
constexpr int kPartitions = 3;
constexpr std::int64_t kQuarterEnd = 1'730'073'600;  // 2024-10-28T00:00:00Z

class OnRealKafka : public KafkaServerFixture {
 protected:
  static const std::string& brokers() { return server_->brokers(); }
  static bool is_story(const v1::Alert& alert) {
    return alert.rule() == "singapore-since-deepseek" && alert.subject().at("bill_to") == "SG" &&
           alert.window_end().seconds() == kQuarterEnd;
  }
  // The aggregator has read `events` and the detector all that came of them.
  static void wait_for_all(const System& system, double events) {
    ASSERT_TRUE(wait_until(
        [&] {
          return System::metric(system.aggregator_port, "surgewatch_events_consumed_total") +
                     System::metric(system.aggregator_port, "surgewatch_events_reread_total") >=
                 events;
        },
        kPatience))
        << system.aggregator->err();
  }
  static void wait_for_story(const System& system) {
    ASSERT_TRUE(wait_until(
        [&] {
          const auto alerts = system.alerts();
          return std::any_of(alerts.begin(), alerts.end(), [](const v1::Alert& alert) {
            return is_story(alert) && alert.timing() == v1::TIMING_FINAL;
          });
        },
        kPatience))
        << system.aggregator->err() << system.detector->err();
  }
  // What `replay --series` writes.
  struct PaneRow {
    std::string series, start, key, measure;
    std::int64_t value = 0;
  };
  static std::vector<PaneRow> pane_rows(const std::string& csv) {
    std::vector<PaneRow> rows;
    std::ifstream file(csv);
    std::string line;
    std::getline(file, line);  // the header
    while (std::getline(file, line)) {
      std::istringstream fields(line);
      PaneRow& row = rows.emplace_back();
      std::string value;
      for (auto* field : {&row.series, &row.start, &row.key, &row.measure, &value}) {
        std::getline(fields, *field, ',');
      }
      row.value = std::stoll(value);
    }
    return rows;
  }
  // Units of every key and complete window, against its panes.
  static void expect_live_windows_are_sums_of(const v1::LiveWindows& windows,
                                              const std::string& csv) {
    EXPECT_EQ(windows.sources_size(), kPartitions);
    std::map<std::pair<std::string, std::string>, std::int64_t> units;  // by key and first instant
    for (const PaneRow& row : pane_rows(csv)) {
      if (row.series == "billed" && row.measure == "units") units[{row.key, row.start}] = row.value;
    }
    int compared = 0;
    for (const v1::LiveRow& row : windows.rows()) {
      const std::string key =
          "bill_to=" + row.key().at("bill_to") + ";family=" + row.key().at("family");
      for (int i = 0; i < windows.windows_size(); ++i) {
        if (!windows.windows(i).complete()) continue;
        std::int64_t expected = 0;
        for (std::int64_t at = windows.windows(i).start().seconds();
             at < windows.windows(i).end().seconds(); at += 86'400) {
          expected += units[{key, format_time(at * kMicrosPerSecond)}];
        }
        EXPECT_EQ(row.windows(i).sum().units(), expected) << key << ", window " << i;
        compared += expected == 0 ? 0 : 1;
      }
    }
    EXPECT_GT(compared, 10);
  }
  // What rules say of orders may become known long after its time, so of each window the newest
  // word counts: it agrees with the panes. The windows where it does not.
  static std::vector<std::string> order_windows_that_differ(const System& system,
                                                            const std::string& rule,
                                                            const std::string& measured,
                                                            const std::string& csv) {
    std::map<std::string, std::int64_t> found;  // of what went to China, by the pane's begin
    for (const PaneRow& row : pane_rows(csv)) {
      const bool is_of_china = row.key.find(";destination=CN;") != std::string::npos;
      if (row.series == rule && row.measure == measured && is_of_china)
        found[row.start] += row.value;
    }
    const auto list = nlohmann::json::parse(
        System::get(system.gateway_port, "/api/v1/series?destination=CN&rule=" + rule));
    std::vector<std::string> differing;
    std::size_t filled = 0;
    for (const auto& point : list["points"]) {
      const std::string begin = point["window_start"], end = point["window_end"];
      if (end > format_time(kQuarterEnd * kMicrosPerSecond)) continue;
      std::int64_t expected = 0;
      for (auto pane = found.lower_bound(begin); pane != found.lower_bound(end); ++pane) {
        expected += pane->second;
      }
      const double observed = point["observed"];
      filled += expected > 0 ? 1 : 0;
      if (observed != static_cast<double>(expected)) {
        differing.push_back(fmt::format("{} to {}: {}, not {}", rule, end, observed, expected));
      }
    }
    if (filled < 100) differing.push_back(fmt::format("{}: only {} windows", rule, filled));
    return differing;
  }
  static void expect_each_revision_once(const std::vector<v1::Alert>& alerts) {
    std::map<std::string, int> newest;
    for (const v1::Alert& alert : alerts) {
      EXPECT_EQ(alert.revision(), ++newest[alert.alert_id()]) << alert.alert_id();
    }
  }
};

TEST_F(OnRealKafka, TheStoryIsFoundAndServed) {
  System system(brokers(), "story-");
  system.create_topics(kPartitions);
  system.start_all();
  ASSERT_TRUE(wait_until(
      [&] {
        return System::get(system.gateway_port, "/-/ready").find("not ready") ==
                   std::string::npos &&
               !System::get(system.gateway_port, "/-/ready").empty();
      },
      kPatience));
  auto subscriber = system.start(
      "surgewatch", {"subscribe", "--target", "127.0.0.1:" + std::to_string(system.grpc_port),
                     "--rule", "singapore-since-deepseek", "--json"});
  ASSERT_TRUE(wait_until(
      [&] { return System::metric(system.gateway_port, "surgewatch_subscribers", "grpc") == 1; },
      kPatience));
  system.simulate("deepseek", kEvents);
  wait_for_all(system, kEvents);
  wait_for_story(system);

  const auto alerts = system.alerts();
  expect_each_revision_once(alerts);
  for (const v1::Alert& alert : alerts) {
    if (!is_story(alert)) continue;
    EXPECT_EQ(alert.observed(), 7.697e15);
    EXPECT_EQ(alert.expected(), 1.042e15);
    EXPECT_NEAR(alert.ratio(), 7.387, 5e-4);
    EXPECT_NEAR(alert.growth_percent(), 638.7, 0.05);
  }
  EXPECT_EQ(System::metric(system.aggregator_port, "surgewatch_events_rejected_total"), 0);
  EXPECT_EQ(System::metric(system.aggregator_port, "surgewatch_events_late_total"), 0);
  EXPECT_EQ(System::metric(system.aggregator_port, "surgewatch_events_miskeyed_total"), 0);
  EXPECT_GT(System::metric(system.detector_port, "surgewatch_alerts_total",
                           "rule=\"singapore-since-deepseek\""),
            0);
  ASSERT_TRUE(wait_until(
      [&] {
        return System::metric(system.gateway_port, "surgewatch_alert_active",
                              "rule=\"singapore-since-deepseek\"") == 1;
      },
      kPatience));
  EXPECT_THAT(System::get(system.gateway_port, "/api/v1/alerts?rule=singapore-since-deepseek"),
              HasSubstr("\"bill_to\":\"SG\""));
  EXPECT_TRUE(subscriber->wait_for_output(
      [](const std::string& out, const std::string&) {
        return out.find("\"window_end\":\"2024-10-28T00:00:00Z\"") != std::string::npos &&
               out.find("resume_token") != std::string::npos;
      },
      kPatience));
  const auto status = system.run({"status", "--config", system.config().string()});
  EXPECT_EQ(status->wait({}), 0) << status->err();
  EXPECT_THAT(status->out(), HasSubstr("singapore-since-deepseek"));
  System::stop(subscriber);
  system.stop_all();
}

class OfWorkers : public OnRealKafka, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(One, OfWorkers, ::testing::Values(1));
INSTANTIATE_TEST_SUITE_P(OneForEachPartition, OfWorkers, ::testing::Values(kPartitions));

TEST_P(OfWorkers, WhatIsFinalIsWhatAReplayOfTheSameEventsSays) {
  System system(brokers(), "replay-" + std::to_string(GetParam()) + "-",
                "aggregator: {workers: " + std::to_string(GetParam()) + "}\n");
  system.create_topics(kPartitions);
  system.start_all();
  // Each has its pairs, and the pairs stay together.
  for (int worker = 0; worker < GetParam(); ++worker) {
    const std::string label = "worker=\"" + std::to_string(worker) + "\"";
    ASSERT_TRUE(wait_until(
        [&] {
          return System::metric(system.aggregator_port, "surgewatch_worker_sources", label) ==
                 2 * kPartitions / GetParam();
        },
        kPatience))
        << system.aggregator->err();
  }
  system.simulate("deepseek", kEvents);
  wait_for_all(system, kEvents);
  wait_for_story(system);
  const auto live = system.alerts();
  // Three days each, a day apart: asked of the aggregator while it runs.
  v1::LiveWindows windows;
  const std::string asked = System::get(
      system.aggregator_port, "/api/v1/window?series=billed&window=3d&step=1d&windows=5&limit=999");
  ASSERT_TRUE(from_json(asked, &windows)) << asked;

  TemporaryDirectory directory;
  const std::string panes = (directory.path() / "panes.csv").string();
  const std::string events = (directory.path() / "events.binpb").string();
  ASSERT_EQ(
      system.run({"simulate", "--events", std::to_string(kEvents), "--out", events, "--quiet"})
          ->wait({}),
      0);
  const auto replay = system.run(
      {"replay", "--config", system.config().string(), "--events", events, "--series", panes});
  ASSERT_EQ(replay->wait({}), 0) << replay->err();
  expect_live_windows_are_sums_of(windows, panes);
  const std::map<std::string, std::string> of_orders{{"diverted-orders", "orders"},
                                                     {"controlled-parts-without-licence", "chips"}};
  for (const auto& [rule, measure] : of_orders) {
    const auto differing = [&] { return order_windows_that_differ(system, rule, measure, panes); };
    wait_until([&] { return differing().empty(); }, kPatience);
    EXPECT_THAT(differing(), IsEmpty());
  }
  system.stop_all();

  // Up to the quarter's end: what comes later is not final yet in the live system.
  const auto finals = [&](const std::vector<v1::Alert>& alerts) {
    std::set<std::string> lines;
    for (v1::Alert alert : alerts) {
      if (alert.timing() != v1::TIMING_FINAL || alert.window_end().seconds() > kQuarterEnd)
        continue;
      // FINAL says that no late event can come; an order's next document can.
      if (of_orders.contains(alert.rule())) continue;
      alert.clear_revision();  // how often it was amended on the way is the live system's own
      lines.insert(to_json(alert));
    }
    return lines;
  };
  std::vector<v1::Alert> replayed;
  std::istringstream lines(replay->out());
  for (std::string line; std::getline(lines, line);) {
    ASSERT_TRUE(from_json(line, &replayed.emplace_back()));
  }
  EXPECT_THAT(finals(live), ::testing::Not(IsEmpty()));
  const auto only_in = [](const std::set<std::string>& some, const std::set<std::string>& others) {
    std::vector<std::string> left;
    std::ranges::set_difference(some, others, std::back_inserter(left));
    return left;
  };
  EXPECT_THAT(only_in(finals(live), finals(replayed)), IsEmpty());
  EXPECT_THAT(only_in(finals(replayed), finals(live)), IsEmpty());
}

TEST_F(OnRealKafka, AKilledSystemComesBackLosesNothingAndAlertsNothingTwice) {
  System system(brokers(), "killed-", "aggregator: {workers: 2}\n");
  system.create_topics(kPartitions);
  system.start_all();
  system.simulate("deepseek", kEvents);
  // In the middle of it.
  ASSERT_TRUE(wait_until([&] { return system.alerts().size() > 20; }, kPatience));
  for (auto* process : {&system.aggregator, &system.detector}) {
    (*process)->signal(SIGKILL);
    ASSERT_TRUE((*process)->wait(kPatience).has_value());
  }
  const std::vector<std::string> flags{"--config", system.config().string()};
  system.aggregator = system.start("surgewatch-aggregator", flags);
  system.detector = system.start("surgewatch-detector", flags);
  wait_for_story(system);
  expect_each_revision_once(system.alerts());
  system.stop_all();
  // And once more, in order, with everything there already.
  const std::size_t before = system.alerts().size();
  system.start_all();
  wait_for_all(system, kEvents);
  ASSERT_TRUE(wait_until(
      [&] {
        return System::metric(system.detector_port, "surgewatch_journal_records_total") > 0 &&
               System::metric(system.detector_port, "surgewatch_journal_lag_records") == 0;
      },
      kPatience));
  system.stop_all();
  expect_each_revision_once(system.alerts());
  EXPECT_GE(system.alerts().size(), before);
}

TEST_F(OnRealKafka, BadRecordsGoToTheDeadLettersOnceAndTheRestGoesOn) {
  System system(brokers(), "bad-");
  system.create_topics(1);
  v1::Invoice invoice;
  invoice.set_invoice_id("i-1");
  invoice.set_order_id("o-1");
  invoice.mutable_issue_time()->set_seconds(1'704'067'200);
  invoice.mutable_bill_to()->set_country("SG");
  auto* line = invoice.add_lines();
  line->set_sku("H100-SXM5-80GB");
  line->set_quantity(1);
  const std::string good = invoice.SerializeAsString();
  v1::Invoice changed = invoice;
  changed.mutable_lines(0)->set_quantity(-3);
  const std::string negative = changed.SerializeAsString();
  changed = invoice;
  changed.mutable_bill_to()->set_country("QQ");
  const std::string nowhere = changed.SerializeAsString();
  changed = invoice;
  changed.mutable_lines(0)->mutable_unit_price()->set_currency_code("XTS");
  changed.mutable_lines(0)->mutable_unit_price()->set_units(1);
  const std::string unknown_currency = changed.SerializeAsString();
  const std::vector<std::pair<std::string, std::string>> bad{
      {good.substr(0, good.size() - 2), "REJECT_REASON_UNDECODABLE"},
      {"\xFF\xFE random \x01", "REJECT_REASON_UNDECODABLE"},
      {negative, "REJECT_REASON_INVALID_QUANTITY"},
      {nowhere, "REJECT_REASON_UNKNOWN_COUNTRY"},
      {unknown_currency, "REJECT_REASON_UNKNOWN_CURRENCY"}};
  const auto producer = kafka::make_producer(brokers());
  for (const auto& [payload, reason] : bad) {
    ASSERT_TRUE(producer->produce(system.topic("invoices"), 0, "o-1", payload).ok());
  }
  ASSERT_TRUE(producer->produce(system.topic("invoices"), 0, "another-key", good).ok());
  ASSERT_TRUE(producer->flush(kPatience).ok());

  for (const bool first : {true, false}) {
    SCOPED_TRACE(first ? "first life" : "second life");
    system.start_all();
    wait_for_all(system, static_cast<double>(bad.size() + 1));
    // Counters count what is new.
    EXPECT_EQ(System::metric(system.aggregator_port, "surgewatch_events_rejected_total"),
              first ? static_cast<double>(bad.size()) : 0);
    EXPECT_EQ(System::metric(system.aggregator_port, "surgewatch_events_miskeyed_total"),
              first ? 1 : 0);
    EXPECT_EQ(System::metric(system.aggregator_port, "surgewatch_events_reread_total"),
              first ? 0 : static_cast<double>(bad.size() + 1));
    system.stop_all();
    const auto letters = system.records("surgewatch.dead-letter");
    ASSERT_THAT(letters, SizeIs(bad.size()));
    for (std::size_t i = 0; i < bad.size(); ++i) {
      EXPECT_EQ(letters[i].payload, bad[i].first);
      std::map<std::string, std::string> headers;
      for (const kafka::Header& header : letters[i].headers) headers[header.name] = header.value;
      EXPECT_EQ(headers["reason"], bad[i].second);
      EXPECT_EQ(headers["source_topic"], system.topic("invoices"));
      EXPECT_EQ(headers["source_partition"], "0");
      EXPECT_EQ(headers["source_offset"], std::to_string(i));
    }
  }
}

TEST_F(OnRealKafka, AMissingTopicIsNamedWithTheWayToCreateIt) {
  System system(brokers(), "missing-");
  for (const char* program :
       {"surgewatch-aggregator", "surgewatch-detector", "surgewatch-gateway"}) {
    const auto process = system.start(program, {"--config", system.config().string()});
    EXPECT_EQ(process->wait(kPatience), 1) << program;
    EXPECT_THAT(process->err(), HasSubstr("missing-")) << program;
    EXPECT_THAT(process->err(), HasSubstr("surgewatch topics create")) << program;
  }
}

TEST_F(OnRealKafka, ACpuThatIsNotThereIsNamed) {
  System system(brokers(), "cpu-", "aggregator: {cpu_affinity: [1023]}\n");
  const auto process =
      system.start("surgewatch-aggregator", {"--config", system.config().string()});
  EXPECT_EQ(process->wait(kPatience), 1);
  EXPECT_THAT(process->err(),
              HasSubstr("aggregator.cpu_affinity[0]: this process has no CPU 1023"));
}

// What a record costs is mostly its way from core to core, so a client belongs where its worker is.
TEST_F(OnRealKafka, AWorkersKafkaClientsArePinnedWithIt) {
  const int cpu = allowed_cpus().back();
  System system(brokers(), "pinned-", fmt::format("aggregator: {{cpu_affinity: [{}]}}\n", cpu));
  system.create_topics(1);
  system.aggregator = system.start("surgewatch-aggregator", {"--config", system.config().string()});
  ASSERT_TRUE(wait_until(
      [&] { return System::metric(system.aggregator_port, "surgewatch_worker_sources") == 2; },
      kPatience))
      << system.aggregator->err();
  // CPUs that the threads of each name may run on.
  std::map<std::string, std::multiset<std::string>> allowed;
  const auto tasks = fmt::format("/proc/{}/task", system.aggregator->pid());
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      constexpr std::string_view kList = "Cpus_allowed_list:\t";
      if (line.starts_with(kList)) allowed[name].insert(line.substr(kList.size()));
    }
  }
  // The worker's consumer and its producer of side outputs; the flusher's producer and the watch's
  // client go where they may.
  EXPECT_EQ(allowed["rdk:main"].count(std::to_string(cpu)), 2U);
  if (allowed_cpus().size() > 1) {
    EXPECT_EQ(allowed["rdk:main"].size(), 4U);
  }
  EXPECT_GE(allowed["rdk:broker1"].count(std::to_string(cpu)), 1U);
  System::stop(system.aggregator);
}

TEST_F(OnRealKafka, InputTopicsOfUnequalPartitionsAreRefused) {
  System system(brokers(), "unequal-");
  const auto admin = *kafka::Admin::create({.brokers = brokers()});
  ASSERT_TRUE(admin->create_topics({{system.topic("shipments"), 5, {}}}, 1).ok());
  system.create_topics(2);
  const auto process =
      system.start("surgewatch-aggregator", {"--config", system.config().string()});
  EXPECT_EQ(process->wait(kPatience), 1);
  EXPECT_THAT(process->err(), HasSubstr("5"));
  EXPECT_THAT(process->err(), HasSubstr("same number"));
}

}  // namespace
}  // namespace surgewatch::test
