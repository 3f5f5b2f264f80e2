#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <string>

#include "gateway/meters.h"
#include "unit/serve/builders.h"

namespace surgewatch::services {
namespace {

using serve::make_point;
using ::testing::HasSubstr;
using ::testing::Not;

v1::Alert alert_of(const std::string& id, int revision, v1::AlertState state, double ratio,
                   v1::Severity severity = v1::SEVERITY_WARNING) {
  v1::Alert alert = serve::make_alert(id, revision, "SG", 1'000, severity, state);
  alert.set_rule("r");
  alert.set_rule_type(v1::RULE_TYPE_SURGE_SINCE);
  alert.set_ratio(ratio);
  return alert;
}
v1::Alert firing(const std::string& id, int revision, double ratio,
                 v1::Severity severity = v1::SEVERITY_WARNING) {
  return alert_of(id, revision, v1::ALERT_STATE_FIRING, ratio, severity);
}
v1::Alert resolved(const std::string& id, int revision, double ratio) {
  return alert_of(id, revision, v1::ALERT_STATE_RESOLVED, ratio);
}

class GatewayMetersTest : public ::testing::Test {
 protected:
  // The sum of the samples of a metric whose labels hold `labels`; -1 if there are none.
  double value(const std::string& name, const std::string& labels = "") const {
    std::istringstream lines(telemetry_.expose());
    double sum = -1;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("surgewatch_" + name + "{")) continue;
      if (line.find(labels) == std::string::npos) continue;
      sum = std::max(sum, 0.0) + std::stod(line.substr(line.rfind(' ') + 1));
    }
    return sum;
  }
  double active(const std::string& labels = "severity=\"warning\"") const {
    return value("alert_active", labels);
  }
  double ratio(const std::string& labels = "severity=\"warning\"") const {
    return value("alert_ratio", labels);
  }

