#include "simulate/random.h"

#include <gtest/gtest.h>

namespace surgewatch::simulate {
namespace {

// The first outputs of Vigna's splitmix64.c for the seed 1234567.
TEST(Random, AgreesWithThePublishedGenerator) {
  Random random(1'234'567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
  EXPECT_EQ(random.next(), 9817491932198370423u);
}

TEST(Random, BelowReachesBothEndsAndNoFurther) {
  EXPECT_EQ(scale(0, 10), 0u);
  EXPECT_EQ(scale(UINT64_MAX, 10), 9u);
  EXPECT_EQ(scale(UINT64_MAX, 1), 0u);
}

TEST(Random, HashDependsOnEachOfItsArguments) {
  EXPECT_NE(hash(1, 2, 3), hash(2, 2, 3));
  EXPECT_NE(hash(1, 2, 3), hash(1, 3, 3));
  EXPECT_NE(hash(1, 2, 3), hash(1, 2, 4));
  EXPECT_NE(hash(1, 2, 3), hash(1, 3, 2));
}

}  // namespace
}  // namespace surgewatch::simulate
