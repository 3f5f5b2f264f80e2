#include "statistics/first_seen.h"

#include <gtest/gtest.h>

#include <boost/math/distributions/gamma.hpp>
#include <vector>

#include "bench/scenarios/draw.h"

namespace surgewatch::statistics {
namespace {

TEST(NewEntity, TheFirstCountIsReportedOnce) {
  NewEntity cell = *NewEntity::create({});
  EXPECT_FALSE(cell.step(0).first_seen);
  EXPECT_FALSE(cell.step(std::nullopt).known);
  EXPECT_TRUE(cell.step(3).first_seen);
  EXPECT_FALSE(cell.step(3).first_seen);
}

TEST(NewEntity, NullRateIsThePriorsUpperQuantile) {
  for (const double shape : {0.3, 2.0, 40.0, 9000.0}) {
    NewEntityParameters parameters;
    parameters.prior = {.shape = shape, .weight = 4};
    const double expected =
        boost::math::quantile(boost::math::gamma_distribution<>(shape), 0.95) / 4;
    EXPECT_NEAR(NewEntity::create(parameters)->step(0).null_rate / expected, 1, 1e-5) << shape;
  }
}

TEST(NewEntity, AHighRateAlarmsWithinAFewWindows) {
  NewEntityParameters parameters;
  parameters.prior = {.shape = 4, .weight = 4};
  NewEntity cell = *NewEntity::create(parameters);
  bench::Draw draw(4);
  int windows = 0;
  while (!cell.step(draw.poisson(10)).alarm && windows < 100) ++windows;
  EXPECT_LT(windows, 6);
}

// Ville: of true nulls, at the very border, at most α ever alarm, though each is looked at 500
// times.
TEST(NewEntity, FewTrueNullsEverReachTheLimit) {
  NewEntityParameters parameters;
  parameters.prior = {.shape = 4, .weight = 4};
  parameters.alpha = 0.05;
  int reached = 0;
  const int cells = 600;
  const double rate = NewEntity::create(parameters)->step(0).null_rate;
  for (int i = 0; i < cells; ++i) {
    NewEntity cell = *NewEntity::create(parameters);
    bench::Draw draw(static_cast<std::uint64_t>(1000 + i));
    for (int t = 0; t < 100; ++t) {
      if (cell.step(draw.poisson(rate)).e_value >= 1 / parameters.alpha) {
        ++reached;
        break;
      }
    }
  }
  EXPECT_LE(reached, cells * parameters.alpha + 3 * 5.3);  // three standard errors
  EXPECT_GT(reached, 0);
}

// The e-detector restarts: false alarms are on average at least 1/α windows apart.
TEST(NewEntity, FalseAlarmsAreAtLeastOneOverAlphaApart) {
  NewEntityParameters parameters;
  parameters.prior = {.shape = 4, .weight = 4};
  parameters.alpha = 0.02;
  NewEntity cell = *NewEntity::create(parameters);
  bench::Draw draw(77);
  const double rate = cell.step(0).null_rate;
  const int windows = 50'000;
  int alarms = 0;
  for (int t = 0; t < windows; ++t)
    alarms += cell.step(draw.poisson(rate)).e_detector >= 1 / parameters.alpha ? 1 : 0;
  EXPECT_GT(alarms, 0);
  EXPECT_LE(alarms, windows * parameters.alpha);
}

TEST(NewEntity, PredictiveIsSharpenedByItsOwnPast) {
  NewEntity cell = *NewEntity::create({.prior = {.shape = 2, .weight = 2}});
  EXPECT_NEAR(cell.step(1).expected, 1, 1e-12);
  for (int i = 0; i < 100; ++i) cell.step(1);
  EXPECT_LT(cell.step(8).p, 1e-4);
}

TEST(NewEntity, HandsOverWhenOldAndBusyEnough) {
  NewEntity cell = *NewEntity::create({});
  for (int i = 0; i < 51; ++i) cell.step(1);
  EXPECT_FALSE(cell.ready_for_baseline());
  cell.step(0);
  EXPECT_TRUE(cell.ready_for_baseline());
}

TEST(PooledPrior, MatchesMomentsWithinItsCap) {
  const RatePrior prior = pooled_prior(std::vector<double>{1, 2, 3, 4, 5});
  EXPECT_NEAR(prior.shape / prior.weight, 3, 1e-12);
  EXPECT_NEAR(prior.shape / (prior.weight * prior.weight), 2.5, 1e-12);
  EXPECT_EQ(pooled_prior(std::vector<double>{3, 3, 3}).weight, 8);
  EXPECT_EQ(pooled_prior(std::vector<double>{3}).shape, RatePrior{}.shape);
  EXPECT_EQ(pooled_prior(std::vector<double>{0, 0, 0}).weight, RatePrior{}.weight);
}

}  // namespace
}  // namespace surgewatch::statistics
