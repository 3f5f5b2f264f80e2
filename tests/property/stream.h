// A stream of events, flushes among them, through three sources and into the journal's merger,
// beside the sequential reference: every disposition, every count, every pane after merging. What
// comes next is chosen by random numbers (source_property_test) or by a fuzzer (core_fuzz).
//
// Differences are gtest's failures.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/source.h"
#include "base/proto_json.h"
#include "journal/merger.h"
#include "property/merge.h"
#include "property/reference.h"
#include "unit/aggregate/builders.h"
#include "unit/aggregate/one_by_one.h"

namespace surgewatch::property {

// Choices: `pick(low, high)` answers a number of [low, high], `has_more()` whether there is more to
// choose by.
template <typename Choices>
class Stream {
 public:
  // With outliers one event in so many is dated far ahead.
  Stream(Choices choices, bool has_outliers)
      : choices_(std::move(choices)), has_outliers_(has_outliers), config_(random_config()) {
    const auto forgetful = std::make_shared<config::Config>(*config_);
    forgetful->limits.document_memory = kFewDocuments;
    for (const SourceId id : {SourceId{Topic::kInvoices, 0}, SourceId{Topic::kInvoices, 1},
                              SourceId{Topic::kShipments, 0}}) {
      sources_.push_back({std::make_unique<aggregate::Source>(id, config_),
                          std::make_unique<Reference>(id.topic, *config_),
                          {std::make_unique<aggregate::Source>(id, forgetful),
                           std::make_unique<aggregate::Source>(id, forgetful)}});
    }
    now_ = test::kNewYear - pick(0, 3) * test::kDay;
  }

  void run(int events) {
    for (int i = 0; i < events && choices_.has_more() && !testing::Test::HasFailure(); ++i) step(i);
    finish();
  }

  std::array<std::uint64_t, 5> dispositions{};
  std::uint64_t corrections = 0, unverifiable = 0, over_key_limit = 0, behind_the_ring = 0,
                keys_left = 0, exact_largest = 0, bounded_largest = 0, held_back = 0, forgotten = 0;

 private:
  // Bytes: two chunks of records and a little.
  static constexpr std::int64_t kFewDocuments = 140'000;

  struct Pair {
    std::unique_ptr<aggregate::Source> source;
    std::unique_ptr<Reference> reference;
    // Two alike with hardly any memory for documents.
    std::array<std::unique_ptr<aggregate::Source>, 2> forgetful;
    std::int64_t offset = 0;
  };

  std::int64_t pick(std::int64_t low, std::int64_t high) { return choices_.pick(low, high); }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  template <typename T, std::size_t N>
  const T& one_of(const std::array<T, N>& from) {
    return from[static_cast<std::size_t>(pick(0, N - 1))];
  }

