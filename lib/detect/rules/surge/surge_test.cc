// Surges that learn what is usual: what fires, how surely, for how long, and what they do without
// what they need.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "unit/detect/learning.h"

namespace surgewatch {
namespace {

using test::briefs;
using test::evidence;
using test::kQuietDays;
using test::learning_rule;
using test::live_quietly;
using test::usual;
using test::with;
using test::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Surge, IsQuietAsUsualAndFiresOnAJump) {
  World world(with(learning_rule("surge")));
  live_quietly(&world, {"SG", "US"});
  EXPECT_THAT(world.alerts(), IsEmpty());
  world.count("US", kQuietDays, usual(kQuietDays));
  world.count("SG", kQuietDays, 80);
  world.flush();
  world.pass(kQuietDays);
  const auto alerts = world.alerts();
  ASSERT_THAT(briefs(alerts), ElementsAre("1 FIRING EARLY 30", "2 FIRING ON_TIME 30"));
  const v1::Alert& alert = alerts.back();
  EXPECT_EQ(alert.subject().at("bill_to"), "SG");
  EXPECT_EQ(alert.severity(), v1::SEVERITY_WARNING);
  EXPECT_EQ(alert.observed(), 80);
  EXPECT_NEAR(alert.expected(), 20, 2);
  EXPECT_GT(alert.upper_bound(), 25);
  EXPECT_LT(alert.upper_bound(), 80);
  EXPECT_GT(alert.score(), 3) << "-log10 p";
  ASSERT_NE(evidence(alert, "p_value"), nullptr);
  EXPECT_LT(evidence(alert, "p_value")->value(), 1e-3);
  EXPECT_EQ(evidence(alert, "tier")->value(), 1);
  EXPECT_EQ(evidence(alert, "tests")->value(), 2);
  EXPECT_EQ(evidence(alert, "concentration")->text(), "100.0 % of the window is ship_to=US");
  EXPECT_EQ(evidence(alert, "largest_document"), nullptr) << "each document counts as one";
  EXPECT_THAT(alert.explanation(), HasSubstr("Inquire"));
}

TEST(Surge, SaysNothingBeforeItHasLearned) {
  World world(with(learning_rule("surge")));
  // The first day, which may be a part of one, then eight to learn and the guard.
  for (PaneIndex day = 0; day < 11; ++day) {
    world.count("SG", day, day == 9 ? 1'000 : 20);
    world.pass(day);
    const detect::Emissions out = world.take();
    EXPECT_THAT(out.alerts, IsEmpty());
    ASSERT_EQ(out.points.size(), 1u);
    EXPECT_EQ(out.points[0].inconclusive(), day < 10) << day;
    EXPECT_EQ(out.points[0].has_expected(), day >= 10) << day;
  }
}

TEST(Surge, GrowthOfTheWholeIsNoSurge) {
  for (const bool alone : {true, false}) {
    config::Rule rule = learning_rule("surge");
    rule.fire_at.excess_over_total = 1.25;
    World world(with(rule));
    live_quietly(&world, {"SG", "TW", "US"});
    for (const std::string country : {"SG", "TW", "US"}) {
      world.count(country, kQuietDays, alone && country != "SG" ? 20 : 80);
    }
    world.pass(kQuietDays);
    EXPECT_EQ(world.alerts().size(), alone ? 1u : 0u);
  }
}

TEST(Surge, LinesHoldBesides) {
  for (const double ratio : {3.0, 5.0}) {
    config::Rule rule = learning_rule("surge");
    rule.fire_at.ratio = ratio;
    World world(with(rule));
    live_quietly(&world, {"SG"});
    world.count("SG", kQuietDays, 80);
    world.pass(kQuietDays);
    EXPECT_EQ(world.alerts().empty(), ratio == 5.0);
  }
}

TEST(Surge, OneOfManyTestsIsATicketAndNeedsTwoOfThreeWindows) {
  config::Rule rule = learning_rule("surge");
  rule.learning->method = config::Method::kSurge;
  rule.learning->false_discovery_rate = 1e-9;
  World world(with(rule));
  live_quietly(&world, {"SG", "US"});
  v1::AlertLife life_of_sg = v1::ALERT_LIFE_UNSPECIFIED;
  const auto day = [&](PaneIndex pane, std::int64_t sg) {
    world.count("SG", pane, sg);
    world.count("US", pane, usual(pane));
    world.pass(pane);
    detect::Emissions out = world.take();
    for (const v1::SeriesPoint& point : out.points) {
      if (point.subject().at("bill_to") == "SG") life_of_sg = point.life();
    }
    return out.alerts;
  };
  EXPECT_THAT(day(30, 45), IsEmpty());
  EXPECT_EQ(life_of_sg, v1::ALERT_LIFE_PENDING);
  EXPECT_THAT(day(31, 20), IsEmpty());
  const auto alerts = day(32, 45);
  ASSERT_THAT(briefs(alerts), ElementsAre("1 FIRING ON_TIME 32"));
  EXPECT_EQ(alerts[0].severity(), v1::SEVERITY_INFO) << "one below the rule's";
  EXPECT_EQ(evidence(alerts[0], "tier")->value(), 0);
  EXPECT_EQ(life_of_sg, v1::ALERT_LIFE_FIRING);
}

TEST(Surge, ATicketThatBecomesAPageIsSaidOnceMore) {
  config::Rule rule = learning_rule("surge");
  rule.learning->method = config::Method::kSurge;
  rule.learning->false_discovery_rate = 1e-7;
  rule.severity = config::Severity::kCritical;
  World world(with(rule));
  live_quietly(&world, {"SG"});
  std::vector<std::string> said;
  for (PaneIndex day = 30; day < 33; ++day) {
    world.count("SG", day, day < 32 ? 40 : 200);
    world.pass(day);
    for (const v1::Alert& alert : world.alerts()) {
      said.push_back(v1::Severity_Name(alert.severity()) + test::brief(alert).substr(1));
    }
  }
  EXPECT_THAT(said, ElementsAre("SEVERITY_WARNING FIRING ON_TIME 31",
                                "SEVERITY_CRITICAL FIRING ON_TIME 32"));
}

TEST(Surge, NetCreditsAreNothingUnusual) {
  config::Rule rule = learning_rule("surge");
  rule.measure = Measure::kRevenueUsd;
  World world(with(rule));
  for (PaneIndex day = 0; day < 60; ++day) {
    world.count("SG", day, day % 5 == 3 ? -40 : usual(day));
    world.pass(day);
  }
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  EXPECT_TRUE(out.points.back().has_expected());
  for (const v1::SeriesPoint& point : out.points) {
    EXPECT_TRUE(std::isfinite(point.expected()) && std::isfinite(point.upper_bound()));
  }
}

TEST(Surge, EndsAfterThreeCalmWindows) {
  World world(with(learning_rule("surge")));
  live_quietly(&world, {"SG"});
  world.count("SG", 30, 100);
  world.pass(30);
  world.take();
  std::vector<v1::AlertLife> lives;
  std::vector<std::string> said;
  for (PaneIndex day = 31; day < 35; ++day) {
    world.count("SG", day, usual(day));
    world.pass(day);
    detect::Emissions out = world.take();
    lives.push_back(out.points.at(0).life());
    for (const std::string& line : briefs(out.alerts)) said.push_back(line);
  }
  EXPECT_THAT(lives, ElementsAre(v1::ALERT_LIFE_RESOLVING, v1::ALERT_LIFE_RESOLVING,
                                 v1::ALERT_LIFE_RESOLVED, v1::ALERT_LIFE_OK));
  EXPECT_THAT(said, ElementsAre("2 FIRING FINAL 30", "3 RESOLVED ON_TIME 33"));
}

TEST(Surge, AsksWhetherALastingLevelIsTheNewNormalBeforeItLearnsIt) {
  config::Rule rule = learning_rule("surge");
  rule.learning->guard = 20;
  World world(with(rule));
  live_quietly(&world, {"SG"}, 0, 40);
  std::vector<v1::Alert> proposals;
  for (PaneIndex day = 40; day < 60; ++day) {
    world.count("SG", day, 100);
    world.pass(day);
    for (const v1::Alert& alert : world.alerts()) {
      EXPECT_EQ(alert.state(), v1::ALERT_STATE_FIRING);
      if (evidence(alert, "new_normal_proposed") != nullptr) proposals.push_back(alert);
    }
  }
  ASSERT_FALSE(proposals.empty());
  EXPECT_EQ(evidence(proposals[0], "new_normal_proposed")->value(), 53 * 86'400)
      << "the 13th window";
  EXPECT_THAT(evidence(proposals[0], "new_normal_proposed")->text(), HasSubstr("1970-02-10"));
  EXPECT_THAT(proposals[0].explanation(), HasSubstr("new normal"));
}

TEST(Surge, AnAcceptedLevelIsUsualFromThenOn) {
  config::Rule rule = learning_rule("surge");
  rule.learning->guard = 20;
  rule.accepted = {{{0}, {"SG"}, 40 * kMicrosPerDay}};
  World world(with(rule));
  live_quietly(&world, {"SG"}, 0, 40);
  for (PaneIndex day = 40; day < 80; ++day) {
    world.count("SG", day, 5 * usual(day));
    world.pass(day);
  }
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  EXPECT_NEAR(out.points.back().expected(), 100, 12);
  world.count("SG", 80, 300);
  world.pass(80);
  EXPECT_FALSE(world.alerts().empty()) << "a surge above the new level";
}

TEST(Surge, LateDataWithdrawsAndRaises) {
  World world(with(learning_rule("surge")));
  live_quietly(&world, {"SG"});
  world.count("SG", 30, 100);
  world.pass(30);
  world.take();
  world.count("SG", 30, 21);  // most of it is cancelled
  world.flush();
  auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_THAT(alerts[0].explanation(), HasSubstr("Withdrawn"));
  world.count("SG", 31, 20);
  world.pass(31);
  EXPECT_THAT(world.alerts(), IsEmpty());
  world.count("SG", 31, 90);
  world.flush();
  EXPECT_THAT(briefs(world.alerts()), ElementsAre("1 FIRING ON_TIME 31"));
}

TEST(Surge, MoneyIsJudgedInTypicalDocuments) {
  config::Rule rule = learning_rule("surge");
  rule.measure = Measure::kRevenueUsd;
  World world(with(rule));
  live_quietly(&world, {"SG"});
  const v1::SeriesPoint quiet = world.take().points.back();
  EXPECT_NEAR(quiet.expected(), 20e6, 2e6);
  world.count("SG", 30, 100);
  world.pass(30);
  const auto alerts = world.alerts();
  ASSERT_FALSE(alerts.empty());
  EXPECT_EQ(evidence(alerts.back(), "typical_document")->value(), 1e6);
  EXPECT_EQ(evidence(alerts.back(), "interval")->text(), "no interval: totals only");
}

TEST(Surge, MoneyWithoutDocumentsIsInconclusive) {
  config::Rule rule = learning_rule("surge");
  rule.measure = Measure::kRevenueUsd;
  World world(with(rule));
  for (PaneIndex day = 0; day < kQuietDays; ++day) {
    world.bill("SG", day, day == 29 ? 1'000 : 20);
    world.pass(day);
  }
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  EXPECT_TRUE(out.points.back().inconclusive());
}

TEST(Surge, JudgesWindowsAtMultiplesOfTheirLength) {
  World world(with(learning_rule("surge", 7)));
  live_quietly(&world, {"SG"}, 3, 100);
  for (const v1::SeriesPoint& point : world.take().points) {
    EXPECT_EQ(point.window_end().seconds() % (7 * 86'400), 0);
    EXPECT_EQ(point.window_end().seconds() - point.window_start().seconds(), 7 * 86'400);
  }
}

TEST(Surge, AnOutageTeachesNothing) {
  config::Rule rule = learning_rule("surge");
  rule.learning->guard = 7;  // longer than it takes to tell silence from a lull
  World world(with(rule));
  live_quietly(&world, {"SG"});
  world.pass(200);
  live_quietly(&world, {"SG"}, 201, 3);
  const detect::Emissions out = world.take();
  EXPECT_THAT(out.alerts, IsEmpty());
  EXPECT_GT(out.points.back().expected(), 15);
}

// The horizon of corrections is ten days here.
TEST(Surge, WhoComesBackAfterLongIsLearnedAnew) {
  for (const PaneIndex pause : {5, 40}) {
    World world(with(learning_rule("surge")));
    live_quietly(&world, {"SG", "US"});
    live_quietly(&world, {"US"}, kQuietDays, pause);
    world.take();
    const PaneIndex back = kQuietDays + pause;
    world.count("SG", back, 80);
    world.count("US", back, usual(back));
    world.pass(back);
    EXPECT_EQ(world.alerts().size(), pause == 5 ? 1u : 0u) << pause;
  }
}

// What is learned rests on updates, what is judged takes corrections: the baseline of a window that
// was corrected later is that of its time.
// A date that is far off is one that anybody can write. Day by day this would take a second for
// each of these parties, and the test would not end in time.
TEST(Surge, ASilenceOfMillenniaTakesNoTime) {
  constexpr int kParties = 1'000;
  World world(with(learning_rule("surge")));
  const auto all_count = [&](PaneIndex day) {
    for (int i = 0; i < kParties; ++i) world.count("party " + std::to_string(i), day, 20);
    world.pass(day);
  };
  for (PaneIndex day = 0; day < 3; ++day) all_count(day);
  all_count(test::day("9899-12-30"));
  EXPECT_EQ(world.detector.stats().subjects, kParties);
  EXPECT_TRUE(world.alerts().empty()) << "they are learned anew";
}

TEST(Surge, ACancellationWithdrawsHoweverLateItComes) {
  World world(with(learning_rule("surge")));
  live_quietly(&world, {"SG"});
  world.count("SG", 30, 100);
  world.pass(30);
  const auto fired = world.alerts();
  ASSERT_THAT(briefs(fired), ElementsAre("1 FIRING ON_TIME 30"));
  for (PaneIndex day = 31; day < 38; ++day) {
    world.count("SG", day, usual(day));
    world.pass(day);
  }
  world.take();
  world.cancel("SG", 30, 80);
  world.flush();
  const auto alerts = world.alerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].alert_id(), fired[0].alert_id());
  EXPECT_EQ(alerts[0].resolution(), v1::RESOLUTION_DATA_CORRECTED);
  EXPECT_EQ(alerts[0].observed(), 20);
  EXPECT_EQ(alerts[0].expected(), fired[0].expected());
}

// Whether it came before the window or after it.
TEST(Surge, WhatWasCancelledMovesNoBaseline) {
  const auto expected = [](std::optional<PaneIndex> cancelled_after) {
    World world(with(learning_rule("surge")));
    double of_day_33 = 0;
    live_quietly(&world, {"SG"});
    for (PaneIndex day = 30; day < 36; ++day) {
      world.count("SG", day, usual(day));
      world.pass(day);
      if (cancelled_after == day) {
        for (PaneIndex learned = 25; learned < 30; ++learned) world.cancel("SG", learned, 15);
        world.flush();
      }
      for (const v1::SeriesPoint& point : world.take().points) {
        if (point.window_end().seconds() == 34 * 86'400) of_day_33 = point.expected();
      }
    }
    return of_day_33;
  };
  const double as_learned = expected(std::nullopt);
  EXPECT_NEAR(as_learned, 20, 2);
  EXPECT_EQ(expected(31), as_learned);
  EXPECT_EQ(expected(35), as_learned);
}

}  // namespace
}  // namespace surgewatch
