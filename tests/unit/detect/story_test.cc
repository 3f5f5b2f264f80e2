// The DeepSeek story's figures: NVIDIA's reported revenue by billing location, fiscal 2024 and 2025
// (million USD), spread evenly over the 91 days of each quarter. Source: NVIDIA's 10-Q and 10-K
// filings; see data/trade.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "statistics/surge_ramp.h"
#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kMillion = 1'000'000 * test::kDollar;
constexpr int kQuarters = 8;
constexpr int kDays = 91;
// What the configuration makes of fire_at where clear_at is not given.
constexpr double kHysteresis = 0.85;

const std::map<std::string, std::array<std::int64_t, kQuarters>>& reported() {
  static const auto* table = new std::map<std::string, std::array<std::int64_t, kQuarters>>{
      {"US", {2385, 6043, 6302, 12236, 13496, 13022, 14800, 19939}},
      {"SG", {762, 1042, 2702, 2325, 4037, 5622, 7697, 6328}},
      {"TW", {1796, 2839, 4333, 4437, 4373, 5740, 5153, 5307}},
      {"CN", {1590, 2740, 4030, 1946, 2491, 3667, 5416, 5534}},
      {"ZZ", {659, 843, 753, 1159, 1647, 1989, 2016, 2223}}};
  return *table;
}

PaneIndex first_day() { return test::day("2023-01-30"); }

config::Config story() {
  config::Config config = test::two_series();
  config.event_time = {};
  config.series[0].group_by = {config::Dimension::kBillTo, config::Dimension::kShipTo};
  return config;
}

config::Rule since_deepseek(std::string_view type) {
  config::Rule rule = test::rule(type, kDays);
  rule.name = "singapore-since-deepseek";
  rule.reference = {*parse_date("2023-05-01"), *parse_date("2023-07-31")};
  return rule;
}

// Day by day through all eight quarters. 4.5 % of what is billed to Singapore is delivered there:
// of the quarter to 2024-10-27 about 350 million USD, the most that the government's "less than
// 1 % of NVIDIA's revenue" allows.
detect::Emissions run_all(config::Config config) {
  test::World world(std::move(config));
  std::int64_t offset = 0;
  for (int q = 0; q < kQuarters; ++q) {
    for (int d = 0; d < kDays; ++d) {
      const PaneIndex pane = first_day() + q * kDays + d;
      test::Batch batch(test::kInvoices0, ++offset, "billed");
      const auto spread = [&](std::int64_t total) {
        return total / kDays + (d < total % kDays ? 1 : 0);
      };
      for (const auto& [country, quarters] : reported()) {
        const std::int64_t total = quarters[static_cast<std::size_t>(q)] * kMillion;
        const std::int64_t home = country == "SG" ? total * 45 / 1'000 : total;
        // Documents of about ten million dollars.
        const auto documents = [&](std::int64_t part) {
          return std::max<std::int64_t>(1, spread(part) / (10 * kMillion));
        };
        batch.update(
            {{country, country == "ZZ" ? "DE" : country}, pane, spread(home), documents(home)});
        if (home == total) continue;
        batch.update({{country, "US"}, pane, spread(total - home), documents(total - home)});
      }
      world.apply(batch);
      world.apply(test::progress(test::kInvoices0, offset, (pane + 1) * kMicrosPerDay));
    }
  }
  world.apply(test::progress(test::kInvoices0, offset + 1, std::nullopt, true));
  return world.take();
}
std::vector<v1::Alert> run(config::Config config) { return run_all(std::move(config)).alerts; }

std::vector<v1::Alert> of(const std::vector<v1::Alert>& alerts, const std::string& country) {
  std::vector<v1::Alert> result;
  for (const v1::Alert& alert : alerts) {
    if (alert.subject().at("bill_to") == country) result.push_back(alert);
  }
  return result;
}

const v1::Evidence& evidence_of(const v1::Alert& alert, const std::string& name) {
  for (const v1::Evidence& e : alert.evidence()) {
    if (e.name() == name) return e;
  }
  ADD_FAILURE() << "no evidence " << name;
  static const v1::Evidence none;
  return none;
}