  std::shared_ptr<const config::Config> random_config() {
    auto config = test::config();
    config::EventTimeBounds& bounds = config->event_time;
    bounds.out_of_orderness = one_of(std::array{Micros{0}, test::kHour, 5 * test::kHour});
    bounds.allowed_lateness = one_of(std::array{Micros{0}, test::kHour, 2 * test::kDay});
    bounds.correction_horizon =
        one_of(std::array{Micros{0}, test::kDay, 10 * test::kDay, 120 * test::kDay});
    if (has_outliers_) bounds.outliers = one_of(std::array{1, 2, 5, 30});
    config->limits.keys_per_series = one_of(std::array<std::int64_t, 3>{2, 5, 1'000});
    auto hourly =
        test::series("hourly", Topic::kInvoices,
                     {config::Dimension::kSellerId, config::Dimension::kSku}, 7 * test::kHour);
    hourly.where = {{config::Dimension::kFamily, {}, {"Hopper"}},
                    {config::Dimension::kBillToId, {}, {"evil"}},
                    {config::Dimension::kBillTo, {"SG", "CN", "ZZ"}, {}}};
    auto total = test::series("total", Topic::kInvoices, {}, 60 * kMicrosPerSecond);
    total.where = {{config::Dimension::kSku, {"H100", "NEW-1", "NEW-2", "B200"}, {}}};
    auto shipped = test::series("shipped", Topic::kShipments,
                                {config::Dimension::kShipTo, config::Dimension::kFreightForwarderId,
                                 config::Dimension::kControlClass, config::Dimension::kShipFrom});
    auto by_way = test::series(
        "by_way", Topic::kShipments,
        {config::Dimension::kIntermediateConsignee, config::Dimension::kIntermediateConsigneeId});
    auto paid = test::series("paid", Topic::kInvoices,
                             {config::Dimension::kPayer, config::Dimension::kPayerId});
    config->series.insert(config->series.end(), {hourly, total, shipped, by_way, paid});
    for (config::Series& series : config->series) {
      if (series.event == Topic::kInvoices) series.largest_document = Measure::kRevenueUsd;
    }
    return config;
  }

  // Around now, mostly ahead; sometimes far off.
  Micros random_time() {
    if (has_outliers_ && chance(3)) {
      return chance(5)    ? kMaxEventTime - pick(0, test::kDay)
             : chance(50) ? now_ + pick(0, 3 * test::kDay)
                          : now_ + pick(0, 400 * test::kDay);
    }
    if (chance(70)) now_ += pick(0, 2 * test::kHour);
    if (chance(2)) now_ += pick(0, 30 * test::kDay);
    return now_ - (chance(30)   ? pick(0, 3 * test::kDay)
                   : chance(10) ? pick(0, 40 * test::kDay)
                                : 0);
  }

  void random_party(v1::Party* party, bool required) {
    if (required || chance(70)) {
      party->set_country(one_of(std::array<std::string, 5>{"SG", "US", "CN", "ZZ", "MY"}));
    }
    party->set_party_id(one_of(std::array<std::string, 5>{"", "acme", "evil", "other", "SG"}));
  }

  std::string random_sku() {
    return one_of(std::array<std::string, 7>{"H100", "DGX-H100", "B200", "MI308X", "NEW-1", "NEW-2",
                                             "other"});
  }

  v1::Invoice random_invoice() {
    v1::Invoice invoice;
    invoice.set_invoice_id("i" + std::to_string(pick(0, 60)));
    invoice.set_revision(static_cast<int>(chance(60) ? 1 : pick(0, 4)));
    invoice.set_type(
        chance(15) ? v1::INVOICE_TYPE_CANCELLATION
                   : one_of(std::array{v1::INVOICE_TYPE_UNSPECIFIED, v1::INVOICE_TYPE_INVOICE,
                                       v1::INVOICE_TYPE_INVOICE, v1::INVOICE_TYPE_CREDIT_NOTE}));
    invoice.set_order_id("o");
    test::set_time(random_time(), invoice.mutable_issue_time());
    const bool cancels = invoice.type() == v1::INVOICE_TYPE_CANCELLATION;
    random_party(invoice.mutable_bill_to(), !cancels);
    if (chance(50)) random_party(invoice.mutable_seller(), false);
    for (std::int64_t n = cancels ? pick(0, 1) : chance(5) ? pick(1, 40) : pick(1, 3); n > 0; --n) {
      v1::InvoiceLine* line = invoice.add_lines();
      line->set_sku(random_sku());
      line->set_quantity(pick(1, 1'000));
      if (chance(10)) continue;
      v1::Money* price = line->mutable_unit_price();
      const bool after = micros_of(invoice.issue_time()) >= test::kNewYear;
      price->set_currency_code(chance(50) ? "USD" : chance(50) && after ? "JPY" : "EUR");
      price->set_units(pick(0, 40'000));
      if (chance(50)) price->set_nanos(static_cast<int>(pick(0, 1'999)) * 500'000);
    }
    return invoice;
  }

  v1::Shipment random_shipment() {
    v1::Shipment shipment;
    shipment.set_shipment_id("s" + std::to_string(pick(0, 60)));
    shipment.set_revision(static_cast<int>(chance(60) ? 1 : pick(0, 4)));
    shipment.set_type(static_cast<v1::ShipmentType>(chance(70) ? pick(0, 1) : pick(2, 3)));
    shipment.set_order_id("o");
    test::set_time(random_time(), shipment.mutable_despatch_time());
    random_party(shipment.mutable_ship_to(), true);
    if (chance(50)) random_party(shipment.mutable_freight_forwarder(), false);
    if (chance(50)) random_party(shipment.mutable_intermediate_consignee(), false);
    if (chance(50)) random_party(shipment.mutable_ship_from(), false);
    for (std::int64_t n = pick(1, 3); n > 0; --n) {
      v1::ShipmentLine* line = shipment.add_lines();
      line->set_sku(random_sku());
      line->set_quantity(pick(1, 1'000));
    }
    return shipment;
  }

  void step(int number) {
    Pair& pair = sources_[static_cast<std::size_t>(pick(0, 2))];
    if (pair.source->id().topic == Topic::kInvoices) {
      const v1::Invoice invoice = random_invoice();
      process(pair, event_of(invoice), invoice.SerializeAsString(), number);
    } else {
      const v1::Shipment shipment = random_shipment();
      process(pair, event_of(shipment), shipment.SerializeAsString(), number);
    }
    if (chance(5)) flush(sources_[static_cast<std::size_t>(pick(0, 2))]);
  }

  void process(Pair& pair, const Event& event, const std::string& payload, int number) {
    const auto outcome =
        test::process_one(*pair.source, {.offset = pair.offset, .payload = payload});
    for (const auto& source : pair.forgetful) {
      (void)test::process_one(*source, {.offset = pair.offset, .payload = payload});
    }
    pair.offset += pick(1, 3);  // logs have gaps
    const auto expected = pair.reference->process(event);
    ++dispositions[static_cast<std::size_t>(expected)];
    held_back += pair.reference->held_back();
    ASSERT_EQ(static_cast<int>(outcome.disposition), static_cast<int>(expected))
        << "event " << number << ": " << outcome.detail;
  }

  void flush(Pair& pair) {
    std::vector<v1::JournalRecord> records;
    pair.source->flush(&records);
    apply(records);
    pair.source->recycle(&records);
    pair.source->flush(&records);
    EXPECT_TRUE(records.empty()) << "nothing has happened since";
  }

  void finish() {
    Panes expected;
    for (Pair& pair : sources_) {
      std::vector<v1::JournalRecord> records;
      pair.source->finish(&records);
      apply(records);
      for (const auto& [key, amount] : pair.reference->largest_revenues()) {
        largest_[key] = std::max(largest_[key], amount);
      }
      for (const auto& [key, values] : pair.reference->panes()) expected[key].add(values);
      compare_stats(pair);
      compare_forgetful(pair);
    }
    for (auto it = expected.begin(); it != expected.end();) {
      it = it->second.is_zero() ? expected.erase(it) : std::next(it);
    }
    EXPECT_TRUE(merge_.panes() == expected);
    behind_the_ring += merge_.corrections;
    compare_largest(expected);
  }

  void apply(const std::vector<v1::JournalRecord>& records) {
    for (const auto& record : records) {
      merge_.apply(record);
      merger_->apply(record);
    }
  }

  // What is forgotten for want of memory is a function of the prefix, every event has one end, and
  // as long as nothing was forgotten nothing is otherwise.
  void compare_forgetful(const Pair& pair) {
    std::array<std::string, 2> said;
    for (std::size_t i = 0; i < said.size(); ++i) {
      std::vector<v1::JournalRecord> records;
      pair.forgetful[i]->finish(&records);
      for (const v1::JournalRecord& record : records) said[i] += to_bytes(record);
    }
    EXPECT_TRUE(said[0] == said[1]);
    const aggregate::SourceStats few = pair.forgetful[0]->stats(), all = pair.source->stats();
    EXPECT_EQ(few.consumed, few.counted + few.duplicate + few.superseded + few.late);
    EXPECT_EQ(few.watermark, all.watermark);
    EXPECT_EQ(few.late, all.late);
    if (few.documents_forgotten == 0) {
      EXPECT_EQ(few.counted, all.counted);
      EXPECT_EQ(few.corrections, all.corrections);
      EXPECT_EQ(few.unverifiable, all.unverifiable);
    }
    forgotten += few.documents_forgotten;
  }

  // Exact is exact, and a bound is one.
  void compare_largest(const Panes& panes) {
    for (std::size_t series = 0; series < config_->series.size(); ++series) {
      if (!config_->series[series].largest_document) continue;
      for (std::size_t k = 0; k < merger_->key_end(series); ++k) {
        const auto key = static_cast<journal::KeyId>(k);
        for (const auto& [pane, values] : panes) {
          const auto& [name, names, index] = pane;
          if (name != config_->series[series].name || names != merger_->key(series, key)) continue;
          const Largest largest = merger_->largest(series, key, index, index);
          const auto found = largest_.find(pane);
          const std::int64_t truth = found == largest_.end() ? 0 : found->second;
          if (largest.is_exact()) {
            EXPECT_EQ(largest.known, truth);
          } else {
            EXPECT_GE(largest.bound, truth);
          }
          ++(largest.is_exact() ? exact_largest : bounded_largest);
        }
      }
    }
  }

  void compare_stats(const Pair& pair) {
    const aggregate::SourceStats stats = pair.source->stats();
    const Reference& reference = *pair.reference;
    EXPECT_EQ(stats.watermark, reference.watermark);
    EXPECT_EQ(stats.counted, reference.dispositions[0]);
    EXPECT_EQ(stats.duplicate, reference.dispositions[1]);
    EXPECT_EQ(stats.superseded, reference.dispositions[2]);
    EXPECT_EQ(stats.late, reference.dispositions[3]);
    EXPECT_EQ(stats.rejected, 0u);
    EXPECT_EQ(stats.consumed, stats.counted + stats.duplicate + stats.superseded + stats.late);
    EXPECT_EQ(stats.corrections, reference.corrections);
    EXPECT_EQ(stats.unverifiable, reference.unverifiable);
    EXPECT_EQ(stats.unknown_sku_lines, reference.unknown_sku_lines);
    EXPECT_EQ(stats.over_key_limit, reference.over_key_limit);
    EXPECT_EQ(stats.overflows, 0u);
    EXPECT_EQ(stats.outliers, reference.held_back());
    corrections += stats.corrections;
    unverifiable += stats.unverifiable;
    over_key_limit += stats.over_key_limit;
    keys_left += reference.keys_left;
  }

  Choices choices_;
  bool has_outliers_;
  std::shared_ptr<const config::Config> config_;
  std::vector<Pair> sources_;
  Micros now_ = 0;
  Merge merge_;
  std::unique_ptr<journal::Merger> merger_ = std::make_unique<journal::Merger>(config_);
  std::map<PaneKey, std::int64_t> largest_;  // what it must be
};

}  // namespace surgewatch::property
