// Windows over panes against the plain way: every value again for each answer.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "window/pane_tree.h"

namespace surgewatch::window {
namespace {

// Any course of settings, late ones and jumps, and any window, by brute force.
template <typename Combine>
void check(unsigned seed) {
  std::mt19937_64 random(seed);
  for (int round = 0; round < 40; ++round) {
    const auto wanted = static_cast<std::int64_t>(1 + random() % 40);
    PaneTree<Combine> tree(wanted, -5);
    ASSERT_GE(tree.capacity(), wanted);
    std::map<PaneIndex, typename Combine::Value> model;
    const auto over = [&](PaneIndex first, PaneIndex last) {
      auto result = Combine::identity();
      for (const auto& [pane, value] : model) {
        if (pane >= first && pane <= last && tree.keeps(pane)) {
          result = Combine::combine(result, value);
        }
      }
      return result;
    };
    for (int i = 0; i < 300; ++i) {
      const PaneIndex pane = tree.newest() + 3 - static_cast<PaneIndex>(random() % 45) +
                             (random() % 50 == 0 ? 100 : 0);
      const auto value = static_cast<std::int64_t>(random() % 2'001) - 1'000;
      const bool is_kept = pane > tree.newest() || tree.keeps(pane);
      if (random() % 2 == 0) {
        ASSERT_EQ(tree.set(pane, value), is_kept);
        if (is_kept) model[pane] = value;
      } else {
        ASSERT_EQ(tree.add(pane, value), is_kept);
        if (is_kept) {
          const auto [at, added] = model.try_emplace(pane, Combine::identity());
          at->second = Combine::combine(at->second, value);
        }
      }
      const PaneIndex first = tree.newest() + 5 - static_cast<PaneIndex>(random() % 60);
      const PaneIndex last = first + static_cast<PaneIndex>(random() % 60) - 2;
      ASSERT_TRUE(tree.aggregate(first, last) == over(first, last)) << first << " " << last;

      const auto length = static_cast<std::int64_t>(1 + random() % 20);
      const auto hop = static_cast<std::int64_t>(1 + random() % 20);
      for (const WindowShape shape : {WindowShape::tumbling(length), WindowShape::sliding(length),
                                      WindowShape::hopping(length, hop)}) {
        PaneIndex end = tree.newest();
        while ((end + 1) % shape.hop != 0) --end;
        ASSERT_TRUE(tree.aggregate(shape, tree.newest()) == over(end - shape.length + 1, end));
      }
    }
  }
}

TEST(PaneTree, SumsAnyWindow) { check<Sum>(1); }
TEST(PaneTree, KnowsTheGreatestOfAnyWindow) { check<Max>(2); }

TEST(PaneTree, ForgetsAGreatestThatLeaves) {
  PaneTree<Max> tree(4, 0);
  tree.set(0, 9);
  tree.set(1, 3);
  EXPECT_EQ(tree.aggregate(WindowShape::sliding(2), 1), 9);
  tree.advance(2);
  EXPECT_EQ(tree.aggregate(WindowShape::sliding(2), 2), 3);
}

TEST(PaneTree, TumblingWindowsLieAsPanesDo) {
  // Panes of a minute, windows of an hour: panes 0 to 59 are one, −60 to −1 the one before.
  EXPECT_EQ(WindowShape::tumbling(60).begin_of_last(59), 0);
  EXPECT_EQ(WindowShape::tumbling(60).begin_of_last(58), -60);
  EXPECT_EQ(WindowShape::hopping(10, 5).begin_of_last(4), -5);
  EXPECT_EQ(WindowShape::sliding(10).begin_of_last(4), -5);
}

TEST(PaneTree, SumsBeyond64Bits) {
  PaneTree<Sum> tree(2, 1);
  tree.set(0, INT64_MAX);
  tree.set(1, INT64_MAX);
  EXPECT_TRUE(tree.aggregate(0, 1) == WideSum{INT64_MAX} * 2);
}

// Known from the start, and gone on with: as if its panes had come one after another.
template <typename Combine>
void check_built(unsigned seed) {
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const auto first = static_cast<PaneIndex>(random() % 100) - 50;
    std::vector<typename Combine::Value> panes(1 + random() % 70);
    for (auto& pane : panes) pane = static_cast<std::int64_t>(random() % 2'001) - 1'000;
    PaneTree<Combine> built(first, panes);
    PaneTree<Combine> grown(static_cast<std::int64_t>(panes.size()), first - 1);
    for (std::size_t i = 0; i < panes.size(); ++i) {
      grown.set(first + static_cast<std::int64_t>(i), panes[i]);
    }
    ASSERT_EQ(built.newest(), grown.newest());
    ASSERT_EQ(built.capacity(), grown.capacity());
    for (int i = 0; i < 50; ++i) {
      if (i % 10 == 9) {
        const PaneIndex next = built.newest() + static_cast<PaneIndex>(random() % 3);
        built.set(next, i);
        grown.set(next, i);
      }
      const PaneIndex from = built.newest() - static_cast<PaneIndex>(random() % 80);
      const PaneIndex to = from + static_cast<PaneIndex>(random() % 80);
      ASSERT_TRUE(built.aggregate(from, to) == grown.aggregate(from, to)) << from << " " << to;
    }
  }
}
TEST(PaneTree, BuiltAtOnceIsAsIfGrown) {
  check_built<Sum>(4);
  check_built<Max>(5);
}

}  // namespace
}  // namespace surgewatch::window
