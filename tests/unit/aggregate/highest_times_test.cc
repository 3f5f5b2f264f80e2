#include "aggregate/highest_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <utility>
#include <vector>

namespace surgewatch::aggregate {
namespace {

TEST(HighestTimes, AreFollowedButK) {
  std::mt19937_64 random(7);
  for (const std::size_t outliers : {0u, 1u, 2u, 7u, 100u}) {
    HighestTimes highest(outliers);
    std::vector<Micros> all;
    EXPECT_EQ(highest.but_outliers(), INT64_MIN);
    for (int i = 0; i < 1'000; ++i) {
      const Micros before = highest.but_outliers();
      all.push_back(static_cast<Micros>(random() % 300) + (random() % 9 == 0 ? 10'000 + i : i));
      const bool has_risen = highest.note(all.back(), i);
      std::ranges::sort(all, std::greater());
      const Micros expected = all.size() > outliers ? all[outliers] : INT64_MIN;
      ASSERT_EQ(highest.but_outliers(), expected) << outliers << " after " << i;
      ASSERT_EQ(has_risen, expected > before);
    }
    EXPECT_EQ(highest.seen().size(), outliers == 0 ? 0 : outliers + 1);
  }
}

TEST(HighestTimes, SayWhereTheyWereSeen) {
  HighestTimes highest(1);
  highest.note(100, 5);
  highest.note(9'000, 6);
  highest.note(50, 7);
  std::vector<std::pair<Micros, std::int64_t>> seen;
  for (const auto& one : highest.seen()) seen.emplace_back(one.time, one.offset);
  std::ranges::sort(seen);
  EXPECT_EQ(seen, (std::vector<std::pair<Micros, std::int64_t>>{{100, 5}, {9'000, 6}}));
}

}  // namespace
}  // namespace surgewatch::aggregate
