// What is well-formed and what no owner says.
#include "journal/refusal.h"

#include <gtest/gtest.h>

#include <set>

#include "journal/merger.h"
#include "support/hostile_journal.h"
#include "unit/journal/records.h"

namespace surgewatch::journal {
namespace {

using test::Batch;
using test::by;
using test::kA;
using test::progress;

constexpr std::int64_t kEpoch = 1;

// One source, owned; its owner has said a little.
class Journal {
 public:
  Journal() : merger_(test::one_series()) {
    apply(test::topology(1, 1));
    v1::JournalRecord ownership = test::ownership(kA, "g");
    *ownership.mutable_ownership()->mutable_topology() = test::topology(1, 1).topology();
    apply(ownership);
    owner_says(1, 10);
  }
  void apply(const v1::JournalRecord& record) { merger_.apply(record); }
  // Of day 5, which it has passed in the end.
  void owner_says(std::int64_t next_offset, std::int64_t revenue) {
    apply(by(kEpoch, Batch(kA, next_offset, "billed").update({{"SG"}, 5, revenue}).record()));
    apply(by(kEpoch, progress(kA, next_offset, (4 + next_offset) * kMicrosPerDay)));
  }
  // All that anybody can ask.
  std::string state() const {
    std::string text = std::to_string(merger_.watermark(0).value_or(-1)) + " " +
                       std::to_string(merger_.lowest_watermark().value_or(-1)) + " " +
                       std::to_string(merger_.first_watermark(0, 0).value_or(-1)) + " " +
                       merger_.reference_data_version();
    for (KeyId id = 0; id < merger_.key_end(0); ++id) {
      merger_.visit(0, id, INT64_MIN, INT64_MAX, [&](const PaneLog::Entry& entry) {
        text += " " + merger_.key(0, id)[0] + "@" + std::to_string(entry.pane) + "=" +
                std::to_string(entry.values[Measure::kRevenueUsd]);
      });
    }
    return text;
  }

  Merger merger_;
};

TEST(Refusals, EachIsCountedByItsReasonAndNamedAndMovesNothing) {
  Journal undisturbed;
  const std::string before = undisturbed.state();
  undisturbed.owner_says(2, 20);
  const std::string after = undisturbed.state();
  std::set<std::string> reasons;
  for (const auto& [what, reason, record] : test::hostile_records(kA, kEpoch, test::kDefinition)) {
    SCOPED_TRACE(what);
    Journal journal;
    journal.apply(record);
    ASSERT_EQ(journal.merger_.refused().size(), 1u);
    const Refused& refused = journal.merger_.refused()[0];
    EXPECT_EQ(refusal_name(refused.reason), reason);
    EXPECT_FALSE(refused.what.empty());
    EXPECT_EQ(journal.merger_.stats().refused[refused.reason], 1u);
    EXPECT_EQ(journal.merger_.stats().refused.total(), 1u);
    EXPECT_EQ(journal.merger_.stats().former_owners, 0u);
    EXPECT_EQ(journal.state(), before);
    journal.owner_says(2, 20);
    EXPECT_EQ(journal.state(), after);
    EXPECT_TRUE(journal.merger_.refused().empty());
    reasons.insert(reason);
  }
  // Bytes that are no record never come here.
  EXPECT_EQ(reasons.size(), kRefusalCount - 1);
}

TEST(Refusals, BytesAreARecordOrHaveAReason) {
  v1::JournalRecord record;
  EXPECT_FALSE(read_record(progress(kA, 1, 5).SerializeAsString(), &record).has_value());
  EXPECT_EQ(record.progress().next_offset(), 1);
  EXPECT_FALSE(read_record("", &record).has_value()) << "it says nothing: that is looked at later";
  for (const std::string bytes : {"\xFF\xFF", "\x0A\x7Finvoices", "\x0A\x04\x0A\x02\xFF\xFF"}) {
    const auto refused = read_record(bytes, &record);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->reason, Refusal::kUnreadable);
    EXPECT_EQ(refused->what, std::to_string(bytes.size()) + " bytes");
  }
}

TEST(Refusals, TogetherTheyMoveNothingEither) {
  Journal undisturbed;
  Journal journal;
  for (const auto& hostile : test::hostile_records(kA, kEpoch, test::kDefinition)) {
    journal.apply(hostile.record);
  }
  for (const auto& record : test::mirrored_owners(kA)) journal.apply(record);
  EXPECT_EQ(journal.state(), undisturbed.state());
  for (Journal* each : {&undisturbed, &journal}) each->owner_says(2, 20);
  EXPECT_EQ(journal.state(), undisturbed.state());
}

TEST(Refusals, OfABatchWhatIsRightIsTaken) {
  Journal journal;
  journal.apply(by(kEpoch, Batch(kA, 2, "billed")
                               .update({{"SG"}, INT64_MAX, 1})
                               .update({{"SG"}, INT64_MIN, 1})
                               .update({{"SG"}, 5, 30})
                               .record()));
  EXPECT_EQ(journal.merger_.refused().size(), 1u) << "one of each kind is named";
  EXPECT_EQ(journal.merger_.stats().refused[Refusal::kImpossibleTime], 2u);
  EXPECT_NE(journal.state().find("SG@5=30"), std::string::npos) << journal.state();
}

TEST(Refusals, AFilesInputEndsAndATopicsDoesNot) {
  for (const bool inputs_end : {true, false}) {
    Merger merger(test::one_series(), {.inputs_end = inputs_end});
    merger.apply(progress(kA, 1, kMicrosPerDay, /*ended=*/true));
    EXPECT_EQ(merger.watermark(0).has_value(), inputs_end);
    EXPECT_EQ(merger.stats().refused[Refusal::kEnded], inputs_end ? 0u : 1u);
  }
}

// The largest that is possible, in as many panes as a batch holds, over and over.
TEST(Refusals, SumsOfWhatIsPossibleDoNotOverflow) {
  Journal journal;
  Batch batch(kA, 2, "billed");
  for (PaneIndex pane = 6; pane < 500; ++pane) batch.update({{"SG"}, pane, INT64_MAX, INT64_MAX});
  for (auto& update : *batch.record().mutable_panes()->mutable_updates()) {
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      v1::WideSum* sum = update.mutable_measures()->add_exact();
      sum->set_high((std::int64_t{1} << 32) - 1);
      sum->set_low(UINT64_MAX);
    }
  }
  journal.apply(by(kEpoch, batch.record()));
  EXPECT_EQ(journal.merger_.stats().refused.total(), 0u);
  EXPECT_EQ(journal.merger_.stats().overflows, 494u);
}

}  // namespace
}  // namespace surgewatch::journal
