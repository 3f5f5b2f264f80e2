// Each border moves forward, by panes or by a silence at once; and late data ends a silence where
// it comes.
#include "detect/timeline.h"

#include <gtest/gtest.h>

#include "journal/watermarks.h"
#include "unit/detect/world.h"

namespace surgewatch::detect {
namespace {

constexpr PaneIndex kNone = INT64_MIN;

config::Config with(const config::Rule& rule) {
  config::Config config = test::two_series();
  config.rules = {rule};
  return config;
}
// Of windows of three panes that may be amended for thirteen.
config::Config sliding() {
  config::Rule rule = test::rule("surge_since", 3);
  rule.reference = test::days(1, 2);
  return with(rule);
}

Micros end_of(PaneIndex pane) { return (pane + 1) * kMicrosPerDay; }

class TimelineTest : public testing::Test {
 protected:
  const config::Config config_ = sliding();
  const RuleShape shape_{config_, 0};
  PaneIndex newest_ = kNone;
  Timeline timeline_{shape_, [this] { return newest_; }};

  void close_to(PaneIndex pane) {
    while (timeline_.closed() < pane) timeline_.close_pane();
  }
};

TEST_F(TimelineTest, BeginsWithTheFirstDataOrWithWhatWasHeardBefore) {
  EXPECT_FALSE(timeline_.next_to_close(end_of(50)).has_value());
  EXPECT_FALSE(timeline_.note_data(40));
  EXPECT_EQ(timeline_.next_to_close(end_of(40)), 40);
  EXPECT_FALSE(timeline_.next_to_close(end_of(39)).has_value());
  timeline_.begin(38);
  EXPECT_EQ(timeline_.first(), 38);
  EXPECT_EQ(timeline_.closed(), 37);
  EXPECT_EQ(timeline_.next_to_close(end_of(40)), 38);
}

TEST_F(TimelineTest, ClosesAtTheEndOfInputWhatHoldsSomething) {
  timeline_.note_data(40);
  timeline_.note_data(42);
  newest_ = 42;
  timeline_.begin(std::nullopt);
  close_to(42);
  EXPECT_FALSE(timeline_.next_to_close(journal::kEndOfInput).has_value());
  newest_ = 44;
  timeline_.note_data(44);
  EXPECT_EQ(timeline_.next_to_close(journal::kEndOfInput), 43);
}

TEST_F(TimelineTest, PassesASilenceAtOnceUpToTheNextData) {
  timeline_.note_data(40);
  timeline_.begin(std::nullopt);
  close_to(44);
  EXPECT_FALSE(timeline_.close_silence(end_of(100))) << "windows reach back to 40";
  close_to(45);
  timeline_.note_data(80);
  EXPECT_TRUE(timeline_.close_silence(end_of(100)));
  EXPECT_EQ(timeline_.closed(), 79);
  EXPECT_FALSE(timeline_.close_silence(end_of(100)));
  EXPECT_TRUE(timeline_.is_passed_over(46));
  EXPECT_TRUE(timeline_.is_passed_over(79));
  EXPECT_FALSE(timeline_.is_passed_over(45));
}

TEST_F(TimelineTest, MakesASilenceFinalAndSettlesItAtOnce) {
  timeline_.note_data(40);
  timeline_.begin(std::nullopt);
  close_to(45);
  EXPECT_FALSE(timeline_.can_settle());
  ASSERT_TRUE(timeline_.close_silence(end_of(100)));
  EXPECT_EQ(timeline_.next_to_be_final(), 40);
  for (PaneIndex pane = 40; pane <= 45; ++pane) {
    timeline_.make_final(98);
    EXPECT_EQ(timeline_.final(), pane);
    EXPECT_FALSE(timeline_.settle_oldest());
    EXPECT_EQ(timeline_.settled(), pane);
  }
  timeline_.make_final(98);
  EXPECT_EQ(timeline_.final(), 98);
  EXPECT_TRUE(timeline_.settle_oldest());
  EXPECT_EQ(timeline_.settled(), timeline_.closed() - shape_.correctable);
  EXPECT_FALSE(timeline_.can_settle());
}

TEST_F(TimelineTest, LateDataEndsASilenceForAsLongAsWindowsReachBackToIt) {
  timeline_.note_data(40);
  timeline_.begin(std::nullopt);
  close_to(45);
  ASSERT_TRUE(timeline_.close_silence(end_of(100)));
  EXPECT_TRUE(timeline_.note_data(60));
  for (PaneIndex pane = 46; pane <= 100; ++pane) {
    const bool is_reached = 60 <= pane && pane <= 60 + shape_.reach + 1;
    EXPECT_EQ(timeline_.is_passed_over(pane), !is_reached) << pane;
  }
}

TEST(Timeline, NamesWindowsThatDoNotOverlapByTheirLastPane) {
  const config::Config config = with(test::learning_rule("surge", 7));
  const RuleShape shape(config, 0);
  Timeline timeline(shape, [] { return kNone; });
  timeline.note_data(73);
  timeline.begin(std::nullopt);
  for (int i = 0; i < 6; ++i) timeline.close_pane();
  EXPECT_EQ(timeline.closed(), 78);
  EXPECT_EQ(timeline.closed_window(), 76);
  EXPECT_EQ(timeline.settled_window(), 69);
  EXPECT_EQ(timeline.windows_to(76), 1);
}

// A document of an order can be taken out for a horizon after it has come; what then counts again
// is older by as much.
TEST(Timeline, OfOrdersSettlesAfterTwoHorizonsOrAHorizonAndTheirDeadline) {
  config::Config config = with(test::rule("threshold", 1));
  config.event_time = {.out_of_orderness = 0,
                       .allowed_lateness = 2 * kMicrosPerDay,
                       .correction_horizon = 20 * kMicrosPerDay};
  config.rules[0].fire_at.observed = 1;
  EXPECT_EQ(RuleShape(config, 0).correctable, 20 + 2 + 1);
  config.rules[0].orders.deadline = 3 * kMicrosPerDay;
  config.series[0].event = Topic::kOrders;
  EXPECT_EQ(RuleShape(config, 0).correctable, 20 + 20 + 2 + 1);
  config.rules[0].orders.deadline = 30 * kMicrosPerDay;
  EXPECT_EQ(RuleShape(config, 0).correctable, 20 + 30 + 2 + 1);
  // Whatever weighs what is found of orders changes as far back.
  config.rules[0].name = "of-orders";
  test::add_typology("sum", 4, {{"of-orders", 1}}, &config);
  EXPECT_EQ(RuleShape(config, 1).correctable, 20 + 30 + 2 + 1);
}

}  // namespace
}  // namespace surgewatch::detect
