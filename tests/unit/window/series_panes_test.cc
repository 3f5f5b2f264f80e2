#include "window/series_panes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace surgewatch::window {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Of panes of 10 with a ring of five places.
SeriesPanes five_places() {
  return {{.pane_length = 10, .dimensions = 0, .max_keys = 1}, {.allowed_lateness = 30}};
}

std::vector<PaneRef> left_at(SeriesPanes* panes, Micros oldest) {
  std::vector<PaneRef> left;
  panes->raise_floor(oldest, [&](PaneRef list) { left.push_back(list); });
  return left;
}

TEST(SeriesPanes, FindsThePaneOfEachTimeWhateverCameBefore) {
  SeriesPanes panes = five_places();
  const auto indexes = [&](const std::vector<Micros>& times) {
    std::vector<PaneIndex> found;
    for (const Micros time : times) found.push_back(panes.index_of(time));
    return found;
  };
  EXPECT_THAT(indexes({0, 9, 10, 9, 0, -1, -10, -11, 1'000, 999}),
              ElementsAre(0, 0, 1, 0, 0, -1, -1, -2, 100, 99));
}

TEST(SeriesPanes, WhatIsBelowTheFloorLeavesAndNothingElse) {
  SeriesPanes panes = five_places();
  for (const PaneIndex index : {-2, 0, 1, 4, 5, 100}) {
    EXPECT_TRUE(panes.is_far_ahead(index)) << "there is no floor yet";
    panes.list(index) = static_cast<PaneRef>(index + 1'000);
  }
  EXPECT_THAT(left_at(&panes, 19), ElementsAre(998, 1'000));
  EXPECT_TRUE(panes.has_left(0));
  EXPECT_FALSE(panes.has_left(1));
  EXPECT_FALSE(panes.is_far_ahead(5)) << "the last place of the ring";
  EXPECT_TRUE(panes.is_far_ahead(6));
  EXPECT_EQ(panes.list(5), 1'005U);
  EXPECT_EQ(panes.list(6), kNoPane) << "it has the place of no other";

  EXPECT_THAT(left_at(&panes, 19), IsEmpty());
  EXPECT_THAT(left_at(&panes, 50), ElementsAre(1'001, 1'004));
  EXPECT_THAT(left_at(&panes, 20), IsEmpty()) << "the floor only rises";
  EXPECT_TRUE(panes.has_left(4));
}

TEST(SeriesPanes, ALongJumpLeavesWhatIsInTheRingAndAheadOfIt) {
  SeriesPanes panes = five_places();
  left_at(&panes, 0);
  panes.list(0) = 7;
  panes.list(4) = 8;
  panes.list(50) = 9;
  panes.list(2'000) = 10;
  EXPECT_THAT(left_at(&panes, 10'000), ElementsAre(7, 8, 9));
  EXPECT_EQ(panes.list(2'000), 10U);
}

TEST(SeriesPanes, SaysAtWhichTimeTheFloorRisesNext) {
  SeriesPanes panes = five_places();
  const auto raise = [&](Micros oldest) { return panes.raise_floor(oldest, [](PaneRef) {}); };
  EXPECT_EQ(raise(-1), 0);
  EXPECT_EQ(raise(0), 10);
  EXPECT_EQ(raise(9), 10);
}

}  // namespace
}  // namespace surgewatch::window
