#include "aggregate/source.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/journal_writer.h"
#include "property/merge.h"
#include "unit/aggregate/builders.h"
#include "unit/aggregate/one_by_one.h"

namespace surgewatch::aggregate {
namespace {

using config::Dimension;
using test::cancellation;
using test::invoice;
using test::kDay;
using test::kHour;
using test::kNewYear;
using test::process_one;

// One source with the default bounds: an hour of disorder, seven days of lateness, 120 of horizon.
class Bench {
 public:
  explicit Bench(std::shared_ptr<const config::Config> config = test::config(),
                 Topic topic = Topic::kInvoices)
      : source(SourceId{topic, 3}, std::move(config)) {}

  template <typename Message>
  Disposition process(const Message& message) {
    const std::string payload = message.SerializeAsString();
    outcome = test::process_one(source, {.offset = offset++, .payload = payload});
    return outcome.disposition;
  }

  void flush() {
    records.clear();
    source.flush(&records);
    for (const auto& record : records) merge.apply(record);
  }

  // What the journal makes of the key (of two dimensions, as `billed` has) on the day.
  MeasureValues pane(const std::string& country, Micros day, const std::string& family = "Hopper",
                     const std::string& series = "billed") {
    flush();
    const auto panes = merge.panes();
    const auto found = panes.find({series, {country, family}, pane_of(day, kDay)});
    return found == panes.end() ? MeasureValues{} : found->second;
  }
  std::int64_t units(const std::string& country, Micros day) {
    return pane(country, day)[Measure::kUnits];
  }

