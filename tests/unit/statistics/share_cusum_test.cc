#include "statistics/share_cusum.h"

#include <gtest/gtest.h>

#include <vector>

#include "bench/scenarios/draw.h"

namespace surgewatch::statistics {
namespace {

// `total` counts spread over the shares, with chance.
std::vector<double> spread(bench::Draw* draw, double total, const std::vector<double>& shares) {
  std::vector<double> counts;
  for (const double share : shares) counts.push_back(draw->poisson(total * share));
  return counts;
}

ShareParameters three_regions() {
  ShareParameters parameters;
  parameters.regions = 3;
  return parameters;
}

TEST(ShareCusum, FindsTheRegionThatGainsAndThoseThatLose) {
  ShareCusum cusum = *ShareCusum::create(three_regions());
  bench::Draw draw(1);
  for (int i = 0; i < 120; ++i)
    ASSERT_FALSE(cusum.step(spread(&draw, 200, {0.6, 0.3, 0.1})).alarm) << i;
  int windows = 0;
  while (windows < 20) {
    ++windows;
    if (cusum.step(spread(&draw, 200, {0.5, 0.25, 0.25})).alarm) break;
  }
  EXPECT_LE(windows, 3);
  const RegionShare& gained = cusum.step(std::vector<double>{100, 50, 50}).regions[2];
  EXPECT_NEAR(gained.share, 0.25, 1e-12);
  EXPECT_NEAR(gained.baseline_share, 0.1, 0.03);
  EXPECT_NEAR(gained.baseline_count, 20, 5);
}

TEST(ShareCusum, GrowthOfTheWholeIsNoShift) {
  ShareCusum cusum = *ShareCusum::create(three_regions());
  bench::Draw draw(2);
  for (int i = 0; i < 300; ++i)
    ASSERT_FALSE(cusum.step(spread(&draw, 100 * (1 + i / 50), {0.6, 0.3, 0.1})).alarm) << i;
}

TEST(ShareCusum, ANamedShiftAddsUpOverItsRegions) {
  ShareParameters parameters;
  parameters.regions = 4;
  parameters.target = {0, -1, 1, 1};
  ShareCusum cusum = *ShareCusum::create(parameters);
  bench::Draw draw(3);
  for (int i = 0; i < 120; ++i)
    ASSERT_FALSE(cusum.step(spread(&draw, 100, {0.4, 0.3, 0.2, 0.1})).target_alarm);
  bool found = false;
  for (int i = 0; i < 12; ++i)
    found = cusum.step(spread(&draw, 100, {0.4, 0.2, 0.27, 0.13})).target_alarm || found;
  EXPECT_TRUE(found);
}

TEST(ShareCusum, TooFewCountsAreNotJudged) {
  ShareCusum cusum = *ShareCusum::create(three_regions());
  for (int i = 0; i < 100; ++i) cusum.step(std::vector<double>{60, 30, 10});
  EXPECT_FALSE(cusum.step(std::vector<double>{0, 0, 19}).known);
  EXPECT_TRUE(cusum.step(std::vector<double>{0, 0, 20}).known);
}

TEST(ShareCusum, WarmUpIsGuardAndBaseline) {
  ShareCusum cusum = *ShareCusum::create(three_regions());
  for (int i = 0; i < 51; ++i) ASSERT_FALSE(cusum.step(std::vector<double>{60, 30, 10}).known) << i;
  EXPECT_TRUE(cusum.step(std::vector<double>{60, 30, 10}).known);
}

TEST(ShareCusum, ASkippedWindowTeachesNothing) {
  ShareCusum cusum = *ShareCusum::create(three_regions());
  for (int i = 0; i < 51; ++i) cusum.step(std::vector<double>{60, 30, 10});
  EXPECT_FALSE(cusum.skip().known);
  for (int i = 0; i < 26; ++i) EXPECT_TRUE(cusum.step(std::vector<double>{60, 30, 10}).known);
}

TEST(ShareCusum, RefusesWhatIsOutOfRange) {
  ShareParameters parameters = three_regions();
  parameters.regions = 1;
  EXPECT_FALSE(ShareCusum::create(parameters).ok());
  parameters = three_regions();
  parameters.target = {0, 0, 0};
  EXPECT_FALSE(ShareCusum::create(parameters).ok());
  parameters.target = {1, 0};
  EXPECT_FALSE(ShareCusum::create(parameters).ok());
  parameters.target = {1, 0, -2};
  EXPECT_FALSE(ShareCusum::create(parameters).ok());
}

}  // namespace
}  // namespace surgewatch::statistics
