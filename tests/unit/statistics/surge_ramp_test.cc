#include "statistics/surge_ramp.h"

#include <gtest/gtest.h>

#include "bench/scenarios/draw.h"

namespace surgewatch::statistics {
namespace {

Judgement quiet_judgement(double observed, double expected, double phi = 1.5) {
  Judgement judgement;
  judgement.known = judgement.enough = true;
  judgement.observed = observed;
  judgement.expected = expected;
  judgement.variance = phi * expected;
  judgement.dispersion = phi;
  judgement.p = observed > expected ? 0.05 : 1;
  return judgement;
}

TEST(RampCusum, AlarmsOnARiseThatLastsAndStartsAgain) {
  RampCusum ramp = *RampCusum::create({.factor = 2, .threshold = 4.5});
  RampJudgement answer;
  int windows = 0;
  do {
    answer = ramp.step(quiet_judgement(16, 10));
    ++windows;
  } while (!answer.alarm && windows < 100);
  EXPECT_LT(windows, 30);
  EXPECT_GE(answer.evidence, 4.5);
  EXPECT_EQ(answer.windows, windows);
  EXPECT_NEAR(answer.excess, 6 * windows, 1e-9);
  EXPECT_EQ(ramp.evidence(), 0);
}

TEST(RampCusum, WhatIsExpectedLeavesItAtZero) {
  RampCusum ramp = *RampCusum::create({});
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(ramp.step(quiet_judgement(10, 10)).evidence, 0);
}

TEST(RampCusum, AWindowWithoutAnswerStandsStill) {
  RampCusum ramp = *RampCusum::create({});
  ramp.step(quiet_judgement(17, 10));
  const double before = ramp.evidence();
  ASSERT_GT(before, 0);
  EXPECT_FALSE(ramp.step(Judgement{}).known);
  EXPECT_EQ(ramp.evidence(), before);
}

TEST(RampCusum, RefusesWhatIsOutOfRange) {
  EXPECT_FALSE(RampCusum::create({.factor = 1, .threshold = 4}).ok());
  EXPECT_FALSE(RampCusum::create({.factor = 2, .threshold = 0.4}).ok());
  EXPECT_TRUE(RampCusum::create({.factor = 1.01, .threshold = 50}).ok());
}

TEST(PairTest, SeesASurgeThatStraddlesTwoWindows) {
  PairTest pair = *PairTest::create({.alpha = 0.005, .own_p = 0.2});
  EXPECT_FALSE(pair.step(quiet_judgement(19, 10)).known);
  const PairJudgement both = pair.step(quiet_judgement(19, 10));
  EXPECT_TRUE(both.alarm);
  EXPECT_EQ(both.observed, 38);
  EXPECT_EQ(both.expected, 20);
}

TEST(PairTest, DoesNotRepeatASurgeThatHasEnded) {
  PairTest pair = *PairTest::create({});
  pair.step(quiet_judgement(100, 10));
  EXPECT_FALSE(pair.step(quiet_judgement(9, 10)).alarm);
}

TEST(PairTest, AWindowThatHasAlarmedIsSpent) {
  const PairParameters parameters = {.alpha = 0.005, .own_p = 0.5};
  PairTest pair = *PairTest::create(parameters);
  pair.step(quiet_judgement(19, 10));
  ASSERT_TRUE(pair.step(quiet_judgement(19, 10)).alarm);
  const PairJudgement after = pair.step(quiet_judgement(19, 10));
  EXPECT_TRUE(after.known);
  EXPECT_EQ(after.p, 1);
  EXPECT_TRUE(pair.step(quiet_judgement(19, 10)).alarm);  // both of this pair are new

  PairTest other = *PairTest::create(parameters);
  Judgement surge = quiet_judgement(30, 10);
  surge.alarm = true;  // by itself
  other.step(surge);
  EXPECT_FALSE(other.step(quiet_judgement(12, 10)).alarm);
}

// Two windows of which two counts are expected: P(Y >= 6) = .0166 and P(Y > 6) = .0045.
TEST(PairTest, ItsProbabilityIsTheMiddleOfBothTails) {
  PairTest pair = *PairTest::create({.alpha = 0.011, .own_p = 1});
  pair.step(quiet_judgement(3, 1, 1));
  const PairJudgement both = pair.step(quiet_judgement(3, 1, 1));
  EXPECT_GT(both.p, 0.0075);
  EXPECT_LT(both.p, 0.0105);
  EXPECT_TRUE(both.alarm);
}

TEST(PairTest, NeedsTheWindowBefore) {
  PairTest pair = *PairTest::create({});
  pair.step(quiet_judgement(40, 10));
  pair.step(Judgement{});
  EXPECT_FALSE(pair.step(quiet_judgement(40, 10)).known);
}

TEST(SurgeRamp, EachOfTheThreeRaisesTheAlarm) {
  for (const auto& parameters : {SurgeRampParameters::weekly(), SurgeRampParameters::daily()}) {
    bench::Draw draw(19);
    SurgeRamp both = *SurgeRamp::create(parameters);
    for (int i = 0; i < 400; ++i) both.step(draw.poisson(20));
    SurgeRamp copy = both;
    EXPECT_TRUE(copy.step(60).surge.alarm);
    copy = both;
    copy.step(31);
    EXPECT_TRUE(copy.step(33).pair.alarm);
    copy = both;
    bool ramp = false;
    for (int i = 0; i < 12; ++i) ramp = copy.step(32).ramp.alarm || ramp;
    EXPECT_TRUE(ramp);
    EXPECT_FALSE(both.step(20).alarm());
  }
}

}  // namespace
}  // namespace surgewatch::statistics
