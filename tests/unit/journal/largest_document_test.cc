// The largest document of a pane over sources, updates and corrections, in whatever order they
// come.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "journal/merger.h"
#include "unit/journal/records.h"

namespace surgewatch::journal {
namespace {

using test::Batch;
using test::kA;
using test::kB;
using test::progress;

class LargestDocument : public ::testing::Test {
 protected:
  static std::shared_ptr<const config::Config> keeping_series() {
    auto config = test::one_series();
    config->series[0].measures = {Measure::kRevenueUsd};
    config->series[0].largest_document = Measure::kRevenueUsd;
    return config;
  }

  static v1::JournalRecord update(SourceId source, std::int64_t stamp, PaneIndex pane,
                                  std::int64_t total, std::optional<std::int64_t> largest) {
    Batch batch(source, stamp, "billed");
    batch.update({{"SG"}, pane, total});
    if (largest) batch.record().mutable_panes()->mutable_updates(0)->set_largest_document(*largest);
    return batch;
  }
  static v1::JournalRecord correction(SourceId source, std::int64_t stamp, PaneIndex pane,
                                      std::int64_t amount) {
    return Batch(source, stamp, "billed").correct({{"SG"}, pane, amount}, stamp - 1);
  }
  // Encoded.
  std::int64_t largest(PaneIndex first, PaneIndex last) const {
    return merger_.largest(0, 0, first, last).encoded();
  }

  Merger merger_{keeping_series()};
};

TEST_F(LargestDocument, IsTheGreatestOverSourcesAndPanes) {
  merger_.apply(update(kA, 1, 5, 100, 60));
  merger_.apply(update(kB, 1, 5, 100, 70));
  merger_.apply(update(kB, 2, 6, 100, 90));
  EXPECT_EQ(largest(5, 5), 70);
  EXPECT_EQ(largest(5, 6), 90);
  EXPECT_EQ(largest(7, 9), 0);
}

TEST_F(LargestDocument, FallsWithTheNewestUpdate) {
  merger_.apply(update(kA, 1, 5, 100, 60));
  merger_.apply(update(kB, 1, 5, 100, 40));
  merger_.apply(update(kA, 2, 5, 50, 50));
  EXPECT_EQ(largest(5, 5), 50);
  merger_.apply(update(kA, 3, 5, 20, 20));
  EXPECT_EQ(largest(5, 5), 40) << "the other source's";
  merger_.apply(update(kA, 1, 5, 100, 60));
  EXPECT_EQ(largest(5, 5), 40) << "an old update";
}

TEST_F(LargestDocument, ChangesWithoutTheSum) {
  merger_.apply(update(kA, 1, 5, 100, 60));
  EXPECT_TRUE(merger_.apply(update(kA, 2, 5, 100, 50)).empty());
  EXPECT_EQ(largest(5, 5), 50);
}

TEST_F(LargestDocument, IsUnknownWhereABoundIsHigher) {
  merger_.apply(update(kA, 1, 5, 100, -60));
  merger_.apply(update(kB, 1, 5, 100, 59));
  EXPECT_EQ(largest(5, 5), -60);
  merger_.apply(update(kB, 2, 5, 100, 60));
  EXPECT_EQ(largest(5, 5), 60);
}

TEST_F(LargestDocument, IsUnknownWhereASourceDoesNotSay) {
  merger_.apply(update(kA, 1, 5, 100, 60));
  merger_.apply(update(kB, 1, 5, 100, std::nullopt));
  EXPECT_EQ(merger_.largest(0, 0, 5, 5).bound, INT64_MAX);
  EXPECT_FALSE(merger_.largest(0, 0, 5, 5).is_exact());
}

TEST_F(LargestDocument, StandsWhenACorrectionTakesOutLess) {
  merger_.apply(update(kA, 1, 5, 100, 60));
  merger_.apply(correction(kA, 2, 5, -59));
  EXPECT_EQ(largest(5, 5), 60);
  merger_.apply(correction(kA, 3, 5, 80));  // a credit note that was taken out
  EXPECT_EQ(largest(5, 5), 60);
  merger_.apply(correction(kA, 4, 5, -60));
  EXPECT_EQ(largest(5, 5), -60);
}

TEST_F(LargestDocument, DoesNotDependOnTheOrderOfRecords) {
  std::vector<v1::JournalRecord> records = {update(kA, 1, 5, 100, 60), update(kA, 4, 5, 90, 50),
                                            update(kB, 1, 5, 70, 55), correction(kB, 3, 5, -55),
                                            update(kB, 2, 5, 60, -45)};
  std::vector<std::size_t> order = {0, 1, 2, 3, 4};
  do {
    Merger merger(keeping_series());
    for (const std::size_t i : order) merger.apply(records[i]);
    EXPECT_EQ(merger.largest(0, 0, 5, 5).encoded(), -55);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(LargestDocument, OutlivesThePartsThatASourceHasLetGoOf) {
  merger_.apply(update(kA, 1, 5, 100, 60));
  merger_.apply(update(kB, 1, 5, 100, 80));
  merger_.apply(progress(kA, 2, 100 * kMicrosPerDay));
  merger_.apply(update(kB, 2, 5, 10, 10));
  EXPECT_EQ(largest(5, 5), 60);
  merger_.apply(progress(kB, 3, 100 * kMicrosPerDay));
  EXPECT_EQ(largest(5, 5), 60);
  merger_.apply(correction(kA, 3, 5, -60));
  EXPECT_EQ(largest(5, 5), -60);
  merger_.forget_before(0, 6);
  EXPECT_EQ(largest(5, 5), 0);
}

}  // namespace
}  // namespace surgewatch::journal
