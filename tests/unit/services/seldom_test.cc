#include "common/seldom.h"

#include <gtest/gtest.h>

namespace surgewatch::services {
namespace {

using std::chrono::seconds;

TEST(Seldom, SaysTheFirstOfEachKindAndThenOneAMinuteWithWhatWasLeftOut) {
  Seldom seldom;
  const Seldom::Clock::time_point start{};
  EXPECT_EQ(seldom.says("a", start), 0u);
  EXPECT_EQ(seldom.says("b", start + seconds(1)), 0u);
  EXPECT_EQ(seldom.says("a", start + seconds(2)), std::nullopt);
  EXPECT_EQ(seldom.says("a", start + seconds(59)), std::nullopt);
  EXPECT_EQ(seldom.says("a", start + seconds(60)), 2u);
  EXPECT_EQ(seldom.says("a", start + seconds(61)), std::nullopt);
  EXPECT_EQ(seldom.says("b", start + seconds(61)), 0u);
  EXPECT_EQ(seldom.says("a", start + seconds(500)), 1u);
}

}  // namespace
}  // namespace surgewatch::services