  Source source;
  test::OneOutcome outcome;
  std::int64_t offset = 0;
  std::vector<v1::JournalRecord> records;
  property::Merge merge;
};

v1::Invoice with_units(v1::Invoice invoice, std::int64_t quantity) {
  invoice.mutable_lines(0)->set_quantity(quantity);
  return invoice;
}
v1::Invoice billed_to(v1::Invoice invoice, const std::string& country) {
  invoice.mutable_bill_to()->set_country(country);
  return invoice;
}
v1::Invoice credit_note(const std::string& id, Micros time, std::int64_t quantity) {
  v1::Invoice note = with_units(invoice(id, time), quantity);
  note.set_type(v1::INVOICE_TYPE_CREDIT_NOTE);
  return note;
}

constexpr auto kCounted = Disposition::kCounted;
constexpr auto kDuplicate = Disposition::kDuplicate;
constexpr auto kSuperseded = Disposition::kSuperseded;
constexpr auto kLate = Disposition::kLate;

TEST(Source, AnInvoiceAppearsInItsPane) {
  Bench bench;
  EXPECT_EQ(bench.process(with_units(invoice("i", kNewYear), 3)), kCounted);
  const MeasureValues pane = bench.pane("SG", kNewYear);
  EXPECT_EQ(pane[Measure::kDocuments], 1);
  EXPECT_EQ(pane[Measure::kUnits], 3);
  EXPECT_EQ(pane[Measure::kChips], 3);
  EXPECT_EQ(pane[Measure::kRevenueUsd], 90'000'000'000);
  EXPECT_EQ(pane[Measure::kTpp], 3 * 15'824);
  ASSERT_EQ(bench.records.size(), 2u);
  EXPECT_EQ(bench.records[0].source().topic(), "invoices");
  EXPECT_EQ(bench.records[0].source().partition(), 3);
  EXPECT_EQ(bench.records[0].panes().next_offset(), 1);
  EXPECT_EQ(bench.records[0].panes().series(0).name(), "billed");
  EXPECT_EQ(bench.records[1].progress().next_offset(), 1);
  EXPECT_EQ(bench.records[1].progress().watermark_micros(), kNewYear - kHour);
}

TEST(Source, ADocumentCountsOnceForEachKeyHoweverManyLines) {
  Bench bench;
  v1::Invoice two_families = invoice("i", kNewYear);
  test::add_line(&two_families, "DGX-H100", 2, 250'000);
  test::add_line(&two_families, "B200", 1, 40'000);
  test::add_line(&two_families, "never heard of", 5, 1);
  bench.process(two_families);
  EXPECT_EQ(bench.pane("SG", kNewYear)[Measure::kDocuments], 1);
  EXPECT_EQ(bench.pane("SG", kNewYear)[Measure::kChips], 17);
  EXPECT_EQ(bench.pane("SG", kNewYear, "Blackwell")[Measure::kDocuments], 1);
  const MeasureValues unknown = bench.pane("SG", kNewYear, "unknown");
  EXPECT_EQ(unknown[Measure::kChips], 5);
  EXPECT_EQ(unknown[Measure::kTpp], 0);
  EXPECT_EQ(bench.source.stats().unknown_sku_lines, 1u);
}

TEST(Source, ALongDocumentWithManyKeysIsCountedOnceInEach) {
  auto config = test::config();
  config->series = {
      test::series("by_sku", Topic::kInvoices, {Dimension::kSku, Dimension::kSeller})};
  Bench bench(config);
  v1::Invoice long_one = invoice("i", kNewYear);
  long_one.clear_lines();
  for (int i = 0; i < 200; ++i) test::add_line(&long_one, "sku" + std::to_string(i % 50), 1, 1);
  bench.process(long_one);
  for (int i = 0; i < 50; ++i) {
    const auto pane = bench.pane("sku" + std::to_string(i), kNewYear, "ZZ", "by_sku");
    ASSERT_EQ(pane[Measure::kDocuments], 1) << i;
    ASSERT_EQ(pane[Measure::kUnits], 4) << i;
  }
}

TEST(Source, TheSameIdAndRevisionAgainIsADuplicate) {
  Bench bench;
  EXPECT_EQ(bench.process(invoice("i", kNewYear)), kCounted);
  EXPECT_EQ(bench.process(invoice("i", kNewYear)), kDuplicate);
  EXPECT_EQ(bench.process(invoice("i", kNewYear + 30 * kDay)), kDuplicate);  // at any time
  EXPECT_EQ(bench.process(invoice("j", kNewYear + 30 * kDay)), kCounted);
  EXPECT_EQ(bench.units("SG", kNewYear), 1);
}

TEST(Source, AHigherRevisionMovesTheContribution) {
  Bench bench;
  bench.process(with_units(invoice("i", kNewYear), 5));
  EXPECT_EQ(bench.units("SG", kNewYear), 5);
  EXPECT_EQ(bench.process(billed_to(with_units(invoice("i", kNewYear + kDay, 2), 7), "US")),
            kCounted);
  EXPECT_TRUE(bench.pane("SG", kNewYear).is_zero());
  EXPECT_EQ(bench.units("US", kNewYear + kDay), 7);
  EXPECT_EQ(bench.pane("US", kNewYear + kDay)[Measure::kDocuments], 1);
  EXPECT_EQ(bench.source.stats().corrections, 1u);
}

TEST(Source, ALowerRevisionChangesNothingAndIsKnownFromThenOn) {
  Bench bench;
  EXPECT_EQ(bench.process(with_units(invoice("i", kNewYear, 3), 3)), kCounted);
  EXPECT_EQ(bench.process(with_units(invoice("i", kNewYear, 2), 2)), kSuperseded);
  EXPECT_EQ(bench.process(with_units(invoice("i", kNewYear, 2), 2)), kDuplicate);
  EXPECT_EQ(bench.process(with_units(invoice("i", kNewYear, 3), 3)), kDuplicate);
  EXPECT_EQ(bench.process(with_units(invoice("i", kNewYear, 4), 4)), kCounted);
  EXPECT_EQ(bench.process(with_units(invoice("i", kNewYear, 3), 3)), kDuplicate);
  EXPECT_EQ(bench.process(with_units(invoice("i", kNewYear, 2), 2)), kDuplicate);
  EXPECT_EQ(bench.units("SG", kNewYear), 4);
}

TEST(Source, ACancelledDocumentStaysCancelled) {
  Bench bench;
  bench.process(with_units(invoice("i", kNewYear), 5));
  EXPECT_EQ(bench.process(cancellation("i", kNewYear + kDay, 1)), kCounted);
  EXPECT_TRUE(bench.pane("SG", kNewYear).is_zero());
  EXPECT_EQ(bench.process(cancellation("i", kNewYear + kDay, 1)), kDuplicate);
  EXPECT_EQ(bench.process(cancellation("i", kNewYear + kDay, 2)), kSuperseded);
  EXPECT_EQ(bench.process(cancellation("i", kNewYear + kDay, 2)), kDuplicate);
  EXPECT_EQ(bench.process(invoice("i", kNewYear, 1)), kDuplicate);
  EXPECT_EQ(bench.process(invoice("i", kNewYear, 9)), kSuperseded);
  EXPECT_EQ(bench.process(invoice("i", kNewYear, 9)), kDuplicate);
  EXPECT_TRUE(bench.pane("SG", kNewYear).is_zero());
  EXPECT_EQ(bench.source.stats().corrections, 1u);
}

TEST(Source, ACancellationMayComeFirst) {
  Bench bench;
  EXPECT_EQ(bench.process(cancellation("i", kNewYear)), kCounted);
  EXPECT_EQ(bench.process(invoice("i", kNewYear)), kSuperseded);
  EXPECT_EQ(bench.process(invoice("i", kNewYear)), kDuplicate);
  EXPECT_TRUE(bench.pane("SG", kNewYear).is_zero());
  EXPECT_EQ(bench.source.stats().corrections, 0u);
  EXPECT_EQ(bench.source.stats().unverifiable, 0u);
}

TEST(Source, ACreditNoteSubtractsAtItsOwnTime) {
  Bench bench;
  bench.process(credit_note("c", kNewYear + kDay, 2));  // before what it credits
  bench.process(with_units(invoice("i", kNewYear), 5));
  EXPECT_EQ(bench.units("SG", kNewYear), 5);
  EXPECT_EQ(bench.units("SG", kNewYear + kDay), -2);
  EXPECT_EQ(bench.pane("SG", kNewYear + kDay)[Measure::kDocuments], -1);
  v1::Invoice revised = credit_note("c", kNewYear + kDay, 3);
  revised.set_revision(2);
  EXPECT_EQ(bench.process(revised), kCounted);
  EXPECT_EQ(bench.units("SG", kNewYear + kDay), -3);
  EXPECT_EQ(bench.process(cancellation("c", kNewYear + kDay)), kCounted);
  EXPECT_TRUE(bench.pane("SG", kNewYear + kDay).is_zero());
}

TEST(Source, ShipmentsAndReturnsCountTheSameWay) {
  auto config = test::config();
  config->series.push_back(
      test::series("shipped", Topic::kShipments, {Dimension::kShipTo, Dimension::kFamily}));
  Bench bench(config, Topic::kShipments);
  bench.process(test::shipment("s", kNewYear));
  v1::Shipment back = test::shipment("r", kNewYear + kDay);
  back.set_type(v1::SHIPMENT_TYPE_RETURN);
  bench.process(back);
  EXPECT_EQ(bench.pane("MY", kNewYear, "Hopper", "shipped")[Measure::kUnits], 1);
  EXPECT_EQ(bench.pane("MY", kNewYear + kDay, "Hopper", "shipped")[Measure::kUnits], -1);
  EXPECT_EQ(bench.pane("MY", kNewYear, "Hopper", "shipped")[Measure::kRevenueUsd], 0);
}

TEST(Source, AnEventIsLateOnlyBeforeTheBorder) {
  Bench bench;
  bench.process(invoice("newest", kNewYear));
  const Micros border = kNewYear - kHour - 7 * kDay;
  EXPECT_EQ(bench.process(invoice("border", border)), kCounted);
  EXPECT_EQ(bench.process(invoice("late", border - 1)), kLate);
  EXPECT_EQ(bench.process(invoice("newest", border - 1)), kLate);  // and not a duplicate
  EXPECT_EQ(bench.process(invoice("late", border)), kCounted);     // it was not looked at
  EXPECT_EQ(bench.source.stats().late, 2u);
}

TEST(Source, TheWatermarkBeforeTheEventDecides) {
  Bench bench;
  EXPECT_EQ(bench.process(invoice("first", kNewYear - 1'000 * kDay)), kCounted);
  EXPECT_EQ(bench.process(invoice("jump", kNewYear)), kCounted);
}

TEST(Source, EveryValidEventMovesTheWatermarkAndNoOtherDoes) {
  Bench bench;
  bench.process(invoice("i", kNewYear));
  EXPECT_TRUE(bench.outcome.watermark_advanced);
  bench.process(invoice("j", kNewYear));
  EXPECT_FALSE(bench.outcome.watermark_advanced);
  EXPECT_EQ(bench.process(invoice("i", kNewYear + 1)), kDuplicate);
  EXPECT_TRUE(bench.outcome.watermark_advanced);
  EXPECT_EQ(bench.process(cancellation("i", kNewYear + 2)), kCounted);
  EXPECT_EQ(bench.process(invoice("i", kNewYear + 3, 7)), kSuperseded);
  EXPECT_EQ(bench.source.stats().watermark, kNewYear + 3 - kHour);
  v1::Invoice bad = invoice("k", kNewYear + kDay);
  bad.mutable_lines(0)->set_quantity(-1);
  EXPECT_EQ(bench.process(bad), Disposition::kRejected);
  EXPECT_FALSE(bench.outcome.watermark_advanced);
  EXPECT_EQ(bench.source.stats().watermark, kNewYear + 3 - kHour);
}

// The clock of one producer runs a month ahead: three of its invoices in ten days of others.
class ClockAhead : public ::testing::TestWithParam<int> {
 protected:
  static std::shared_ptr<config::Config> config() {
    auto config = test::config();
    config->event_time.outliers = GetParam();
    return config;
  }
  void SetUp() override {
    for (int hour = 0; hour < 240; ++hour) {
      const Micros now = kNewYear + hour * kHour;
      if (hour == 50 || hour == 100 || hour == 150) {
        ahead.push_back(bench.offset);
        bench.process(invoice("ahead" + std::to_string(hour), now + 30 * kDay));
      }
      bench.process(invoice(std::to_string(hour), now));
    }
  }

  Bench bench{config()};
  std::vector<std::int64_t> ahead;  // offsets
};
class ClockAheadOfTwo : public ClockAhead {};

TEST_P(ClockAhead, MakesNobodyLateWhereTheWatermarkDoesNotFollowIt) {
  const SourceStats stats = bench.source.stats();
  EXPECT_EQ(stats.late, 0u);
  EXPECT_EQ(stats.counted, 243u);
  // As in all those hours, the highest but K: of three outliers and K − 3 of the newest.
  EXPECT_EQ(stats.watermark, kNewYear + (239 - (GetParam() - 3)) * kHour - kHour);
  EXPECT_EQ(stats.outliers, 3u);
  ASSERT_TRUE(stats.furthest_outlier.has_value());
  EXPECT_EQ(stats.furthest_outlier->offset, ahead[2]);
  EXPECT_EQ(stats.furthest_outlier->time, kNewYear + 150 * kHour + 30 * kDay);
  EXPECT_EQ(bench.units("SG", kNewYear + 3 * kDay), 24);
  EXPECT_EQ(bench.units("SG", kNewYear + 32 * kDay), 1);  // they count where they say
}
TEST_P(ClockAheadOfTwo, MakesAllOthersLateOnceThereAreMore) {
  const SourceStats stats = bench.source.stats();
  EXPECT_EQ(stats.late, 240u - 150u) << "from the third on";
  EXPECT_EQ(stats.watermark, kNewYear + 50 * kHour + 30 * kDay - kHour);
  EXPECT_EQ(stats.outliers, 2u);
}
INSTANTIATE_TEST_SUITE_P(Source, ClockAhead, ::testing::Values(3, 4));
INSTANTIATE_TEST_SUITE_P(Source, ClockAheadOfTwo, ::testing::Values(2));

TEST(Source, ThereIsNoWatermarkWhileAllMayBeOutliers) {
  auto config = test::config();
  config->event_time.outliers = 2;
  Bench bench(config);
  bench.process(invoice("a", kNewYear + 300 * kDay));
  bench.process(invoice("b", kNewYear));
  EXPECT_EQ(bench.source.stats().watermark, std::nullopt);
  bench.flush();
  ASSERT_EQ(bench.records.size(), 2u);
  EXPECT_FALSE(bench.records[1].progress().has_watermark_micros());
  EXPECT_EQ(bench.units("SG", kNewYear), 1);
  bench.process(invoice("c", kNewYear + kDay));
  EXPECT_EQ(bench.source.stats().watermark, kNewYear - kHour);
  EXPECT_EQ(bench.source.stats().outliers, 2u);
  bench.process(cancellation("a", kNewYear + kDay));
  EXPECT_EQ(bench.units("SG", kNewYear + 300 * kDay), 0);
}

// Correction horizon, lateness and the life of keys are as long as without outliers, from the time
// that the document says.
TEST(Source, ADocumentFarAheadIsKnownForTheHorizonFromItsOwnTime) {
  auto config = test::config();
  config->event_time.outliers = 1;
  Bench bench(config);
  bench.process(invoice("now", kNewYear));
  EXPECT_EQ(bench.process(billed_to(invoice("ahead", kNewYear + 200 * kDay), "US")), kCounted);
  EXPECT_EQ(bench.process(billed_to(invoice("ahead", kNewYear + 200 * kDay), "US")), kDuplicate);
  for (Micros time = kNewYear; time <= kNewYear + 320 * kDay; time += kDay / 2) {
    bench.process(invoice("d" + std::to_string(time), time));
    if (time == kNewYear + 206 * kDay) {
      EXPECT_EQ(bench.units("US", kNewYear + 200 * kDay), 1);
    }
  }
  EXPECT_EQ(bench.process(billed_to(invoice("ahead", kNewYear + 320 * kDay), "US")), kDuplicate);
  EXPECT_EQ(bench.process(cancellation("ahead", kNewYear + 320 * kDay)), kCounted);
  EXPECT_EQ(bench.units("US", kNewYear + 200 * kDay), 0);
}

TEST(Source, ARejectedEventIsCountedByItsReason) {
  Bench bench;
  v1::Invoice bad = invoice("i", kNewYear);
  bad.mutable_lines(0)->set_quantity(0);
  EXPECT_EQ(bench.process(bad), Disposition::kRejected);
  EXPECT_EQ(bench.outcome.reason, v1::REJECT_REASON_INVALID_QUANTITY);
  EXPECT_EQ(bench.outcome.detail, "lines[0].quantity is 0");
  const SourceStats stats = bench.source.stats();
  EXPECT_EQ(stats.rejected, 1u);
  EXPECT_EQ(stats.rejected_by_reason[v1::REJECT_REASON_INVALID_QUANTITY], 1u);
  bench.flush();  // the prefix has moved on all the same
  ASSERT_EQ(bench.records.size(), 1u);
  EXPECT_EQ(bench.records[0].progress().next_offset(), 1);
  EXPECT_FALSE(bench.records[0].progress().has_watermark_micros());
  EXPECT_EQ(bench.process(invoice("i", kNewYear)), kCounted);  // its id was not remembered
}

TEST(Source, WhatCantBeReadCountsAsRejectedAndTheProgressIsBehindIt) {
  Bench bench;
  EXPECT_EQ(bench.process(invoice("i", kNewYear)), kCounted);
  bench.source.pass_over(10, 11);
  const SourceStats stats = bench.source.stats();
  EXPECT_EQ(stats.consumed, 11u);
  EXPECT_EQ(stats.counted, 1u);
  EXPECT_EQ(stats.rejected, 10u);
  EXPECT_EQ(stats.rejected_by_reason[v1::REJECT_REASON_UNREADABLE], 10u);
  bench.flush();
  EXPECT_EQ(bench.records.back().progress().next_offset(), 11);
  bench.source.pass_over(1, 12);
  bench.flush();
  ASSERT_EQ(bench.records.size(), 1u);  // with nothing to say but that
  EXPECT_EQ(bench.records[0].progress().next_offset(), 12);
}

TEST(Source, AKeyThatIsNotTheOrderIsCountedAsMiskeyed) {
  Source keyed(SourceId{}, test::config(), {.is_keyed = true});
  const std::string payload = invoice("i", kNewYear).SerializeAsString();
  process_one(keyed, {.offset = 0, .payload = payload, .key = "order-i", .has_key = true});
  EXPECT_EQ(keyed.stats().miskeyed, 0u);
  process_one(keyed, {.offset = 1, .payload = payload, .key = "another", .has_key = true});
  process_one(keyed, {.offset = 2, .payload = payload, .key = "", .has_key = true});
  process_one(keyed, {.offset = 3, .payload = payload});
  process_one(keyed, {.offset = 4, .payload = "bad", .key = "x", .has_key = true});
  EXPECT_EQ(keyed.stats().miskeyed, 3u);
  Bench file;
  file.process(invoice("i", kNewYear));
  EXPECT_EQ(file.source.stats().miskeyed, 0u);
}

// Horizon ten days; the watermark is an hour behind the newest event.
std::shared_ptr<config::Config> short_horizon() {
  auto config = test::config();
  config->event_time.correction_horizon = 10 * kDay;
  return config;
}

TEST(Source, ADocumentIsKnownUpToTheHorizonToTheMicrosecond) {
  for (const Micros beyond : {0, 1}) {
    Bench bench(short_horizon());
    bench.process(with_units(invoice("i", kNewYear), 5));
    bench.process(invoice("newest", kNewYear + 10 * kDay + kHour + beyond));
    EXPECT_EQ(bench.process(with_units(invoice("i", kNewYear + 5 * kDay, 2), 7)), kCounted);
    EXPECT_EQ(bench.units("SG", kNewYear), beyond == 0 ? 0 : 5);
    EXPECT_EQ(bench.units("SG", kNewYear + 5 * kDay), 7);
    EXPECT_EQ(bench.source.stats().unverifiable, beyond == 0 ? 0u : 1u);
    EXPECT_EQ(bench.source.stats().corrections, beyond == 0 ? 1u : 0u);
  }
}

TEST(Source, ACorrectionKeepsItsDocumentKnownFromItsOwnTime) {
  Bench bench(short_horizon());
  bench.process(with_units(invoice("i", kNewYear), 5));
  bench.process(with_units(invoice("i", kNewYear + 6 * kDay, 2), 6));
  bench.process(with_units(invoice("i", kNewYear + 2 * kDay, 3), 7));  // back again
  bench.process(invoice("newest", kNewYear + 16 * kDay + kHour));
  EXPECT_EQ(bench.process(cancellation("i", kNewYear + 16 * kDay)), kCounted);
  EXPECT_TRUE(bench.pane("SG", kNewYear + 2 * kDay).is_zero());
  EXPECT_EQ(bench.source.stats().unverifiable, 0u);
}

TEST(Source, OnlyCorrectionsAreUnverifiableAndOnlyOnceSomethingWasForgotten) {
  Bench bench(short_horizon());
  bench.process(invoice("a", kNewYear, 5));  // nothing has been forgotten
  bench.process(cancellation("b", kNewYear));
  EXPECT_EQ(bench.source.stats().unverifiable, 0u);
  bench.process(invoice("c", kNewYear + 30 * kDay));
  bench.process(invoice("d", kNewYear + 30 * kDay, 1));  // firsts are not corrections
  bench.process(invoice("e", kNewYear + 30 * kDay, 0));
  EXPECT_EQ(bench.source.stats().unverifiable, 0u);
  bench.process(invoice("f", kNewYear + 30 * kDay, 2));
  bench.process(cancellation("g", kNewYear + 30 * kDay));
  EXPECT_EQ(bench.source.stats().unverifiable, 2u);
}

TEST(Source, ARetractionBehindTheRingTravelsAsACorrection) {
  Bench bench;
  bench.process(with_units(invoice("i", kNewYear), 5));
  bench.flush();
  bench.process(invoice("newest", kNewYear + 30 * kDay));
  bench.process(billed_to(with_units(invoice("i", kNewYear + 29 * kDay, 2), 6), "US"));
  EXPECT_EQ(bench.units("SG", kNewYear), 0);
  EXPECT_EQ(bench.units("US", kNewYear + 29 * kDay), 6);
  EXPECT_EQ(bench.merge.corrections, 1u);
}

TEST(Source, FlushesAndOneOffsetsCorrectionsAreSplitIntoBatches) {
  auto config = test::config();
  config->series = {test::series("by_sku", Topic::kInvoices, {Dimension::kSku})};
  Bench bench(config);
  v1::Invoice big = invoice("i", kNewYear);
  big.clear_lines();
  for (int i = 0; i < 1'500; ++i) test::add_line(&big, "sku" + std::to_string(i), 1, 1);
  bench.process(big);
  bench.flush();
  EXPECT_EQ(bench.records.size(), 4u);  // 512, 512, 476 and the progress
  bench.process(invoice("newest", kNewYear + 30 * kDay));
  bench.process(cancellation("i", kNewYear + 30 * kDay));
  bench.flush();
  EXPECT_EQ(bench.merge.corrections, 1'500u);
  std::vector<int> sizes;
  std::uint32_t part = 0;
  for (const auto& record : bench.records) {
    if (record.panes().corrections_size() > 0) sizes.push_back(record.panes().corrections_size());
    for (const auto& correction : record.panes().corrections()) {
      EXPECT_EQ(correction.offset(), bench.offset - 1);
      EXPECT_EQ(correction.part(), part++);
    }
  }
  EXPECT_EQ(sizes, (std::vector<int>{511, 512, 477}));  // behind the update of `newest`
}

TEST(Source, CorrectionsAreNumberedFromZeroForEachOffset) {
  auto config = test::config();
  config->series = {test::series("by_sku", Topic::kInvoices, {Dimension::kSku})};
  Bench bench(config);
  const auto of_two_lines = [](const std::string& id) {
    v1::Invoice two = invoice(id, kNewYear);
    test::add_line(&two, "B200", 1, 1);
    return two;
  };
  bench.process(of_two_lines("a"));
  bench.process(of_two_lines("b"));
  bench.process(invoice("newest", kNewYear + 30 * kDay));
  bench.process(cancellation("a", kNewYear + 30 * kDay));
  bench.process(cancellation("b", kNewYear + 30 * kDay));
  bench.flush();
  std::vector<std::pair<std::int64_t, std::uint32_t>> numbers;
  for (const auto& record : bench.records) {
    for (const auto& correction : record.panes().corrections()) {
      numbers.emplace_back(correction.offset(), correction.part());
    }
  }
  EXPECT_EQ(numbers,
            (std::vector<std::pair<std::int64_t, std::uint32_t>>{{3, 0}, {3, 1}, {4, 0}, {4, 1}}));
}

// As long as keys can be: far below what a broker takes, and nothing lost over it. The corrections
// of one document too.
TEST(Source, NoBatchIsLargerThanItsLimitAndOneEntry) {
  auto config = test::config();
  config->limits.text_bytes = 4'096;
  config->series = {test::series(
      "by_party", Topic::kInvoices,
      {Dimension::kBillToId, Dimension::kShipToId, Dimension::kSellerId, Dimension::kSku})};
  Bench bench(config);
  v1::Invoice big = invoice("i", kNewYear);
  const auto long_text = [](int i) {
    return std::string(4'096 - 4, 'x') + std::to_string(1'000 + i);
  };
  big.mutable_bill_to()->set_party_id(long_text(0));
  big.mutable_ship_to()->set_party_id(long_text(1));
  big.mutable_seller()->set_party_id(long_text(2));
  big.clear_lines();
  for (int i = 0; i < 200; ++i) test::add_line(&big, long_text(3 + i), 1, 1);
  ASSERT_EQ(bench.process(big), kCounted) << bench.outcome.detail;
  std::size_t updates = 0;
  const auto expect_small = [&] {
    bench.flush();
    for (const auto& record : bench.records) {
      EXPECT_LE(record.ByteSizeLong(), JournalWriter::kBatchBytes + 5 * 4'096);
      updates += static_cast<std::size_t>(record.panes().updates_size());
    }
  };
  expect_small();
  EXPECT_EQ(updates, 200u);
  bench.process(invoice("newest", kNewYear + 30 * kDay));
  bench.process(cancellation("i", kNewYear + 30 * kDay));
  expect_small();
  EXPECT_EQ(bench.merge.corrections, 200u);
  EXPECT_EQ(bench.merge.panes().size(), 1u) << "only `newest` is left";
}

TEST(Source, WhereFiltersDecideByCountryProductAndParty) {
  auto config = test::config();
  config->series[0].where = {{Dimension::kFamily, {"Hopper"}, {}},
                             {Dimension::kBillToId, {}, {"own"}},
                             {Dimension::kBillTo, {"SG", "US"}, {"US"}}};
  Bench bench(config);
  bench.process(with_units(invoice("1", kNewYear), 1));
  v1::Invoice own = with_units(invoice("2", kNewYear), 2);
  own.mutable_bill_to()->set_party_id("own");
  bench.process(own);
  bench.process(billed_to(with_units(invoice("3", kNewYear), 4), "US"));
  bench.process(billed_to(with_units(invoice("4", kNewYear), 8), "CN"));
  v1::Invoice blackwell = with_units(invoice("5", kNewYear), 16);
  blackwell.mutable_lines(0)->set_sku("B200");
  bench.process(blackwell);
  bench.flush();
  ASSERT_EQ(bench.merge.panes().size(), 1u);
  EXPECT_EQ(bench.units("SG", kNewYear), 1);
}

TEST(Source, KeysBeyondTheLimitAreExactUnderOther) {
  auto config = test::config();
  config->limits.keys_per_series = 2;
  Bench bench(config);
  int n = 0;
  for (const char* country : {"SG", "US", "CN", "TW", "SG"}) {
    ++n;
    bench.process(billed_to(with_units(invoice(std::to_string(n), kNewYear), n), country));
  }
  EXPECT_EQ(bench.units("SG", kNewYear), 1 + 5);
  EXPECT_EQ(bench.units("US", kNewYear), 2);
  EXPECT_EQ(bench.pane("other", kNewYear, "other")[Measure::kUnits], 3 + 4);
  EXPECT_EQ(bench.source.stats().over_key_limit, 2u);
  bench.process(cancellation("3", kNewYear));  // CN's, which is under `other`
  EXPECT_EQ(bench.pane("other", kNewYear, "other")[Measure::kUnits], 4);
}

TEST(Source, SumsThatOverflowSaturateAndAreCounted) {
  Bench bench;
  v1::Invoice huge = with_units(invoice("1", kNewYear), INT64_MAX - 10);
  huge.mutable_lines(0)->set_sku("unknown thing");
  huge.mutable_lines(0)->clear_unit_price();
  bench.process(huge);
  EXPECT_EQ(bench.source.stats().overflows, 0u);
  huge.set_invoice_id("2");
  bench.process(huge);
  EXPECT_EQ(bench.pane("SG", kNewYear, "unknown")[Measure::kUnits], INT64_MAX);
  EXPECT_EQ(bench.source.stats().overflows, 1u);
}

TEST(Source, BothWireFormatsAreReadSideBySide) {
  Bench bench;
  const std::string plain = invoice("i", kNewYear).SerializeAsString();
  const std::string framed = std::string("\0\0\0\0\7\2\6", 7) + plain;
  EXPECT_EQ(process_one(bench.source, {.offset = 0, .payload = plain}).disposition, kCounted);
  EXPECT_EQ(process_one(bench.source, {.offset = 1, .payload = framed}).disposition, kDuplicate);
}

TEST(Source, StopsBehindARecordThatClosesAPane) {
  Bench bench;
  const std::vector<std::string> payloads = {
      invoice("first", kNewYear + kHour).SerializeAsString(),  // the watermark is at kNewYear
      invoice("before", kNewYear + kDay + kHour - 1).SerializeAsString(),
      "no invoice",
      invoice("closes", kNewYear + kDay + kHour).SerializeAsString(),
      invoice("closes", kNewYear + kDay + kHour).SerializeAsString(),
      invoice("again", kNewYear + 2 * kDay + kHour).SerializeAsString(),
      invoice("behind", kNewYear + kDay).SerializeAsString()};
  std::vector<Record> records;
  for (const std::string& payload : payloads) {
    records.push_back({.offset = static_cast<std::int64_t>(records.size()), .payload = payload});
  }
  std::vector<Aside> aside;
  std::span<const Record> rest = records;
  const auto next = [&] {
    const Source::Stretch stretch = bench.source.process_to_pane_end(rest, &aside);
    rest = rest.subspan(stretch.count);
    EXPECT_EQ(bench.source.stats().next_offset,
              static_cast<std::int64_t>(records.size() - rest.size()));
    return std::pair(stretch.count, stretch.closed_pane);
  };
  EXPECT_EQ(next(), std::pair(std::size_t{4}, true));
  EXPECT_EQ(aside.size(), 1u);
  EXPECT_EQ(next(), std::pair(std::size_t{2}, true));
  EXPECT_EQ(next(), std::pair(std::size_t{1}, false));
  EXPECT_EQ(next(), std::pair(std::size_t{0}, false));
}

TEST(Source, NothingIsFlushedWhenNothingHasHappened) {
  Bench bench;
  bench.flush();
  EXPECT_TRUE(bench.records.empty());
  bench.process(invoice("i", kNewYear));
  bench.flush();
  EXPECT_FALSE(bench.records.empty());
  bench.flush();
  EXPECT_TRUE(bench.records.empty());
}

TEST(Source, TheEndIsSaidEvenWhenNothingIsLeft) {
  Bench bench;
  bench.source.finish(&bench.records);
  ASSERT_EQ(bench.records.size(), 1u);
  EXPECT_TRUE(bench.records[0].progress().ended());

  Bench other;
  other.process(invoice("i", kNewYear));
  other.flush();
  other.records.clear();
  other.source.finish(&other.records);
  ASSERT_EQ(other.records.size(), 1u);
  EXPECT_TRUE(other.records[0].progress().ended());
  EXPECT_EQ(other.records[0].progress().next_offset(), 1);
  EXPECT_EQ(other.records[0].progress().watermark_micros(), kNewYear - kHour);
}

TEST(Source, ASourceWithoutSeriesStillKeepsItsWatermark) {
  Bench bench(test::config(), Topic::kShipments);
  EXPECT_EQ(bench.process(test::shipment("s", kNewYear)), kCounted);
  bench.flush();
  ASSERT_EQ(bench.records.size(), 1u);
  EXPECT_EQ(bench.records[0].progress().watermark_micros(), kNewYear - kHour);
}

TEST(Source, TimesAtBothEndsOfTheCalendarDoNoHarm) {
  Bench bench;
  EXPECT_EQ(bench.process(invoice("first", kMinEventTime)), kCounted);
  EXPECT_EQ(bench.process(invoice("last", kMaxEventTime)), kCounted);
  EXPECT_EQ(bench.process(cancellation("last", kMaxEventTime)), kCounted);
  EXPECT_EQ(bench.pane("SG", kMinEventTime, "unknown")[Measure::kUnits], 1);  // no catalogue yet
  EXPECT_EQ(bench.units("SG", kMaxEventTime), 0);
}

}  // namespace
}  // namespace surgewatch::aggregate
