#include "base/revision_chain.h"

#include <gtest/gtest.h>

namespace surgewatch {
namespace {

TEST(RevisionChain, GrowsByOneAndOverGaps) {
  RevisionChain chain;
  EXPECT_TRUE(chain.takes(1));
  EXPECT_TRUE(chain.takes(2));
  EXPECT_FALSE(chain.takes(2));
  EXPECT_FALSE(chain.takes(1));
  EXPECT_TRUE(chain.takes(57)) << "others were compacted away";
  EXPECT_TRUE(chain.takes(58));
  EXPECT_EQ(chain.newest(), 58);
}

TEST(RevisionChain, WhoWasDueBeforeAJumpIsTheNewest) {
  RevisionChain chain;
  for (const int revision : {1, 2, 900, 901, 5'000}) EXPECT_TRUE(chain.takes(revision));
  EXPECT_TRUE(chain.takes(3));
  EXPECT_EQ(chain.newest(), 3);
  EXPECT_TRUE(chain.takes(5'001)) << "believed again";
  EXPECT_TRUE(chain.takes(4));
  EXPECT_TRUE(chain.takes(5));
  EXPECT_FALSE(chain.takes(3));
}

TEST(RevisionChain, WhoComesFirstWithAnyMutesNobody) {
  RevisionChain chain;
  EXPECT_TRUE(chain.takes(77));
  EXPECT_TRUE(chain.takes(1));
  EXPECT_TRUE(chain.takes(2));
}

TEST(RevisionChain, WhatCantBeCountedOnIsNone) {
  RevisionChain chain;
  for (const std::int32_t revision : {0, -1, INT32_MIN, INT32_MAX, RevisionChain::kMost + 1}) {
    EXPECT_FALSE(chain.takes(revision)) << revision;
  }
  EXPECT_TRUE(chain.takes(RevisionChain::kMost));
  EXPECT_TRUE(chain.takes(RevisionChain::kMost + 1)) << "it goes on";
  EXPECT_TRUE(chain.takes(1));
}

}  // namespace
}  // namespace surgewatch
