// Sums of any run of panes against sums that are added up, in random order with corrections.
#include "detect/pane_sums.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace surgewatch::detect {
namespace {

TEST(PaneSums, AreThoseOfWhatWasAdded) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::mt19937_64 random(seed);
    PaneSums sums;
    std::map<PaneIndex, Int128> truth;
    PaneIndex forgotten = INT64_MIN;
    for (int i = 0; i < 300; ++i) {
      const PaneIndex pane = static_cast<PaneIndex>(random() % 40) + i / 4;
      if (forgotten != INT64_MIN && pane < forgotten) continue;
      const Int128 delta = static_cast<Int128>(static_cast<std::int64_t>(random()))
                           << (random() % 60);
      sums.add(pane, delta);
      truth[pane] += delta;
      if (i % 50 == 49) {
        forgotten = i / 4;
        sums.forget_before(forgotten);
        truth.erase(truth.begin(), truth.lower_bound(forgotten));
      }
      const PaneIndex low = forgotten == INT64_MIN ? -1 : forgotten;
      const PaneIndex first = low + static_cast<PaneIndex>(random() % 60);
      const PaneIndex last = first + static_cast<PaneIndex>(random() % 40) - 2;
      Int128 expected = 0;
      for (const auto& [p, value] : truth) {
        if (p >= first && p <= last) expected += value;
      }
      ASSERT_TRUE(sums.sum(first, last) == expected) << "seed " << seed << ", step " << i;
    }
  }
}

TEST(PaneSums, KnowWhichPanesHoldSomething) {
  PaneSums sums;
  EXPECT_EQ(sums.last(), std::nullopt);
  sums.add(5, 3);
  sums.add(9, 4);
  sums.add(7, 1);
  EXPECT_EQ(sums.next(INT64_MIN), 5);
  EXPECT_EQ(sums.next(5), 7);
  EXPECT_EQ(sums.last(), 9);
  sums.add(9, -4);
  EXPECT_EQ(sums.last(), 7) << "what was taken out again is not there";
  sums.add(7, -1);
  EXPECT_EQ(sums.next(5), std::nullopt);
  EXPECT_TRUE(sums.any(5, 9));
  EXPECT_FALSE(sums.any(6, 9));
}

TEST(PaneSums, ForgetWhatIsOlder) {
  PaneSums sums;
  for (PaneIndex pane = 0; pane < 10; ++pane) sums.add(pane, 1 + pane);
  sums.forget_before(6);
  EXPECT_TRUE(sums.sum(6, 9) == 7 + 8 + 9 + 10);
  EXPECT_EQ(sums.size(), 5u) << "one more, from which the sums are counted";
  sums.forget_before(100);
  EXPECT_EQ(sums.size(), 0u);
  sums.add(100, 5);
  EXPECT_TRUE(sums.sum(90, 100) == 5);
}

}  // namespace
}  // namespace surgewatch::detect
