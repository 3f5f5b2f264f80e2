// Windows over panes against the plain way: every value again for each answer.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>

#include "window/distinct_sketch.h"
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
TEST(PaneTree, KnowsTheLeastOfAnyWindow) { check<Min>(3); }

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

// ---- Distinct parties --------------------------------------------------------------------------

std::string party(std::uint64_t number) { return "party-" + std::to_string(number); }

TEST(DistinctSketch, CountsFewNearlyExactly) {
  DistinctSketch sketch;
  EXPECT_EQ(sketch.estimate(), 0);
  for (std::uint64_t n = 1; n <= 100; ++n) {
    sketch.add(party(n));
    sketch.add(party(n));
    EXPECT_NEAR(sketch.estimate(), static_cast<double>(n), 1 + 0.05 * static_cast<double>(n));
  }
  EXPECT_LT(sketch.bytes(), 1'000u);
}

// The stated error, at counts below, at and above the change of form and of the old formula: root
// mean square over independent sets, and no bias.
TEST(DistinctSketch, ErrsByNoMoreThanStated) {
  std::mt19937_64 random(11);
  for (const int count : {300, 600, 3'000, 10'000, 14'000, 40'000, 300'000}) {
    constexpr int kSets = 60;
    double squares = 0;
    double bias = 0;
    for (int set = 0; set < kSets; ++set) {
      DistinctSketch sketch;
      for (int i = 0; i < count; ++i) sketch.add_hash(random());
      const double error = sketch.estimate() / count - 1;
      squares += error * error;
      bias += error;
    }
    // 60 sets give the root to a tenth of itself, the mean to an eighth of the error.
    EXPECT_LT(std::sqrt(squares / kSets), 1.35 * DistinctSketch::kStandardError) << count;
    EXPECT_LT(std::abs(bias / kSets), 0.5 * DistinctSketch::kStandardError) << count;
  }
}

TEST(DistinctSketch, OfEqualSetsIsEqualHoweverMade) {
  std::mt19937_64 random(5);
  for (const std::uint64_t count : {20u, 500u, 600u, 5'000u}) {
    DistinctSketch whole, backward;
    std::array<DistinctSketch, 3> parts;
    for (std::uint64_t n = 0; n < count; ++n) {
      whole.add(party(n));
      backward.add(party(count - 1 - n));
      parts[random() % 3].add(party(n));
      parts[random() % 3].add(party(n));
    }
    DistinctSketch ab = parts[0];
    ab.merge(parts[1]);
    ab.merge(parts[2]);
    DistinctSketch ba = parts[2];
    ba.merge(parts[1]);
    ba.merge(parts[0]);
    EXPECT_EQ(whole, backward);
    EXPECT_EQ(whole, ab);
    EXPECT_EQ(whole, ba);
    whole.merge(ab);
    EXPECT_EQ(whole, ab);
  }
}

TEST(DistinctSketch, SlidesByPanes) {
  PaneTree<Distinct> tree(32, 0);
  std::map<PaneIndex, std::set<std::uint64_t>> model;
  std::mt19937_64 random(9);
  for (PaneIndex pane = 0; pane < 60; ++pane) {
    DistinctSketch sketch;
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t number = random() % 700;
      sketch.add(party(number));
      model[pane].insert(number);
    }
    tree.set(pane, sketch);
    std::set<std::uint64_t> parties;
    for (PaneIndex p = pane - 9; p <= pane; ++p) parties.insert(model[p].begin(), model[p].end());
    const auto count = static_cast<double>(parties.size());
    EXPECT_NEAR(tree.aggregate(WindowShape::sliding(10), pane).estimate(), count,
                4 * DistinctSketch::kStandardError * count);
  }
}

}  // namespace
}  // namespace surgewatch::window