  telemetry::Telemetry telemetry_{"gateway", 4};
  GatewayMeters meters_{&telemetry_};
};

// The first episode becomes final, a lateness later, while the second one fires: what replaying
// tests/data/alert_active says.
TEST_F(GatewayMetersTest, AnAlertFiresThoughAnEarlierOneOfItsLabelsBecomesFinal) {
  meters_.alert(firing("first", 1, 5));
  EXPECT_EQ(active(), 1);
  meters_.alert(resolved("first", 3, 0.5));
  EXPECT_EQ(active(), 0);
  EXPECT_EQ(ratio(), 0) << "none is firing";
  meters_.alert(firing("second", 6, 4.8));
  meters_.alert(resolved("first", 4, 0.5));
  EXPECT_EQ(active(), 1);
  EXPECT_EQ(ratio(), 4.8);
  meters_.alert(resolved("second", 8, 0.9));
  EXPECT_EQ(active(), 0);
}

TEST_F(GatewayMetersTest, TheRatioIsTheHighestOfThoseThatFire) {
  meters_.alert(firing("a", 1, 5));
  meters_.alert(firing("b", 1, 3));
  EXPECT_EQ(ratio(), 5);
  meters_.alert(firing("a", 2, 2));
  EXPECT_EQ(ratio(), 3);
  meters_.alert(resolved("b", 2, 9));
  EXPECT_EQ(ratio(), 2);
  meters_.alert(firing("c", 1, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_EQ(ratio(), 2);
}

TEST_F(GatewayMetersTest, AChangedSeverityMovesAnAlertAndItsLabelSetLeaves) {
  meters_.alert(firing("a", 1, 5));
  meters_.alert(firing("a", 2, 6, v1::SEVERITY_CRITICAL));
  EXPECT_EQ(active("severity=\"critical\""), 1);
  EXPECT_EQ(ratio("severity=\"critical\""), 6);
  EXPECT_EQ(active("severity=\"warning\""), -1);
  meters_.alert(firing("b", 1, 3));
  EXPECT_EQ(active("severity=\"warning\""), 1);
}

TEST_F(GatewayMetersTest, WhatIsForgottenLeaves) {
  meters_.alert(firing("a", 1, 5));
  meters_.alert(firing("b", 1, 3));
  meters_.forget("a");
  EXPECT_EQ(ratio(), 3);
  meters_.forget("nobody");
  meters_.forget("b");
  EXPECT_EQ(active(), -1);
  EXPECT_EQ(ratio(), -1);
}

TEST_F(GatewayMetersTest, LabelSetsOfWhatIsForgottenMakeRoom) {
  const auto of_party = [](const std::string& party) {
    v1::Alert alert = firing("alert-of-" + party, 1, 2);
    (*alert.mutable_subject())["bill_to.party_id"] = party;
    return alert;
  };
  for (int i = 0; i < 1'000; ++i) {
    meters_.alert(of_party(std::to_string(i)));
    EXPECT_EQ(active("bill_to_party_id=\"" + std::to_string(i) + "\""), 1);
    meters_.forget("alert-of-" + std::to_string(i));
  }
  EXPECT_THAT(telemetry_.expose(), Not(HasSubstr("\"other\"")));
}

TEST_F(GatewayMetersTest, AFigureIsInItsUnitAndNotInWhatItIsOf) {
  v1::SeriesPoint point = make_point("r", "SG", 100, 7.5e6);
  point.set_measure("revenue_usd");
  point.set_unit("revenue_usd");
  meters_.point(point);
  EXPECT_EQ(value("series_observed", "measure=\"revenue_usd\""), 7.5);
  for (const char* unit : {"share", "index"}) {
    point.set_rule(unit);
    point.set_unit(unit);
    point.set_observed(2'500);
    meters_.point(point);
    EXPECT_EQ(value("series_observed", std::string("measure=\"") + unit + "\""), 2'500);
  }
}

// Beyond the limit of label sets everybody shares those of `other`.
TEST_F(GatewayMetersTest, UnderOtherAnAlertFiresWhileAnyDoes) {
  const auto of_party = [](int party, v1::AlertState state, int revision) {
    v1::Alert alert = alert_of("a" + std::to_string(party), revision, state, party);
    (*alert.mutable_subject())["bill_to.party_id"] = std::to_string(party);
    return alert;
  };
  for (int i = 0; i < 7; ++i) meters_.alert(of_party(i, v1::ALERT_STATE_FIRING, 1));
  const std::string other = "rule=\"other\"";
  EXPECT_EQ(active(other), 1);
  EXPECT_EQ(ratio(other), 6);
  meters_.alert(of_party(6, v1::ALERT_STATE_RESOLVED, 2));
  EXPECT_EQ(active(other), 1);
  EXPECT_EQ(ratio(other), 5);
  meters_.alert(of_party(5, v1::ALERT_STATE_RESOLVED, 2));
  meters_.alert(of_party(4, v1::ALERT_STATE_RESOLVED, 2));
  EXPECT_EQ(active(other), 0);
}

TEST_F(GatewayMetersTest, PartiesThatShareTheirFirst128BytesAreTwoSeries) {
  const std::string prefix(128, 'p');
  for (const char* end : {"1", "2"}) {
    v1::Alert alert = firing(std::string("a") + end, 1, 2);
    (*alert.mutable_subject())["bill_to.party_id"] = prefix + end;
    meters_.alert(alert);
  }
  EXPECT_EQ(active(), 2) << "two of one each";
  v1::Alert over = resolved("a1", 2, 0);
  (*over.mutable_subject())["bill_to.party_id"] = prefix + "1";
  meters_.alert(over);
  EXPECT_EQ(active(), 1);
}

// --- Points ----------------------------------------------------------------------------------

TEST_F(GatewayMetersTest, APointOfAnEarlierWindowDoesNotTakeTheNewestOnesPlace) {
  meters_.point(make_point("r", "SG", 200'000, 5e6));
  meters_.point(make_point("r", "SG", 100'000, 9e6));
  EXPECT_EQ(value("series_observed"), 5);
  meters_.point(make_point("r", "SG", 200'000, 6e6));
  EXPECT_EQ(value("series_observed"), 6) << "the newest one, corrected";
}

TEST_F(GatewayMetersTest, WhatTheNewestWindowHasNoAnswerForIsNotTheLastOnesAnswer) {
  v1::SeriesPoint point = make_point("r", "SG", 100'000);
  point.set_expected(3e6);
  meters_.point(point);
  EXPECT_EQ(value("series_expected"), 3);
  meters_.point(make_point("r", "SG", 200'000));
  EXPECT_TRUE(std::isnan(value("series_expected")));
}

TEST_F(GatewayMetersTest, WhatSeveralSubjectsShareHasNoNumber) {
  for (int i = 0; i < 5; ++i) meters_.point(make_point("r", std::to_string(i), 100'000, 1e6));
  EXPECT_EQ(value("series_observed", "rule=\"other\""), 1) << "one alone is beyond the limit";
  meters_.point(make_point("r", "5", 100'000, 7e6));
  EXPECT_TRUE(std::isnan(value("series_observed", "rule=\"other\"")));
  EXPECT_EQ(value("series_observed", "rule=\"r\""), 4);
}

// The topic may hold anything; no record may end the process or take another's labels.
TEST_F(GatewayMetersTest, ADimensionThatIsNotKnownIsALabelOfItsOwn) {
  for (const char* dimension : {"", "rule", "__name__", "bill to", "bill_to_party_id", "1"}) {
    v1::Alert alert = firing(std::string("a") + dimension, 1, 2);
    (*alert.mutable_subject())[dimension] = "x";
    (*alert.mutable_subject())["bill_to.party_id"] = "acme";
    meters_.alert(alert);
    EXPECT_EQ(active("rule=\"r\""), 1) << dimension;
    meters_.forget(alert.alert_id());
  }
}

TEST_F(GatewayMetersTest, ResetTakesAllOfThemAway) {
  meters_.alert(firing("a", 1, 5));
  v1::SeriesPoint point = make_point("r", "SG", 100'000);
  point.set_life(v1::ALERT_LIFE_OK);
  meters_.point(point);
  meters_.reset();
  for (const char* name : {"alert_active", "alert_ratio", "series_observed", "series_expected",
                           "series_upper_bound", "series_alert_life"}) {
    EXPECT_EQ(value(name), -1) << name;
  }
  meters_.alert(firing("a", 1, 5));
  meters_.point(point);
  EXPECT_EQ(active(), 1);
}

}  // namespace
}  // namespace surgewatch::services
