#include "detect/pane_history.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace surgewatch::detect {
namespace {

TEST(PaneHistory, SumsOpenAndClosedPanes) {
  PaneHistory history(4, 9);
  history.add(10, 5);
  history.add(12, 7);
  history.add(10, 1);
  EXPECT_TRUE(history.sum(10, 12) == 13);
  history.close_next();
  EXPECT_TRUE(history.sum(10, 10) == 6);
  EXPECT_TRUE(history.sum(9, 12) == 13);
  EXPECT_EQ(history.open().size(), 1u);
}

TEST(PaneHistory, AddsToClosedPanes) {
  PaneHistory history(4, 9);
  history.close_next();
  history.close_next();
  history.add(10, 3);
  EXPECT_TRUE(history.sum(10, 10) == 3);
  EXPECT_TRUE(history.sum(11, 11) == 0);
}

TEST(PaneHistory, WhatIsForgottenChangesNoKeptSum) {
  PaneHistory history(3, 9);
  for (int i = 0; i < 5; ++i) history.close_next();  // closed 14, totals of 12, 13, 14
  EXPECT_TRUE(history.knows(13));
  EXPECT_FALSE(history.knows(12));
  history.add(12, 100);
  history.add(5, 100);
  EXPECT_TRUE(history.sum(13, 14) == 0);
  history.add(13, 1);
  EXPECT_TRUE(history.sum(13, 14) == 1);
}

TEST(PaneHistory, SumsBeyond64Bits) {
  PaneHistory history(3, 0);
  history.add(1, INT64_MAX);
  history.add(2, INT64_MAX);
  EXPECT_TRUE(history.sum(1, 2) == Int128{INT64_MAX} * 2);
}

TEST(PaneHistory, AgreesWithAMapOnAnyCourse) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    constexpr std::int64_t kCapacity = 12;
    PaneHistory history(kCapacity, -3);
    std::map<PaneIndex, std::int64_t> model;
    for (int i = 0; i < 300; ++i) {
      const auto pane = history.closed() - 8 + static_cast<PaneIndex>(random() % 14);
      const auto delta = static_cast<std::int64_t>(random() % 21) - 10;
      history.add(pane, delta);
      model[pane] += delta;
      if (random() % 3 == 0) history.close_next();
      if (random() % 40 == 0 && history.open().empty()) history.skip_to(history.closed() + 5);
      const PaneIndex first = history.closed() - static_cast<PaneIndex>(random() % 10);
      const PaneIndex last = first + static_cast<PaneIndex>(random() % 16);
      ASSERT_TRUE(history.knows(first));
      Int128 expected = 0;
      for (PaneIndex p = first; p <= last; ++p) expected += model.contains(p) ? model[p] : 0;
      ASSERT_TRUE(history.sum(first, last) == expected);
    }
  }
}

}  // namespace
}  // namespace surgewatch::detect
