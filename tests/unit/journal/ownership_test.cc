// Who is listened to, and by which generation of figures: an order in the journal, never a clock.
#include <gtest/gtest.h>

#include "journal/merger.h"
#include "unit/journal/records.h"

namespace surgewatch::journal {
namespace {

using test::Batch;
using test::by;
using test::idle;
using test::kA;
using test::kB;
using test::ownership;
using test::progress;

class OwnershipTest : public ::testing::Test {
 protected:
  explicit OwnershipTest(std::shared_ptr<config::Config> config = test::one_series())
      : merger_(std::move(config)) {}

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
  // Says who owns the source now, and gives the epoch.
  std::int64_t own(SourceId source, const std::string& generation,
                   std::uint64_t definition = test::kDefinition) {
    merger_.apply(ownership(source, generation, definition), offset_);
    return offset_++;
  }
  std::span<const Change> tell(std::int64_t epoch, const v1::JournalRecord& record) {
    return merger_.apply(by(epoch, record), offset_++);
  }

  Merger merger_;
  std::int64_t offset_ = 0;
};

// A stamp says what a value reflects at least: what one says who reads again may be older than the
// word of those before him, or newer.
TEST_F(OwnershipTest, WhatANewOwnerSaysWhileHeCatchesUpCountsOnceHeHas) {
  merger_.apply(test::topology(1, 0), offset_++);
  const std::int64_t former = own(kA, "g");
  tell(former, Batch(kA, 100, "billed").update({{"SG"}, 5, 50, 1}));
  tell(former, progress(kA, 100, 5 * kMicrosPerDay));
  const std::int64_t owner = own(kA, "g");
  // Older for SG, newer for US, by one flush of one stamp.
  tell(owner, Batch(kA, 60, "billed").update({{"SG"}, 5, 30, 1}).update({{"US"}, 5, 7, 1}));
  tell(owner, progress(kA, 60, 4 * kMicrosPerDay));
  EXPECT_EQ(total("SG", 5), 50);
  EXPECT_EQ(total("US", 5), 0);
  EXPECT_EQ(merger_.watermark(0), 5 * kMicrosPerDay);
  // One who has come further speaks at once; the rest waits for his progress.
  tell(owner, Batch(kA, 110, "billed").update({{"SG"}, 5, 55, 2}));
  EXPECT_EQ(total("SG", 5), 55);
  EXPECT_EQ(total("US", 5), 0);
  const auto changes = tell(owner, progress(kA, 110, 6 * kMicrosPerDay));
  EXPECT_EQ(changes.size(), 1u);
  EXPECT_EQ(total("SG", 5), 55);
  EXPECT_EQ(total("US", 5), 7);
  EXPECT_EQ(merger_.watermark(0), 6 * kMicrosPerDay);
  EXPECT_EQ(merger_.stats().unmergeable, 0u);
}

// Who died within a flush has said panes that no progress stands behind.
TEST_F(OwnershipTest, HeCatchesUpWithWhatWasSaidWithoutProgressToo) {
  merger_.apply(test::topology(1, 0), offset_++);
  const std::int64_t former = own(kA, "g");
  tell(former, Batch(kA, 100, "billed").update({{"SG"}, 5, 50, 1}));
  const std::int64_t owner = own(kA, "g");
  tell(owner, Batch(kA, 90, "billed").update({{"SG"}, 5, 70, 2}));
  tell(owner, progress(kA, 90, 5 * kMicrosPerDay));
  EXPECT_EQ(total("SG", 5), 50);
  EXPECT_EQ(merger_.watermark(0), std::nullopt);
  tell(owner, progress(kA, 100, 5 * kMicrosPerDay));
  EXPECT_EQ(total("SG", 5), 70);
}

// Corrections say at which offset they are, each for itself.
TEST_F(OwnershipTest, CorrectionsOfOneWhoCatchesUpCountByTheirOwnOffsets) {
  merger_.apply(test::topology(1, 0), offset_++);
  const std::int64_t former = own(kA, "g");
  tell(former, Batch(kA, 100, "billed").correct({{"SG"}, 5, 3, 0}, 80));
  tell(former, progress(kA, 100, 9 * kMicrosPerDay));
  const std::int64_t owner = own(kA, "g");
  tell(owner,
       Batch(kA, 60, "billed").correct({{"SG"}, 5, 3, 0}, 80).correct({{"SG"}, 5, 4, 0}, 120));
  EXPECT_EQ(total("SG", 5), 7);
}

// What was held of one who is followed himself is his successor's to say.
TEST_F(OwnershipTest, WhatIsHeldEndsWithItsOwner) {
  merger_.apply(test::topology(1, 0), offset_++);
  const std::int64_t former = own(kA, "g");
  tell(former, progress(kA, 100, 5 * kMicrosPerDay));
  const std::int64_t second = own(kA, "g");
  tell(second, Batch(kA, 60, "billed").update({{"US"}, 5, 7, 1}));
  const std::int64_t third = own(kA, "g");
  tell(third, progress(kA, 100, 5 * kMicrosPerDay));
  EXPECT_EQ(total("US", 5), 0);
  std::size_t kept = 0;
  merger_.release_keys([&](std::size_t, KeyId) { ++kept; });
  EXPECT_EQ(kept, 1u) << "its key is free";
}

TEST_F(OwnershipTest, TheNewestWhoSpeaksIsListenedTo) {
  merger_.apply(test::topology(2, 0), offset_++);
  const std::int64_t first = own(kB, "g");
  const std::int64_t second = own(kB, "g");
  const std::int64_t a = own(kA, "g");
  tell(a, progress(kA, 1, 2 * kMicrosPerDay));
  tell(second, idle(kB, false));
  tell(first, idle(kB, true));
  EXPECT_EQ(merger_.stats().former_owners, 1u);
  tell(first, progress(kB, 5, 7 * kMicrosPerDay));
  EXPECT_EQ(merger_.watermark(0), std::nullopt);
  tell(second, progress(kB, 1, kMicrosPerDay));
  EXPECT_EQ(merger_.watermark(0), kMicrosPerDay);
  EXPECT_EQ(merger_.stats().former_owners, 2u);
  tell(a, progress(kB, 9, 9 * kMicrosPerDay));
  EXPECT_EQ(merger_.stats().refused[Refusal::kNotTheOwner], 1u) << "an epoch of another source";
}

// Of a mirror, whose own records bear epochs of another journal, or of one who went at once.
TEST_F(OwnershipTest, AnOwnershipRecordAloneTakesNobodysPlace) {
  const std::int64_t epoch = own(kA, "g");
  tell(epoch, Batch(kA, 1, "billed").update({{"SG"}, 5, 10}));
  for (int i = 0; i < 100; ++i) own(kA, i % 2 == 0 ? "g" : "another", test::kDefinition + 1);
  tell(epoch, Batch(kA, 2, "billed").update({{"SG"}, 5, 20}));
  tell(epoch, progress(kA, 2, 6 * kMicrosPerDay));
  EXPECT_EQ(total("SG", 5), 20);
  EXPECT_EQ(merger_.watermark(0), 6 * kMicrosPerDay);
  EXPECT_EQ(merger_.stats().former_owners, 0u);
}

TEST_F(OwnershipTest, AnEpochIsNotEnoughToBeTheOwner) {
  v1::JournalRecord mine = ownership(kA, "g");
  mine.set_owner(0xABC);
  merger_.apply(mine, offset_++);
  const auto said = [&](std::uint64_t token, v1::JournalRecord record) {
    record.set_owner(token);
    tell(0, record);
  };
  said(0xDEF, progress(kA, 7, 7 * kMicrosPerDay));
  EXPECT_EQ(merger_.watermark(0), std::nullopt);
  EXPECT_EQ(merger_.stats().refused[Refusal::kNoOwner], 1u);
  said(0xABC, progress(kA, 1, kMicrosPerDay));
  said(0, progress(kA, 7, 7 * kMicrosPerDay));
  EXPECT_EQ(merger_.watermark(0), kMicrosPerDay);
  EXPECT_EQ(merger_.stats().refused[Refusal::kNotTheOwner], 1u);
}

// What was said in his name, whoever said it.
TEST_F(OwnershipTest, WhatTheOwnerSaysOfHisProgressReplacesWhatWasSaidBefore) {
  const std::int64_t epoch = own(kA, "g");
  tell(epoch, progress(kA, 5, kMicrosPerDay));
  tell(epoch, progress(kA, 1'000'000, kMicrosPerDay));
  tell(epoch, progress(kA, 6, kMicrosPerDay));
  tell(epoch, Batch(kA, 7, "billed").update({{"SG"}, 5, 20}));
  tell(epoch, progress(kA, 7, 2 * kMicrosPerDay));
  EXPECT_EQ(total("SG", 5), 20);
  EXPECT_EQ(merger_.watermark(0), 2 * kMicrosPerDay);
}

TEST_F(OwnershipTest, TheTopologyIsWhatTheOwnersSay) {
  merger_.apply(test::topology(2, 2), offset_++);
  merger_.apply(test::topology(50, 50), offset_++);
  v1::JournalRecord claim = ownership(kA, "g");
  *claim.mutable_ownership()->mutable_topology() = test::topology(2, 2).topology();
  const std::int64_t a = offset_;
  merger_.apply(claim, offset_++);
  *claim.mutable_source() = test::of(kB).source();
  const std::int64_t b = offset_;
  merger_.apply(claim, offset_++);
  for (const auto& [epoch, source] : {std::pair{a, kA}, std::pair{b, kB}}) {
    tell(epoch, progress(source, 1, kMicrosPerDay));
  }
  EXPECT_EQ(merger_.watermark(0), kMicrosPerDay)
      << "what nobody said who owns anything is forgotten";
  EXPECT_EQ(merger_.stats().refused.total(), 0u) << "it was all that was known";
  merger_.apply(test::topology(50, 50), offset_++);
  EXPECT_EQ(merger_.stats().refused[Refusal::kAnotherTopology], 1u);
  const auto move = [&](int days) {
    tell(a, progress(kA, days, days * kMicrosPerDay));
    tell(b, progress(kB, days, days * kMicrosPerDay));
    return merger_.watermark(0);
  };
  EXPECT_EQ(move(2), 2 * kMicrosPerDay);
  v1::JournalRecord more = test::of(kB);
  *more.mutable_topology() = test::topology(3, 3).topology();
  tell(b, more);
  EXPECT_EQ(move(3), 2 * kMicrosPerDay) << "one that an owner knows of is waited for";
}

// Who owns a partition that was added says so before anybody else has.
TEST_F(OwnershipTest, AClaimMayKnowMorePartitionsThanThoseBefore) {
  merger_.apply(test::topology(1, 1), offset_++);
  v1::JournalRecord claim = ownership(kB, "g");
  merger_.apply(claim, offset_++);
  EXPECT_EQ(merger_.stats().refused[Refusal::kBeyondTopology], 1u);
  *claim.mutable_ownership()->mutable_topology() = test::topology(2, 2).topology();
  merger_.apply(claim, offset_++);
  EXPECT_EQ(merger_.stats().refused.total(), 1u);
}

TEST_F(OwnershipTest, NobodyBeginsWithoutAnEpochWhereSomebodyOwnsASource) {
  merger_.apply(progress(kB, 1, kMicrosPerDay), offset_++);
  const std::int64_t epoch = own(kA, "");
  tell(epoch, progress(kA, 1, kMicrosPerDay));
  merger_.apply(progress({Topic::kInvoices, 2}, 1, kMicrosPerDay), offset_++);
  EXPECT_EQ(merger_.stats().refused[Refusal::kNoOwner], 1u);
  merger_.apply(progress(kB, 2, 2 * kMicrosPerDay), offset_++);
  EXPECT_EQ(merger_.stats().refused.total(), 1u) << "he has begun before";
}

TEST_F(OwnershipTest, ASecondOwnerIsListenedToWhateverTheClocksSay) {
  merger_.apply(test::topology(2, 0), offset_++);
  const std::int64_t a = own(kA, "g");
  const std::int64_t first = own(kB, "g");
  v1::JournalRecord late = idle(kB, false);
  late.mutable_idle()->set_decided_at_micros(1'764'000'000'000'000);
  tell(first, late);
  const std::int64_t second = own(kB, "g");
  tell(first, late);
  v1::JournalRecord early = idle(kB, true);
  early.mutable_idle()->set_decided_at_micros(1'763'999'999'000'000);
  tell(second, early);
  tell(a, progress(kA, 1, 60 * kMicrosPerDay));
  EXPECT_EQ(merger_.watermark(0), 60 * kMicrosPerDay);
}

TEST_F(OwnershipTest, WhoGivesNoEpochCameBeforeAllOthers) {
  merger_.apply(Batch(kA, 1, "billed").update({{"SG"}, 5, 100}), offset_++);
  EXPECT_EQ(total("SG", 5), 100);
  const std::int64_t epoch = own(kA, "");
  merger_.apply(Batch(kA, 2, "billed").update({{"SG"}, 5, 200}), offset_++);
  EXPECT_EQ(total("SG", 5), 200) << "nobody has followed him yet";
  tell(epoch, Batch(kA, 2, "billed").update({{"SG"}, 5, 200}));
  merger_.apply(Batch(kA, 3, "billed").update({{"SG"}, 5, 250}), offset_++);
  EXPECT_EQ(total("SG", 5), 200);
  EXPECT_EQ(merger_.stats().former_owners, 1u);
  tell(epoch, Batch(kA, 3, "billed").update({{"SG"}, 5, 300}));
  EXPECT_EQ(total("SG", 5), 300);
}

TEST_F(OwnershipTest, ANewOwnerReadsAgainAndChangesNothing) {
  const std::int64_t first = own(kA, "g");
  tell(first, Batch(kA, 10, "billed").update({{"SG"}, 5, 100}));
  tell(first, progress(kA, 10, 6 * kMicrosPerDay));
  const std::int64_t second = own(kA, "g");
  EXPECT_TRUE(tell(second, Batch(kA, 4, "billed").update({{"SG"}, 5, 40})).empty());
  EXPECT_TRUE(tell(second, progress(kA, 4, 2 * kMicrosPerDay)).empty());
  EXPECT_EQ(total("SG", 5), 100);
  EXPECT_EQ(merger_.watermark(0), 6 * kMicrosPerDay);
  tell(second, Batch(kA, 11, "billed").update({{"SG"}, 5, 110}));
  EXPECT_EQ(total("SG", 5), 110);
}

TEST_F(OwnershipTest, AnotherGenerationTakesThePlaceOnceItHasCaughtUp) {
  const std::int64_t old = own(kA, "one");
  tell(old, Batch(kA, 3, "billed").update({{"unknown"}, 5, 100}).update({{"SG"}, 5, 7}));
  tell(old, Batch(kA, 3, "billed").correct({{"unknown"}, 1, -5}, 2));
  tell(old, progress(kA, 3, 6 * kMicrosPerDay));
  EXPECT_EQ(merger_.reference_data_version(), "rd-one");

  const std::int64_t epoch = own(kA, "two");
  EXPECT_TRUE(tell(epoch, Batch(kA, 2, "billed").update({{"Hopper"}, 5, 60})).empty());
  EXPECT_TRUE(tell(epoch, progress(kA, 2, 5 * kMicrosPerDay)).empty());
  EXPECT_EQ(total("unknown", 5), 100) << "the old figures stand";
  EXPECT_EQ(total("Hopper", 5), 0);
  EXPECT_EQ(merger_.reference_data_version(), "rd-one");
  tell(epoch, Batch(kA, 3, "billed").update({{"Hopper"}, 5, 100}).update({{"SG"}, 5, 7}));
  tell(epoch, Batch(kA, 3, "billed").correct({{"Hopper"}, 1, -5}, 2));
  const auto changes = tell(epoch, progress(kA, 3, 6 * kMicrosPerDay));
  EXPECT_EQ(changes.size(), 4u) << "what was the same is not said";
  EXPECT_EQ(total("unknown", 5), 0);
  EXPECT_EQ(total("unknown", 1), 0);
  EXPECT_EQ(total("Hopper", 5), 100);
  EXPECT_EQ(total("Hopper", 1), -5);
  EXPECT_EQ(total("SG", 5), 7);
  EXPECT_EQ(merger_.watermark(0), 6 * kMicrosPerDay);
  EXPECT_EQ(merger_.stats().generations, 1u);
  EXPECT_EQ(merger_.reference_data_version(), "rd-two");
  // From here on as with any owner.
  tell(epoch, Batch(kA, 4, "billed").update({{"Hopper"}, 5, 101}));
  EXPECT_EQ(total("Hopper", 5), 101);
}

TEST_F(OwnershipTest, AGenerationWaitsForEverySource) {
  for (const SourceId source : {kA, kB}) {
    const std::int64_t epoch = own(source, "one");
    tell(epoch, Batch(source, 1, "billed").update({{"SG"}, 5, 10}));
    tell(epoch, progress(source, 1, 6 * kMicrosPerDay));
  }
  const std::int64_t a = own(kA, "two");
  tell(a, Batch(kA, 1, "billed").update({{"MY"}, 5, 10}));
  tell(a, progress(kA, 1, 6 * kMicrosPerDay));
  EXPECT_EQ(total("SG", 5), 20) << "the other source is counted the old way still";
  const std::int64_t b = own(kB, "two");
  tell(b, Batch(kB, 1, "billed").update({{"MY"}, 5, 10}));
  EXPECT_EQ(total("SG", 5), 20);
  tell(b, progress(kB, 1, 6 * kMicrosPerDay));
  EXPECT_EQ(total("SG", 5), 0);
  EXPECT_EQ(total("MY", 5), 20);
}

TEST_F(OwnershipTest, AGenerationThatWasGivenUpIsForgotten) {
  const std::int64_t old = own(kA, "one");
  tell(old, Batch(kA, 5, "billed").update({{"SG"}, 5, 10}));
  tell(old, progress(kA, 5, 6 * kMicrosPerDay));
  const std::int64_t mistake = own(kA, "two");
  tell(mistake, Batch(kA, 1, "billed").update({{"MY"}, 5, 10}));
  const std::int64_t back = own(kA, "one");
  tell(back, progress(kA, 1, kMicrosPerDay));
  EXPECT_TRUE(tell(mistake, progress(kA, 9, 9 * kMicrosPerDay)).empty());
  EXPECT_EQ(total("SG", 5), 10);
  tell(back, Batch(kA, 6, "billed").update({{"SG"}, 5, 11}));
  EXPECT_EQ(total("SG", 5), 11);
  std::vector<std::string> gone;
  merger_.release_keys(
      [&](std::size_t series, KeyId key) { gone.push_back(merger_.key(series, key)[0]); });
  EXPECT_EQ(gone, std::vector<std::string>{"MY"});
}

TEST_F(OwnershipTest, OfMoreGenerationsThanAreKeptTheOldestGivesWay) {
  const std::int64_t old = own(kA, "one");
  tell(old, progress(kA, 5, 6 * kMicrosPerDay));
  std::int64_t epoch = 0;
  for (int i = 0; i < 8; ++i) {
    const SourceId source{Topic::kInvoices, 1 + i};
    epoch = own(source, "other" + std::to_string(i));
    tell(epoch, idle(source, false));
  }
  // The last one is heard, the first is not.
  EXPECT_TRUE(tell(epoch, progress({Topic::kInvoices, 8}, 1, kMicrosPerDay)).empty());
  EXPECT_EQ(merger_.stats().former_owners, 0u);
  tell(epoch - 14, progress({Topic::kInvoices, 1}, 1, kMicrosPerDay));
  EXPECT_EQ(merger_.stats().former_owners, 1u);
}

TEST_F(OwnershipTest, NothingIsPassedWhereASeriesIsCountedByAnotherDefinition) {
  const std::int64_t old = own(kA, "one", test::kDefinition + 1);
  tell(old, Batch(kA, 3, "billed", test::kDefinition + 1).update({{"SG"}, 5, 10}));
  tell(old, progress(kA, 3, 6 * kMicrosPerDay));
  EXPECT_EQ(merger_.watermark(0), std::nullopt)
      << "closing windows without their figures would say that nothing was sold";
  const std::int64_t epoch = own(kA, "two");
  tell(epoch, Batch(kA, 3, "billed").update({{"SG"}, 5, 10}));
  tell(epoch, progress(kA, 3, 6 * kMicrosPerDay));
  EXPECT_EQ(merger_.watermark(0), 6 * kMicrosPerDay);
  EXPECT_EQ(total("SG", 5), 10);
}

class BoundedTest : public OwnershipTest {
 protected:
  BoundedTest() : OwnershipTest(two_keys()) {}
  static std::shared_ptr<config::Config> two_keys() {
    auto config = test::one_series();
    config->limits.detector_keys_per_series = 2;
    return config;
  }
};

TEST_F(BoundedTest, KeysBeyondTheLimitCountUnderOther) {
  merger_.apply(Batch(kA, 1, "billed")
                    .update({{"SG"}, 5, 1})
                    .update({{"US"}, 5, 2})
                    .update({{"MY"}, 5, 4})
                    .update({{"CN"}, 5, 8}));
  EXPECT_EQ(total("SG", 5), 1);
  EXPECT_EQ(total("other", 5), 12);
  EXPECT_EQ(merger_.stats().over_key_limit, 2u);
  merger_.apply(Batch(kA, 2, "billed").update({{"MY"}, 5, 5}));
  EXPECT_EQ(total("other", 5), 13) << "each is known by itself while its source can change it";
  merger_.apply(Batch(kA, 3, "billed").correct({{"CN"}, 5, -8}, 2));
  EXPECT_EQ(total("other", 5), 5);
}

TEST_F(BoundedTest, WhatIsForgottenMakesRoom) {
  merger_.apply(Batch(kA, 1, "billed").update({{"SG"}, 5, 1}).update({{"US"}, 5, 2}));
  merger_.apply(progress(kA, 2, 100 * kMicrosPerDay));
  merger_.forget_before(0, 50);
  std::size_t gone = 0;
  merger_.release_keys([&](std::size_t, KeyId) { ++gone; });
  EXPECT_EQ(gone, 2u);
  merger_.apply(Batch(kA, 3, "billed").update({{"MY"}, 99, 4}).update({{"CN"}, 99, 8}));
  EXPECT_EQ(total("MY", 99), 4);
  EXPECT_EQ(total("CN", 99), 8);
  EXPECT_EQ(merger_.key_end(0), 2u) << "numbers are used again";
  EXPECT_EQ(merger_.stats().over_key_limit, 0u);
}

}  // namespace
}  // namespace surgewatch::journal
