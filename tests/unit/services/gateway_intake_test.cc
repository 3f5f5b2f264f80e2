#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "gateway/intake.h"
#include "unit/serve/builders.h"

namespace surgewatch::services {
namespace {

using serve::make_alert;

class IntakeTest : public ::testing::Test {
 protected:
  void take(const std::string& key, std::string_view payload) {
    kafka::Message message;
    message.topic = "alerts";
    message.offset = offset_++;
    message.key = key;
    message.payload = payload;
    intake_.take(message);
  }
  void take(const v1::Alert& alert) { take(alert.alert_id(), alert.SerializeAsString()); }
  bool refused(const std::string& reason) const {
    return telemetry_.expose().find("reason=\"" + reason + "\"} 1\n") != std::string::npos;
  }

  telemetry::Telemetry telemetry_{"gateway", 10};
  serve::AlertStore store_{serve::AlertStore::Limits{}};
  GatewayMeters meters_{&telemetry_};
  Seldom seldom_;
  Intake intake_{"alerts", &store_, &meters_, &seldom_};
  std::int64_t offset_ = 0;
};

TEST_F(IntakeTest, ATombstoneTakesTheAlertAway) {
  take(make_alert("al-1"));
  take("al-1", std::string_view());
  EXPECT_FALSE(store_.get("al-1").has_value());
}

// A detector reads on with this alert, so that nobody would say it again.
TEST_F(IntakeTest, AnEmptyRecordIsNoTombstone) {
  take(make_alert("al-1"));
  take("al-1", "");
  EXPECT_TRUE(store_.get("al-1").has_value());
  EXPECT_TRUE(refused("impossible_id"));
  EXPECT_EQ(intake_.next_alert(), 2);
}

}  // namespace
}  // namespace surgewatch::services
