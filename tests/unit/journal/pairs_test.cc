// What the journal says of pairs: whose word stands, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "journal/merger.h"
#include "support/findings_series.h"
#include "unit/journal/records.h"

namespace surgewatch::journal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr SourceId kPair{Topic::kOrders, 0};
constexpr PaneIndex kDay = 19'723;

class Pairs : public testing::Test {
 protected:
  Pairs() {
    auto config = std::make_shared<config::Config>();
    config->series = {test::findings_series("diverted", 7)};
    config_ = config;
    merger_ = std::make_unique<Merger>(config_);
    merger_->apply(test::topology(1, 1), offset_++);
  }

  // A new owner: his epoch.
  std::int64_t own(const std::string& generation = "g") {
    v1::JournalRecord record = test::of(kPair);
    record.mutable_ownership()->set_generation(generation);
    v1::SeriesRef* ref = record.mutable_ownership()->add_series();
    ref->set_name("diverted");
    ref->set_definition(7);
    merger_->apply(record, offset_++);
    return offset_ - 1;
  }
  // By whom of one group, that he has read so far, and that the pane holds so many units.
  static v1::JournalRecord pane(std::int64_t stamp, std::int64_t units) {
    v1::JournalRecord record = test::of(kPair);
    v1::PaneBatch* batch = record.mutable_panes();
    batch->set_next_offset(stamp);
    add_series(batch);
    v1::PaneUpdate* update = batch->add_updates();
    add_key(update);
    update->set_pane_index(kDay);
    update->mutable_measures()->set_units(units);
    return record;
  }
  static v1::JournalRecord finding(const std::string& order, bool holds, std::int64_t stamp) {
    v1::JournalRecord record = test::of(kPair);
    v1::FindingBatch* batch = record.mutable_findings();
    batch->set_next_offset(stamp);
    add_series(batch);
    v1::OrderFinding* said = batch->add_findings();
    add_key(said);
    said->set_order_id(order);
    said->set_first_time_micros(kDay * kMicrosPerDay);
    said->set_holds(holds);
    return record;
  }
  static v1::JournalRecord progress(std::int64_t invoices, std::int64_t shipments) {
    v1::JournalRecord record = test::of(kPair);
    record.mutable_progress()->set_next_offset(invoices + shipments);
    record.mutable_progress()->mutable_pair()->set_invoices_next_offset(invoices);
    record.mutable_progress()->mutable_pair()->set_shipments_next_offset(shipments);
    return record;
  }
  std::size_t say(std::int64_t epoch, v1::JournalRecord record) {
    record.set_epoch(epoch);
    return merger_->apply(record, offset_++).size();
  }
  std::int64_t units() const {
    std::int64_t units = 0;
    for (std::size_t key = 0; key < merger_->key_end(0); ++key) {
      merger_->visit(0, static_cast<KeyId>(key), kDay, kDay,
                     [&](const PaneLog::Entry& entry) { units += entry.values[Measure::kUnits]; });
    }
    return units;
  }
  std::vector<std::string> orders() const {
    std::vector<std::string> orders;
    merger_->visit_findings(0, kDay, kDay,
                            [&](const OrderFinding& one) { orders.push_back(one.order_id); });
    return orders;
  }

  template <typename Batch>
  static void add_series(Batch* batch) {
    v1::SeriesRef* ref = batch->add_series();
    ref->set_name("diverted");
    ref->set_definition(7);
  }
  template <typename Entry>
  static void add_key(Entry* entry) {
    for (const char* value : {"SG", "MY", "CN", "Hopper", "H100", "3A090.a", "", ""}) {
      entry->add_key(value);
    }
  }

  std::shared_ptr<const config::Config> config_;
  std::unique_ptr<Merger> merger_;
  std::int64_t offset_ = 0;
};

TEST_F(Pairs, ANewOwnersWordStandsOnceItReflectsAllThatTheOldOnesDid) {
  const std::int64_t first = own();
  EXPECT_EQ(say(first, pane(170, 40)), 1u);
  say(first, finding("a", true, 170));
  say(first, progress(80, 90));
  EXPECT_EQ(units(), 40);
  EXPECT_THAT(orders(), ElementsAre("a"));

  const std::int64_t second = own();
  EXPECT_EQ(say(second, pane(150, 7)), 0u);
  say(second, finding("b", true, 150));
  EXPECT_EQ(say(second, progress(100, 50)), 0u) << "further in one half, behind in the other";
  EXPECT_EQ(units(), 40);
  EXPECT_THAT(orders(), ElementsAre("a"));
  EXPECT_EQ(say(second, pane(190, 35)), 0u);
  EXPECT_EQ(say(second, progress(100, 90)), 1u);
  EXPECT_EQ(units(), 35);
  EXPECT_THAT(orders(), ElementsAre("b"));
  // From then on what he says counts at once.
  EXPECT_EQ(say(second, pane(191, 36)), 1u);
  EXPECT_EQ(units(), 36);
}

