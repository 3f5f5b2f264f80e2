#include "journal/watermarks.h"

#include <gtest/gtest.h>

#include "unit/journal/records.h"

namespace surgewatch::journal {
namespace {

using test::kA;
using test::kB;

constexpr SourceId kOther{Topic::kShipments, 0};

TEST(Watermarks, AreTheLowestOfTheTopicsSources) {
  Watermarks w;
  w.advance(kA, 10);
  EXPECT_EQ(w.combined(Topic::kInvoices), 10);
  w.advance(kB, 7);
  EXPECT_EQ(w.combined(Topic::kInvoices), 10) << "it never falls";
  w.advance(kB, 20);
  EXPECT_EQ(w.combined(Topic::kInvoices), 10);
  w.advance(kA, 15);
  EXPECT_EQ(w.combined(Topic::kInvoices), 15);
  EXPECT_EQ(w.combined(Topic::kShipments), std::nullopt);
}

TEST(Watermarks, WaitForSourcesThatATopologyNames) {
  Watermarks w;
  w.set_partitions(Topic::kInvoices, 2);
  w.advance(kA, 10);
  EXPECT_EQ(w.combined(Topic::kInvoices), std::nullopt);
  EXPECT_EQ(w.lowest(), std::nullopt);
  w.advance(kB, 5);
  EXPECT_EQ(w.combined(Topic::kInvoices), 5);
}

TEST(Watermarks, WaitForPartitionsThatATopologyAddsLater) {
  Watermarks w;
  w.set_partitions(Topic::kInvoices, 1);
  w.advance(kA, 10);
  w.set_partitions(Topic::kInvoices, 2);
  w.advance(kA, 20);
  EXPECT_EQ(w.combined(Topic::kInvoices), 10);
  w.advance(kB, 30);
  EXPECT_EQ(w.combined(Topic::kInvoices), 20);
}

TEST(Watermarks, NeverTakeASourceAway) {
  Watermarks w;
  w.advance(kB, 5);
  w.set_partitions(Topic::kInvoices, 1);
  w.advance(kA, 10);
  EXPECT_EQ(w.combined(Topic::kInvoices), 5);
}

TEST(Watermarks, LeaveIdleSourcesOutOfAccount) {
  Watermarks w;
  w.set_partitions(Topic::kInvoices, 2);
  w.advance(kA, 10);
  w.mark_idle(kB, true);
  EXPECT_EQ(w.combined(Topic::kInvoices), 10);
  EXPECT_EQ(w.lowest(), 10);
}

TEST(Watermarks, OfIdleSourcesAloneCountTheHighest) {
  Watermarks w;
  w.advance(kA, 10);
  w.advance(kB, 4);
  w.mark_idle(kA, true);
  EXPECT_EQ(w.combined(Topic::kInvoices), 10);
  Watermarks x;
  x.set_partitions(Topic::kInvoices, 2);
  x.mark_idle(kA, true);
  x.mark_idle(kB, true);
  EXPECT_EQ(x.combined(Topic::kInvoices), std::nullopt) << "neither has a watermark";
  Watermarks y;
  y.set_partitions(Topic::kInvoices, 2);
  y.advance(kB, 6);
  y.mark_idle(kA, true);
  y.mark_idle(kB, true);
  EXPECT_EQ(y.combined(Topic::kInvoices), 6);
}

TEST(Watermarks, IdlenessEndsByAMarkOrByAWatermarkThatGrew) {
  for (const bool by_mark : {false, true}) {
    Watermarks w;
    w.advance(kA, 10);
    w.advance(kB, 3);
    w.mark_idle(kB, true);
    w.advance(kA, 12);
    ASSERT_EQ(w.combined(Topic::kInvoices), 12);
    w.advance(kB, 3);  // not grown: still idle
    w.advance(kA, 14);
    ASSERT_EQ(w.combined(Topic::kInvoices), 14);
    if (by_mark) {
      w.mark_idle(kB, false);
    } else {
      w.advance(kB, 4);
    }
    w.advance(kA, 20);
    EXPECT_EQ(w.combined(Topic::kInvoices), 14);
  }
}

TEST(Watermarks, ATopicThatIsIdleDoesNotHoldBackTheOther) {
  Watermarks w;
  w.set_partitions(Topic::kInvoices, 1);
  w.set_partitions(Topic::kShipments, 2);
  w.advance(kA, 10);
  w.advance(kOther, 5);
  EXPECT_EQ(w.combined(Topics::both()), std::nullopt) << "a partition is not known yet";
  w.mark_idle({Topic::kShipments, 1}, true);
  EXPECT_EQ(w.combined(Topics::both()), 5);
  w.mark_idle(kOther, true);
  EXPECT_EQ(w.combined(Topics::both()), 10);
  w.advance(kA, 20);
  EXPECT_EQ(w.combined(Topics::both()), 20);
  EXPECT_EQ(w.combined(Topic::kShipments), 5);
  w.mark_idle(kA, true);
  EXPECT_EQ(w.combined(Topics::both()), 20) << "all are idle: the furthest stands";
  w.advance(kOther, 7);
  EXPECT_EQ(w.combined(Topics::both()), 20) << "it never falls";
}

TEST(Watermarks, ATopicWithoutAnySourceHoldsBackWhoLooksAtBoth) {
  Watermarks w;
  w.advance(kA, 10);
  EXPECT_EQ(w.combined(Topics::both()), std::nullopt);
  w.set_partitions(Topic::kShipments, 1);
  w.mark_idle(kOther, true);
  EXPECT_EQ(w.combined(Topics::both()), 10) << "there has never been a shipment";
}

TEST(Watermarks, KnowTheFirstOfAnySource) {
  Watermarks w;
  EXPECT_EQ(w.first(Topic::kInvoices), std::nullopt);
  w.advance(kA, 10, 4);
  w.advance(kB, 7);
  EXPECT_EQ(w.first(Topic::kInvoices), 4);
  w.advance(kB, 12, 2);
  EXPECT_EQ(w.first(Topic::kInvoices), 2);
  w.advance(kOther, 1);
  EXPECT_EQ(w.first(Topics::both()), 1);
}

TEST(Watermarks, AnEndedSourceHasPassedEverything) {
  Watermarks w;
  w.advance(kA, 10);
  w.end(kA);
  EXPECT_EQ(w.combined(Topic::kInvoices), kEndOfInput);
  w.advance(kOther, 5);
  EXPECT_EQ(w.lowest(), 5);
}

}  // namespace
}  // namespace surgewatch::journal