TEST(Story, SingaporeSinceDeepSeekWasFounded) {
  config::Config config = story();
  config::Rule rule = since_deepseek("surge_since");
  rule.fire_at.ratio = 4;
  rule.fire_at.excess_over_total = 2;
  config.rules = {rule};
  const auto alerts = run(std::move(config));
  EXPECT_EQ(of(alerts, "SG").size(), alerts.size()) << "nobody else fires";
  ASSERT_FALSE(alerts.empty());
  for (const v1::Alert& a : alerts) EXPECT_EQ(a.alert_id(), alerts[0].alert_id()) << "one alert";

  const v1::Alert& last = alerts.back();
  EXPECT_EQ(last.timing(), v1::TIMING_FINAL);
  EXPECT_EQ(last.state(), v1::ALERT_STATE_FIRING);
  EXPECT_EQ(last.window_start().seconds() * kMicrosPerSecond, *parse_date("2024-07-29"));
  EXPECT_EQ(last.window_end().seconds() * kMicrosPerSecond, *parse_date("2024-10-28"));
  EXPECT_EQ(last.observed(), 7'697'000'000'000'000.0);
  EXPECT_EQ(last.expected(), 1'042'000'000'000'000.0);
  EXPECT_EQ(last.ratio(), 7697.0 / 1042.0);
  EXPECT_NEAR(last.ratio(), 7.387, 5e-4);
  EXPECT_NEAR(last.growth_percent(), 638.7, 0.05);
  EXPECT_NEAR(last.score(), 1.9997, 5e-5);
  EXPECT_NEAR(evidence_of(last, "total_ratio").value(), 2.597, 5e-4);
  EXPECT_NEAR(evidence_of(last, "excess_over_total").value(), 2.844, 5e-4);
  EXPECT_EQ(last.peak().ratio(), last.ratio());
  EXPECT_EQ(last.explanation(),
            "Revenue billed to SG was 7,697.0 million USD in the 91 days to 2024-10-27, 7.387 "
            "times the 1,042.0 million USD of the reference period 2023-05-01 to 2023-07-30 "
            "(growth +638.7 %); the whole grew 2.597 times, so the excess is 2.844. Inquire: who "
            "ordered, who will use the goods, and where they were shipped.");
  EXPECT_EQ(last.explanation().find("violation"), std::string::npos);
}

TEST(Story, SingaporesShare) {
  config::Config config = story();
  config::Rule rule = since_deepseek("share_shift");
  rule.fire_at.points = 10;
  rule.fire_at.ratio = 2;
  rule.clear_at.points = kHysteresis * 10;
  rule.clear_at.ratio = kHysteresis * 2;
  config.rules = {rule};
  const auto alerts = run(std::move(config));
  EXPECT_EQ(of(alerts, "SG").size(), alerts.size());
  ASSERT_FALSE(alerts.empty());
  const v1::Alert& last = alerts.back();
  EXPECT_EQ(last.window_end().seconds() * kMicrosPerSecond, *parse_date("2024-10-28"));
  EXPECT_EQ(last.observed(), 7697.0 / 35082.0);
  EXPECT_EQ(last.expected(), 1042.0 / 13507.0);
  EXPECT_THAT(last.explanation(), HasSubstr("21.9 % of the whole"));
  EXPECT_THAT(last.explanation(), HasSubstr("against 7.7 %"));
  EXPECT_THAT(last.explanation(), HasSubstr("At stake: 7,697.0 million USD"));
}

TEST(Story, DivergenceOfWhatIsBilledToSingapore) {
  config::Config config = story();
  config::Rule rule = test::rule("divergence", kDays);
  rule.against_series = 0;
  rule.against_position = 1;
  rule.fire_at.divergence = 0.5;
  rule.severity = config::Severity::kInfo;
  config.rules = {rule};
  const auto alerts = run(std::move(config));
  // What is billed to `ZZ` cannot be delivered to `ZZ`.
  ASSERT_FALSE(of(alerts, "SG").empty());
  EXPECT_EQ(of(alerts, "SG").size() + of(alerts, "ZZ").size(), alerts.size());
  EXPECT_GE(of(alerts, "SG").back().score(), 0.954);
  EXPECT_EQ(of(alerts, "SG").back().severity(), v1::SEVERITY_INFO);
}

int quarter_of(std::int64_t end_seconds) {
  return static_cast<int>((end_seconds / 86'400 - 1 - first_day()) / kDays) + 1;
}

// A week against what the weeks before it taught, as in deploy/config/deepseek.yaml.
TEST(Story, SurgeFiresForSingaporeInTheQuartersInWhichItJumped) {
  config::Config config = story();
  config::Rule rule = test::learning_rule("surge", 7);
  rule.measure = Measure::kRevenueUsd;
  rule.learning->guard = 8;
  rule.learning->warm_up = 12;
  rule.learning->alpha = statistics::SurgeRampParameters::weekly().baseline.alpha;
  rule.learning->kappa = 1.3;
  rule.learning->h = 2;
  rule.fire_at.ratio = rule.clear_at.ratio = 1.5;
  rule.fire_at.excess_over_total = rule.clear_at.excess_over_total = 1.25;
  config.rules = {rule};
  const detect::Emissions out = run_all(std::move(config));
  std::map<std::string, std::vector<int>> onsets;  // quarters
  for (const v1::Alert& alert : out.alerts) {
    if (alert.revision() != 1) continue;
    onsets[alert.subject().at("bill_to")].push_back(quarter_of(alert.onset_time().seconds()));
  }
  std::set<int> firing;  // quarters with Singapore's alerts
  for (const v1::SeriesPoint& point : out.points) {
    if (!point.firing() || point.subject().at("bill_to") != "SG") continue;
    firing.insert(quarter_of(point.window_end().seconds()));
  }
  // From the fifth quarter on it does not calm down before it jumps again. The United States
  // outgrew the whole 1.59 times in the fourth; all others grew about as it did.
  EXPECT_EQ(onsets,
            (std::map<std::string, std::vector<int>>{{"CN", {7}}, {"SG", {3, 5}}, {"US", {4}}}));
  for (const int jumped : {3, 5, 6, 7}) EXPECT_TRUE(firing.contains(jumped)) << jumped;
}

}  // namespace
}  // namespace surgewatch