TEST_F(Pairs, WhatANewOwnerDoesNotSayAnyMoreIsGone) {
  const std::int64_t first = own();
  say(first, pane(2, 40));
  say(first, progress(1, 1));
  const std::int64_t second = own();
  EXPECT_EQ(say(second, progress(1, 1)), 1u);
  EXPECT_EQ(units(), 0);
}

TEST_F(Pairs, WhoIsFollowedBeforeHeHadComeSoFarLeavesNothing) {
  const std::int64_t first = own();
  say(first, pane(20, 40));
  say(first, progress(10, 10));
  const std::int64_t second = own();
  say(second, pane(5, 1'000));
  say(second, progress(5, 0));
  const std::int64_t third = own();
  say(third, pane(30, 41));
  EXPECT_EQ(units(), 40);
  say(third, progress(10, 20));
  EXPECT_EQ(units(), 41);
  EXPECT_EQ(say(second, pane(99, 1)), 0u) << "he has been followed";
  EXPECT_EQ(units(), 41);
}

TEST_F(Pairs, HoldNoWindowOpenAndAreReadByBothTopics) {
  const std::int64_t owner = own();
  say(owner, progress(1, 1));
  EXPECT_EQ(merger_->watermark(0), std::nullopt);
  for (const Topic topic : kInputTopics) {
    merger_->apply(
        test::progress({topic, 0}, 1, (kDay + (topic == Topic::kInvoices ? 3 : 5)) * kMicrosPerDay),
        offset_++);
  }
  // Files, which have no owners, can't be told of where somebody has one.
  EXPECT_EQ(merger_->watermark(0), std::nullopt);
  std::vector<std::int64_t> epochs;
  for (const Topic topic : kInputTopics) {
    v1::JournalRecord claim = test::of({topic, 0});
    claim.mutable_ownership()->set_generation("g");
    merger_->apply(claim, offset_++);
    epochs.push_back(offset_ - 1);
    v1::JournalRecord said =
        test::progress({topic, 0}, 1, (kDay + (topic == Topic::kInvoices ? 3 : 5)) * kMicrosPerDay);
    said.set_epoch(epochs.back());
    merger_->apply(said, offset_++);
  }
  EXPECT_EQ(merger_->watermark(0), (kDay + 3) * kMicrosPerDay) << "the lesser of the two";
}

TEST_F(Pairs, RefuseWhatNoOwnerOfOneSays) {
  const std::int64_t owner = own();
  say(owner, progress(1, 1));
  const auto refused = [&](v1::JournalRecord record) {
    say(owner, std::move(record));
    return std::vector<Refused>(merger_->refused().begin(), merger_->refused().end());
  };
  v1::JournalRecord correction = pane(3, 1);
  v1::PaneCorrection* entry = correction.mutable_panes()->add_corrections();
  correction.mutable_panes()->clear_updates();
  add_key(entry);
  entry->set_pane_index(kDay);
  entry->set_offset(1);
  EXPECT_THAT(refused(correction), SizeIs(1));

  v1::JournalRecord named = finding("a", true, 3);
  named.mutable_findings()->mutable_findings(0)->set_order_id(std::string(5'000, 'x'));
  EXPECT_THAT(refused(named), SizeIs(1));
  named = finding("a", true, 3);
  for (int i = 0; i < 17; ++i) named.mutable_findings()->mutable_findings(0)->add_documents("d");
  EXPECT_THAT(refused(named), SizeIs(1));
  named = finding("a", true, 3);
  named.mutable_findings()->mutable_findings(0)->clear_key();
  EXPECT_THAT(refused(named), SizeIs(1));
  named = finding("a", true, 3);
  named.mutable_findings()->mutable_findings(0)->set_first_time_micros(INT64_MAX);
  EXPECT_THAT(refused(named), SizeIs(1));
  named = finding("a", true, 3);
  named.mutable_findings()->mutable_findings(0)->set_series(4);
  EXPECT_THAT(refused(named), SizeIs(1));
  v1::JournalRecord beyond = progress(1, 1);
  beyond.mutable_source()->set_partition(1);
  EXPECT_THAT(refused(beyond), SizeIs(1)) << "neither topic has it";
  v1::JournalRecord impossible = progress(1, 1);
  impossible.mutable_progress()->mutable_pair()->set_shipments_next_offset(-1);
  EXPECT_THAT(refused(impossible), SizeIs(1));
  EXPECT_THAT(orders(), IsEmpty());
}

}  // namespace
}  // namespace surgewatch::journal
