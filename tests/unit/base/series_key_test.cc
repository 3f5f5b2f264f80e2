#include "base/series_key.h"

#include <gtest/gtest.h>

namespace surgewatch {
namespace {

TEST(SeriesKey, WritesAValueAsItIs) { EXPECT_EQ(key_part("bill_to", "SG"), "bill_to=SG"); }

TEST(SeriesKey, NoValueCanPassForAnotherPartOrLine) {
  EXPECT_EQ(key_part("bill_to.party_id", "x;family=Hopper\n"),
            R"(bill_to.party_id=x\x3bfamily\x3dHopper\n)");
}

}  // namespace
}  // namespace surgewatch
