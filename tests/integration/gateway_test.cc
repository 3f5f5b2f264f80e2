// The gateway as a process, against a real Kafka whose topics come and go.
#include <fmt/format.h>
#include <httplib.h>
#include <signal.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "integration/system.h"
#include "support/from_json.h"
#include "support/grpc_health.h"
#include "support/kafka_admin.h"
#include "support/kafka_server_fixture.h"

namespace surgewatch::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Answer {
  int status = 0;  // 0: nobody answers
  std::string body;
};
Answer ask(int port, const std::string& path) {
  httplib::Client client("127.0.0.1", port);
  client.set_read_timeout(10);
  const auto answer = client.Get(path.c_str());
  return answer ? Answer{answer->status, answer->body} : Answer{};
}

// The ids in a list of alerts; {"?"} if there is no list.
std::set<std::string> listed(int port) {
  const Answer answer = ask(port, "/api/v1/alerts");
  if (answer.status != 200) return {"?"};
  std::set<std::string> ids;
  const auto list = nlohmann::json::parse(answer.body);
  for (const auto& alert : list["alerts"]) {
    ids.insert(alert["alert_id"].get<std::string>());
  }
  return ids;
}

v1::Alert alert_of(const std::string& id, int revision, bool fires) {
  v1::Alert alert;
  alert.set_alert_id(id);
  alert.set_revision(revision);
  alert.set_rule("r");
  alert.set_severity(v1::SEVERITY_CRITICAL);
  alert.set_state(fires ? v1::ALERT_STATE_FIRING : v1::ALERT_STATE_RESOLVED);
  alert.set_ratio(fires ? 5 : 0.5);
  (*alert.mutable_subject())["bill_to"] = "SG";
  return alert;
}

class GatewayOnRealKafka : public KafkaServerFixture {
 protected:
  static const std::string& brokers() { return server_->brokers(); }

  // `identity`: 16 hex digits, as the detector writes it; empty: as one wrote that did not know it.
  static void publish(const System& system, const std::vector<v1::Alert>& alerts,
                      const std::string& identity) {
    const auto producer = kafka::make_producer(brokers());
    std::vector<kafka::Header> headers;
    if (!identity.empty()) headers.push_back({"topic_identity", identity});
    for (const v1::Alert& alert : alerts) {
      ASSERT_EQ(producer->produce(system.topic("alerts"), 0, alert.alert_id(),
                                  alert.SerializeAsString(), headers),
                absl::OkStatus());
    }
    ASSERT_EQ(producer->flush(kPatience), absl::OkStatus());
  }

