#include "journal/merger.h"

#include <gtest/gtest.h>

#include "unit/journal/records.h"

namespace surgewatch::journal {
namespace {

using test::Batch;
using test::kA;
using test::kB;
using test::one_series;
using test::progress;

constexpr SourceId kShipments{Topic::kShipments, 0};

class MergerTest : public ::testing::Test {
 protected:
  // Revenue of the pane over all sources.
  std::int64_t total(const std::string& key, PaneIndex pane) const {
    std::int64_t sum = 0;
    for (KeyId id = 0; id < merger_.key_end(0); ++id) {
      if (merger_.key(0, id) != std::vector<std::string>{key}) continue;
      merger_.visit(0, id, pane, pane, [&](const PaneLog::Entry& entry) {
        sum += entry.values[Measure::kRevenueUsd];
      });
    }
    return sum;
  }
  Merger merger_{one_series()};
};

TEST_F(MergerTest, SumsTheNewestValueOfEachSource) {
  merger_.apply(Batch(kA, 1, "billed").update({{"SG"}, 5, 100}));
  merger_.apply(Batch(kB, 1, "billed").update({{"SG"}, 5, 30}));
  EXPECT_EQ(total("SG", 5), 130);
  const auto changes = merger_.apply(Batch(kA, 2, "billed").update({{"SG"}, 5, 110}));
  EXPECT_EQ(total("SG", 5), 140);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].before[Measure::kRevenueUsd], 100);
  EXPECT_EQ(changes[0].after[Measure::kRevenueUsd], 110);
}

TEST_F(MergerTest, IgnoresAnUpdateWithAnOlderStamp) {
  merger_.apply(Batch(kA, 7, "billed").update({{"SG"}, 5, 100}));
  EXPECT_TRUE(merger_.apply(Batch(kA, 6, "billed").update({{"SG"}, 5, 60})).empty());
  EXPECT_EQ(total("SG", 5), 100);
  EXPECT_EQ(merger_.stats().stale_updates, 1u);
}

TEST_F(MergerTest, StampsAreOfOneSourceKeyAndPane) {
  merger_.apply(Batch(kA, 7, "billed").update({{"SG"}, 5, 100}));
  merger_.apply(Batch(kA, 6, "billed").update({{"US"}, 5, 1}).update({{"SG"}, 6, 2}));
  merger_.apply(Batch(kB, 6, "billed").update({{"SG"}, 5, 3}));
  EXPECT_EQ(total("US", 5), 1);
  EXPECT_EQ(total("SG", 6), 2);
  EXPECT_EQ(total("SG", 5), 103);
  EXPECT_EQ(merger_.stats().stale_updates, 0u);
}

TEST_F(MergerTest, TheSameUpdateAgainChangesNothingAndIsStale) {
  const Batch batch = Batch(kA, 7, "billed").update({{"SG"}, 5, 100});
  merger_.apply(batch);
  EXPECT_TRUE(merger_.apply(batch).empty());
  EXPECT_EQ(merger_.stats().stale_updates, 1u);
}

TEST_F(MergerTest, WithinOneStampTheLaterRecordKnowsMore) {
  merger_.apply(Batch(kA, 7, "billed").update({{"SG"}, 5, 100}));
  merger_.apply(Batch(kA, 7, "billed").update({{"SG"}, 5, 120}));
  EXPECT_EQ(total("SG", 5), 120);
}

TEST_F(MergerTest, IgnoresBatchesBelowTheSourcesProgress) {
  merger_.apply(Batch(kA, 10, "billed").update({{"SG"}, 5, 100}));
  merger_.apply(progress(kA, 10, std::nullopt));
  merger_.apply(Batch(kA, 9, "billed").update({{"US"}, 5, 60}).correct({{"US"}, 1, 5}, 8));
  EXPECT_EQ(total("US", 5), 0);
  EXPECT_EQ(total("US", 1), 0);
  EXPECT_EQ(merger_.stats().stale_updates, 1u);
  EXPECT_EQ(merger_.stats().stale_corrections, 1u);
  merger_.apply(Batch(kB, 9, "billed").update({{"US"}, 5, 60}));
  EXPECT_EQ(total("US", 5), 60) << "another source's progress says nothing of this one";
  merger_.apply(Batch(kA, 10, "billed").update({{"US"}, 5, 1}));
  EXPECT_EQ(total("US", 5), 61) << "at the progress: may know more";
}

TEST_F(MergerTest, AddsEachCorrectionOnce) {
  const Batch first =
      Batch(kA, 10, "billed").correct({{"SG"}, 1, -5}, 8).correct({{"US"}, 1, 7}, 8, 1);
  merger_.apply(first);
  merger_.apply(first);
  EXPECT_EQ(total("SG", 1), -5);
  EXPECT_EQ(total("US", 1), 7);
  merger_.apply(Batch(kA, 12, "billed").correct({{"SG"}, 1, 100}, 8).correct({{"SG"}, 1, 1}, 9));
  EXPECT_EQ(total("SG", 1), -4);
  EXPECT_EQ(merger_.stats().stale_corrections, 3u);
}

TEST_F(MergerTest, CorrectionsOfOneOffsetMayBeInSeveralBatches) {
  const Batch first = Batch(kA, 10, "billed").correct({{"SG"}, 1, -5}, 8, 0);
  const Batch second =
      Batch(kA, 10, "billed").correct({{"SG"}, 1, -5}, 8, 0).correct({{"US"}, 1, 7}, 8, 1);
  merger_.apply(first);
  merger_.apply(second);
  merger_.apply(second);
  EXPECT_EQ(total("SG", 1), -5);
  EXPECT_EQ(total("US", 1), 7);
  EXPECT_EQ(merger_.stats().stale_corrections, 3u);
}

