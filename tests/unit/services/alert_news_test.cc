#include "common/alert_news.h"

#include <gtest/gtest.h>

namespace surgewatch::services {
namespace {

v1::Alert alert(const std::string& id, v1::Severity severity,
                v1::AlertState state = v1::ALERT_STATE_FIRING,
                v1::Timing timing = v1::TIMING_ON_TIME) {
  v1::Alert made;
  made.set_alert_id(id);
  made.set_severity(severity);
  made.set_state(state);
  made.set_timing(timing);
  return made;
}

TEST(AlertNews, IsWhatBeginsGrowsMoreSevereAndEnds) {
  AlertNews news;
  EXPECT_TRUE(news.take(alert("a", v1::SEVERITY_INFO)));
  EXPECT_FALSE(news.take(alert("a", v1::SEVERITY_INFO)));
  EXPECT_TRUE(news.take(alert("b", v1::SEVERITY_INFO)));
  EXPECT_TRUE(news.take(alert("a", v1::SEVERITY_CRITICAL)));
  EXPECT_FALSE(news.take(alert("a", v1::SEVERITY_WARNING)));
  EXPECT_FALSE(news.take(alert("a", v1::SEVERITY_CRITICAL)));
  EXPECT_TRUE(news.take(alert("a", v1::SEVERITY_CRITICAL, v1::ALERT_STATE_RESOLVED)));
  EXPECT_FALSE(news.take(alert("b", v1::SEVERITY_INFO)));
}

TEST(AlertNews, IsTheEndOnceAndNotItsFinalRevision) {
  AlertNews news;
  news.take(alert("a", v1::SEVERITY_INFO));
  EXPECT_TRUE(news.take(alert("a", v1::SEVERITY_INFO, v1::ALERT_STATE_RESOLVED)));
  EXPECT_FALSE(
      news.take(alert("a", v1::SEVERITY_INFO, v1::ALERT_STATE_RESOLVED, v1::TIMING_FINAL)));
  // Withdrawn while in force: its end is its final revision.
  news.take(alert("b", v1::SEVERITY_INFO));
  EXPECT_TRUE(news.take(alert("b", v1::SEVERITY_INFO, v1::ALERT_STATE_RESOLVED, v1::TIMING_FINAL)));
}

TEST(AlertNews, OfAnAlertThatIsMetInTheMiddleOfItsLife) {
  AlertNews news;
  EXPECT_TRUE(news.take(alert("a", v1::SEVERITY_WARNING, v1::ALERT_STATE_RESOLVED)));
  EXPECT_TRUE(news.take(alert("a", v1::SEVERITY_WARNING)));
}

}  // namespace
}  // namespace surgewatch::services