  // Kafka forgets a topic a moment after it says that it has.
  static void delete_topic(const std::string& topic) {
    ASSERT_EQ(test::delete_topic(brokers(), topic), absl::OkStatus());
    auto admin = kafka::Admin::create({.brokers = brokers()});
    ASSERT_TRUE(admin.ok());
    ASSERT_TRUE(wait_until(
        [&] {
          const auto found = (*admin)->partitions({topic}, std::chrono::milliseconds(5'000));
          return found.ok() && !(*found)[0];
        },
        kPatience));
  }

  static void start(System* system) {
    system->gateway = system->start("surgewatch-gateway", {"--config", system->config().string()});
    ASSERT_TRUE(
        wait_until([&] { return ask(system->gateway_port, "/-/ready").status == 200; }, kPatience))
        << system->gateway->err();
  }
  static bool comes_to_list(const System& system, const std::set<std::string>& ids) {
    return wait_until([&] { return listed(system.gateway_port) == ids; }, kPatience);
  }
  static std::string token(const System& system) {
    const auto list = nlohmann::json::parse(ask(system.gateway_port, "/api/v1/alerts").body);
    return list["resume_token"].get<std::string>();
  }
};

// tests/data/alert_active: the first episode is final a lateness after it, while the second fires.
TEST_F(GatewayOnRealKafka, AnAlertIsActiveThoughAnEarlierOneOfItsLabelsBecomesFinal) {
  System system(brokers(), "active.");
  system.create_topics(1);
  const std::string data = SURGEWATCH_SOURCE_DIR "/tests/data/alert_active/";
  const auto replay =
      system.run({"replay", "--config", data + "config.yaml", "--events", data + "events.ndjson"});
  ASSERT_EQ(replay->wait({}), 0) << replay->err();
  std::istringstream lines(replay->out());
  std::vector<v1::Alert> alerts;
  for (std::string line; std::getline(lines, line);) {
    v1::Alert& alert = alerts.emplace_back();
    ASSERT_TRUE(from_json(line, &alert)) << line;
    // Up to the first one's last word.
    if (alert.state() == v1::ALERT_STATE_RESOLVED && alert.timing() == v1::TIMING_FINAL) break;
  }
  ASSERT_GT(alerts.size(), 4U);
  publish(system, alerts, "");
  start(&system);
  const std::string labels = "rule=\"r\"";
  EXPECT_EQ(System::metric(system.gateway_port, "surgewatch_alert_active", labels), 1);
  EXPECT_EQ(System::metric(system.gateway_port, "surgewatch_alert_ratio", labels), 4.8);
  System::stop(system.gateway);
}

// While it starts, and until it has read the topic to its end, it has no answer; then it has the
// right one. Nobody hears of what was once in force.
TEST_F(GatewayOnRealKafka, TellsNobodyHistoryAsNews) {
  constexpr int kRevisions = 60'000;
  System system(brokers(), "history.");
  system.create_topics(1);
  std::vector<v1::Alert> alerts;
  for (int i = 1; i <= kRevisions; ++i) {
    alerts.push_back(alert_of("a", i, i % 2 == 1));
    alerts.back().set_explanation(std::string(300, 'x'));
  }
  ASSERT_EQ(alerts.back().state(), v1::ALERT_STATE_RESOLVED);
  publish(system, alerts, "00000000000000aa");
  system.gateway = system.start("surgewatch-gateway", {"--config", system.config().string()});
  const std::string newest = fmt::format("\"revision\":{}", kRevisions);
  std::atomic<bool> done{false};
  std::atomic<bool> stream_told{false};
  std::thread stream([&] {
    while (!done) {
      httplib::Client client("127.0.0.1", system.gateway_port);
      client.set_read_timeout(1);
      client.Get("/api/v1/stream", [&](const char* data, std::size_t size) {
        if (std::string_view(data, size).find("event: alert") != std::string_view::npos) {
          stream_told = true;
        }
        return !done.load();
      });
    }
  });
  bool list_told = false;
  bool metric_told = false;
  const bool answers = wait_until(
      [&] {
        const Answer list = ask(system.gateway_port, "/api/v1/alerts");
        list_told |= list.status == 200 && list.body.find(newest) == std::string::npos;
        metric_told |= System::metric(system.gateway_port, "surgewatch_alert_active") != 0;
        return list.status == 200 && list.body.find(newest) != std::string::npos;
      },
      kPatience);
  done = true;
  stream.join();
  EXPECT_TRUE(answers) << system.gateway->err();
  EXPECT_FALSE(list_told);
  EXPECT_FALSE(metric_told);
  EXPECT_FALSE(stream_told);
  EXPECT_TRUE(
      wait_until([&] { return ask(system.gateway_port, "/-/ready").status == 200; }, kPatience));
  System::stop(system.gateway);
}

TEST_F(GatewayOnRealKafka, ATopicThatWasMadeAnewIsReadFromItsBeginning) {
  System system(brokers(), "anew.");
  system.create_topics(1);
  std::vector<v1::Alert> old;
  for (int i = 0; i < 20; ++i) old.push_back(alert_of("old", i + 1, true));
  publish(system, old, "00000000000000aa");
  start(&system);
  ASSERT_THAT(listed(system.gateway_port), ElementsAre("old"));
  const std::string old_token = token(system);
  std::string heard;
  std::thread stream([&] {
    httplib::Client client("127.0.0.1", system.gateway_port);
    client.set_read_timeout(90);
    client.Get("/api/v1/stream", [&](const char* data, std::size_t size) {
      heard.append(data, size);
      return true;
    });
  });
  ASSERT_TRUE(wait_until(
      [&] { return System::metric(system.gateway_port, "surgewatch_subscribers", "sse") == 1; },
      kPatience));
  auto subscriber = system.start("surgewatch", {"subscribe", "--json", "--target",
                                                "127.0.0.1:" + std::to_string(system.grpc_port)});
  ASSERT_TRUE(wait_until(
      [&] { return System::metric(system.gateway_port, "surgewatch_subscribers", "grpc") == 1; },
      kPatience));

  delete_topic(system.topic("alerts"));
  // Who asks now hears that nothing is known, and not what was.
  EXPECT_TRUE(wait_until([&] { return ask(system.gateway_port, "/api/v1/alerts").status == 503; },
                         kPatience))
      << system.gateway->err();
  stream.join();
  EXPECT_THAT(heard, HasSubstr("event: reset"));

  system.create_topics(1);
  publish(system, {alert_of("new", 1, true), alert_of("more", 1, true)}, "00000000000000bb");
  EXPECT_TRUE(comes_to_list(system, {"more", "new"})) << system.gateway->err();
  EXPECT_EQ(System::metric(system.gateway_port, "surgewatch_alert_active", "rule=\"r\""), 1);
  EXPECT_THAT(ask(system.gateway_port, "/api/v1/stream?from=" + old_token).body,
              AllOf(HasSubstr("event: reset"), HasSubstr("another")));
  // Who follows goes on by himself.
  EXPECT_TRUE(wait_until(
      [&] {
        return subscriber->out().find("\"alert_id\":\"new\"") != std::string::npos &&
               subscriber->out().find("\"alert_id\":\"more\"") != std::string::npos;
      },
      kPatience))
      << subscriber->out() << subscriber->err();
  publish(system, {alert_of("later", 1, true)}, "00000000000000bb");
  EXPECT_TRUE(wait_until([&] { return subscriber->out().find("\"later\"") != std::string::npos; },
                         kPatience))
      << subscriber->out() << subscriber->err();
  System::stop(subscriber);
  System::stop(system.gateway);
}

// The broker was away, and what came back has more records than the old topic had: no offset tells.
TEST_F(GatewayOnRealKafka, ATopicOfAnotherIdentityIsAnotherTopic) {
  System system(brokers(), "identity.");
  system.create_topics(1);
  publish(system, {alert_of("old", 1, true)}, "00000000000000aa");
  start(&system);
  ASSERT_THAT(listed(system.gateway_port), ElementsAre("old"));
  system.gateway->pause();
  delete_topic(system.topic("alerts"));
  system.create_topics(1);
  std::vector<v1::Alert> alerts;
  for (int i = 0; i < 50; ++i)
    alerts.push_back(alert_of("new" + std::to_string(i % 5), i + 1, true));
  publish(system, alerts, "00000000000000bb");
  system.gateway->resume();
  EXPECT_TRUE(comes_to_list(system, {"new0", "new1", "new2", "new3", "new4"}))
      << system.gateway->err();
  System::stop(system.gateway);
}

TEST_F(GatewayOnRealKafka, WithoutBrokersWhatIsKnownIsServedStillThoughNotReady) {
  System system(brokers(), "brokers.");
  system.create_topics(1);
  publish(system, {alert_of("a", 1, true)}, "00000000000000aa");
  start(&system);
  const std::string target = "127.0.0.1:" + std::to_string(system.grpc_port);
  EXPECT_EQ(health_of(target, "surgewatch.v1.AlertService"), "serving");
  server_->stop();
  EXPECT_TRUE(
      wait_until([&] { return ask(system.gateway_port, "/-/ready").status == 503; }, kPatience));
  EXPECT_TRUE(wait_until(
      [&] { return health_of(target, "surgewatch.v1.AlertService") == "not serving"; }, kPatience));
  EXPECT_THAT(listed(system.gateway_port), ElementsAre("a"));
  EXPECT_EQ(System::metric(system.gateway_port, "surgewatch_alert_active", "rule=\"r\""), 1);
  ASSERT_EQ(server_->restart(), absl::OkStatus());
  EXPECT_TRUE(
      wait_until([&] { return ask(system.gateway_port, "/-/ready").status == 200; }, kPatience))
      << system.gateway->err();
  EXPECT_TRUE(wait_until([&] { return health_of(target, "") == "serving"; }, kPatience));
  EXPECT_THAT(listed(system.gateway_port), ElementsAre("a"));
  System::stop(system.gateway);
}

// The wire carries times that JSON has no form for.
TEST_F(GatewayOnRealKafka, WhatCantBeWrittenIsCountedAndPassedOver) {
  System system(brokers(), "times.");
  system.create_topics(1);
  v1::Alert beyond = alert_of("beyond", 1, true);
  beyond.mutable_window_end()->set_seconds(std::int64_t{1} << 50);
  publish(system, {beyond, alert_of("good", 1, true)}, "00000000000000aa");
  v1::SeriesPoint point;
  point.set_rule("r");
  point.mutable_window_end()->set_nanos(-1);
  const auto producer = kafka::make_producer(brokers());
  ASSERT_EQ(producer->produce(system.topic("surgewatch.series"), 0, "r", point.SerializeAsString()),
            absl::OkStatus());
  ASSERT_EQ(producer->flush(kPatience), absl::OkStatus());
  start(&system);
  EXPECT_TRUE(comes_to_list(system, {"good"})) << system.gateway->err();
  EXPECT_TRUE(wait_until(
      [&] {
        return System::metric(system.gateway_port, "surgewatch_published_malformed_total", "") == 2;
      },
      kPatience));
  EXPECT_EQ(ask(system.gateway_port, "/api/v1/series?rule=r").status, 200);
  System::stop(system.gateway);
}

// A mirror of another cluster writes among ours, with an identity of its own.
TEST_F(GatewayOnRealKafka, RecordsOfAMirrorEndNoStreamsTwiceAndMuteNobody) {
  System system(brokers(), "mirror.");
  system.create_topics(1);
  const std::string ours = "00000000000000aa";
  const std::string theirs = "00000000000000bb";
  publish(system, {alert_of("a", 1, true)}, ours);
  start(&system);
  publish(system, {alert_of("a", 1'000'000, false)}, theirs);
  for (int i = 2; i < 6; ++i) {
    publish(system, {alert_of("a", i, true)}, ours);
    publish(system, {alert_of("mirrored" + std::to_string(i), 1, true)}, theirs);
  }
  EXPECT_TRUE(comes_to_list(system, {"a", "mirrored2", "mirrored3", "mirrored4", "mirrored5"}))
      << system.gateway->err();
  EXPECT_EQ(System::metric(system.gateway_port, "surgewatch_published_read_anew_total"), 1);
  const auto list = nlohmann::json::parse(ask(system.gateway_port, "/api/v1/alerts").body);
  for (const auto& alert : list["alerts"]) {
    EXPECT_EQ(alert["revision"], alert["alert_id"] == "a" ? 5 : 1) << list.dump();
  }
  System::stop(system.gateway);
}

// An empty list would say that nothing is firing.
TEST_F(GatewayOnRealKafka, WhatHasReadNothingYetSaysSoAndWhoFollowsWaits) {
  System system(brokers(), "away.");
  system.create_topics(1);
  publish(system, {alert_of("before", 1, true)}, "00000000000000aa");
  server_->stop();
  system.gateway = system.start("surgewatch-gateway", {"--config", system.config().string()});
  ASSERT_TRUE(
      wait_until([&] { return ask(system.gateway_port, "/-/healthy").status == 200; }, kPatience));
  EXPECT_EQ(ask(system.gateway_port, "/api/v1/alerts").status, 503);
  EXPECT_EQ(ask(system.gateway_port, "/").status, 200);
  const std::string target = "127.0.0.1:" + std::to_string(system.grpc_port);
  EXPECT_TRUE(wait_until([&] { return health_of(target, "") == "not serving"; }, kPatience));
  auto subscriber = system.start("surgewatch", {"subscribe", "--json", "--target", target});
  EXPECT_TRUE(wait_until(
      [&] { return subscriber->err().find("trying again") != std::string::npos; }, kPatience))
      << subscriber->err();
  ASSERT_EQ(server_->restart(), absl::OkStatus());
  EXPECT_TRUE(comes_to_list(system, {"before"})) << system.gateway->err();
  ASSERT_TRUE(wait_until(
      [&] { return System::metric(system.gateway_port, "surgewatch_subscribers", "grpc") == 1; },
      kPatience))
      << subscriber->err();
  publish(system, {alert_of("after", 1, true)}, "00000000000000aa");
  EXPECT_TRUE(wait_until([&] { return subscriber->out().find("\"after\"") != std::string::npos; },
                         kPatience))
      << subscriber->err();
  EXPECT_EQ(subscriber->out().find("\"before\""), std::string::npos);
  System::stop(subscriber);
  System::stop(system.gateway);
}

// It is stopped, as one is whose terminal or pager takes nothing more: nothing is read, and nobody
// is gone.
TEST_F(GatewayOnRealKafka, ASubscriberThatStandsStillIsCutAndGoesOnWithoutAGap) {
  // More than the 4 MB of the client's window and what TCP holds.
  constexpr int kAlerts = 35;
  constexpr int kAlertBytes = 450'000;  // larger ones are no alerts
  System system(brokers(), "slow.");
  system.create_topics(1);
  publish(system, {alert_of("before", 1, true)}, "00000000000000aa");
  start(&system);
  auto subscriber = system.start("surgewatch", {"subscribe", "--json", "--target",
                                                "127.0.0.1:" + std::to_string(system.grpc_port)});
  const auto metric = [&](const std::string& name, const std::string& label) {
    return System::metric(system.gateway_port, name, label);
  };
  ASSERT_TRUE(wait_until([&] { return metric("surgewatch_subscribers", "grpc") == 1; }, kPatience));
  subscriber->pause();
  std::vector<v1::Alert> alerts;
  for (int i = 0; i < kAlerts; ++i) {
    alerts.push_back(alert_of(fmt::format("alert-{:02}", i), 1, true));
    alerts.back().set_explanation(std::string(kAlertBytes, 'x'));
  }
  publish(system, alerts, "00000000000000aa");
  EXPECT_TRUE(wait_until([&] { return metric("surgewatch_subscribers", "grpc") == 0; }, kPatience));
  EXPECT_EQ(metric("surgewatch_subscribers_cut_total", "reason=\"time\""), 1);
  subscriber->resume();
  const std::string last = fmt::format("alert-{:02}", kAlerts - 1);
  EXPECT_TRUE(
      wait_until([&] { return subscriber->out().find(last) != std::string::npos; }, kPatience))
      << subscriber->err();
  EXPECT_THAT(subscriber->err(), HasSubstr("reads too slowly"));
  std::vector<std::string> heard;
  std::istringstream lines(subscriber->out());
  for (std::string line; std::getline(lines, line);) {
    const auto alert = nlohmann::json::parse(line).at("alert");
    heard.push_back(alert.at("alert_id").get<std::string>());
  }
  std::vector<std::string> published;
  for (const v1::Alert& alert : alerts) published.push_back(alert.alert_id());
  EXPECT_EQ(heard, published);
  System::stop(subscriber);
  System::stop(system.gateway);
}

}  // namespace
}  // namespace surgewatch::test