TEST_F(MergerTest, CorrectionsAddToWhatIsAbsolute) {
  merger_.apply(Batch(kA, 5, "billed").update({{"SG"}, 1, 50}));
  merger_.apply(Batch(kA, 10, "billed").correct({{"SG"}, 1, -20}, 8));
  EXPECT_EQ(total("SG", 1), 30);
  merger_.apply(Batch(kA, 11, "billed").update({{"SG"}, 1, 60}));
  EXPECT_EQ(total("SG", 1), 40);
}

TEST_F(MergerTest, KeepsPartsWhileTheirSourceCanSendAnother) {
  // Two days of lateness and a day's pane: parts of pane 5 are kept until the watermark passes
  // 6 d + 2 d + 1 d.
  merger_.apply(Batch(kA, 1, "billed").update({{"SG"}, 5, 100}));
  merger_.apply(Batch(kB, 1, "billed").update({{"SG"}, 5, 10}));
  merger_.apply(progress(kA, 2, 9 * kMicrosPerDay - 1));
  merger_.apply(Batch(kA, 3, "billed").update({{"SG"}, 5, 101}));
  EXPECT_EQ(total("SG", 5), 111);
  merger_.apply(progress(kA, 4, 9 * kMicrosPerDay));
  merger_.apply(Batch(kA, 5, "billed").update({{"SG"}, 5, 999}));
  EXPECT_EQ(total("SG", 5), 111);
  EXPECT_EQ(merger_.stats().unmergeable, 1u);
  merger_.apply(Batch(kB, 5, "billed").update({{"SG"}, 5, 20}));
  EXPECT_EQ(total("SG", 5), 121) << "the other source is still behind";
}

TEST_F(MergerTest, CountsChangesToFinalPanesAndAppliesThem) {
  merger_.apply(progress(kA, 1, 8 * kMicrosPerDay - 1));
  merger_.apply(Batch(kA, 2, "billed").update({{"SG"}, 5, 1}));
  EXPECT_EQ(merger_.stats().reopened_panes, 0u);
  merger_.apply(progress(kA, 3, 8 * kMicrosPerDay));
  merger_.apply(Batch(kA, 4, "billed").update({{"SG"}, 5, 2}));
  EXPECT_EQ(merger_.stats().reopened_panes, 1u);
  EXPECT_EQ(total("SG", 5), 2);
}

TEST_F(MergerTest, CountsUpdatesOfAnotherDefinitionAndDoesNotMergeThem) {
  merger_.apply(Batch(kA, 1, "billed", test::kDefinition + 1).update({{"SG"}, 5, 1}));
  merger_.apply(Batch(kA, 1, "nosuch").update({{"SG"}, 5, 1}).correct({{"SG"}, 5, 1}, 0));
  EXPECT_EQ(merger_.stats().unknown_series, 3u);
  EXPECT_EQ(total("SG", 5), 0);
}

TEST_F(MergerTest, CountsWhatMakesNoSense) {
  merger_.apply(v1::JournalRecord());
  merger_.apply(test::of(kA));
  v1::JournalRecord stranger = progress(kA, 1, 5);
  stranger.mutable_source()->set_topic("returns");
  merger_.apply(stranger);
  merger_.apply(progress({Topic::kInvoices, -1}, 1, 5));
  EXPECT_EQ(merger_.stats().refused.total(), 4u);
  merger_.apply(Batch(kA, 1, "billed").update({{"SG", "US"}, 5, 1}));
  merger_.apply(Batch(kA, 1, "billed").update({{"SG"}, INT64_MAX, 1}));
  merger_.apply(Batch(kShipments, 1, "billed").update({{"SG"}, 5, 1}));
  Batch batch = Batch(kA, 1, "billed").update({{"SG"}, 5, 1});
  batch.record().mutable_panes()->mutable_updates(0)->set_series(1);
  merger_.apply(batch);
  EXPECT_EQ(merger_.stats().refused.total(), 8u);
  EXPECT_EQ(total("SG", 5), 0);
}

TEST_F(MergerTest, KeysWithAnyBytesAreToldApart) {
  auto config = std::make_shared<config::Config>(*one_series());
  config->series[0].group_by = {config::Dimension::kBillToId, config::Dimension::kShipToId};
  Merger merger(config);
  merger.apply(Batch(kA, 1, "billed").update({{"a", "bc"}, 5, 1}).update({{"ab", "c"}, 5, 2}));
  EXPECT_EQ(merger.key_end(0), 2u);
}

TEST_F(MergerTest, CountsSumsThatLeaveTheRangeAndComesBackExactly) {
  merger_.apply(Batch(kA, 1, "billed").update({{"SG"}, 5, INT64_MAX}));
  merger_.apply(Batch(kB, 1, "billed").update({{"SG"}, 5, 10}));
  EXPECT_EQ(merger_.stats().overflows, 1u);
  merger_.apply(Batch(kA, 2, "billed").update({{"SG"}, 5, 1}));
  EXPECT_EQ(total("SG", 5), 11);
}

TEST_F(MergerTest, ForgetsPanesWhenTold) {
  merger_.apply(Batch(kA, 1, "billed").update({{"SG"}, 4, 1}).update({{"SG"}, 5, 2}));
  merger_.forget_before(0, 5);
  EXPECT_EQ(total("SG", 4), 0);
  EXPECT_EQ(total("SG", 5), 2);
}

}  // namespace
}  // namespace surgewatch::journal
