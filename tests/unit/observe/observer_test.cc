#include "observe/observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "support/hostile.h"
#include "support/shown.h"
#include "unit/aggregate/builders.h"

namespace surgewatch::observe {
namespace {

using test::kDay;
using test::kNewYear;

class Bench {
 public:
  explicit Bench(Topic topic = Topic::kInvoices)
      : observer_(topic, &index_, {.record_bytes = 2'000, .future_bound = kDay}) {}

  v1::RejectReason judge_bytes(const std::string& bytes, std::optional<Micros> timestamp = {}) {
    rejection = {};
    bytes_ = bytes;
    const bool good = observer_.observe(bytes_, timestamp, &event, &rejection);
    EXPECT_EQ(good, rejection.detail.empty());
    return good ? v1::REJECT_REASON_UNSPECIFIED : rejection.reason;
  }
  template <typename Message>
  v1::RejectReason judge(const Message& message, std::optional<Micros> timestamp = {}) {
    return judge_bytes(message.SerializeAsString(), timestamp);
  }
  // An invoice like the usual one but for `change`.
  v1::RejectReason judge_with(const std::function<void(v1::Invoice*)>& change) {
    v1::Invoice invoice = test::invoice("i", kNewYear);
    change(&invoice);
    return judge(invoice);
  }

  Observation event;
  Rejection rejection;

 private:
  std::shared_ptr<config::ReferenceTables> tables_ = test::reference_tables();
  ReferenceIndex index_{tables_.get()};
  Observer observer_;
  std::string bytes_;
};

constexpr auto kGood = v1::REJECT_REASON_UNSPECIFIED;

TEST(Observer, AUsualInvoiceIsTakenWithItsWorth) {
  Bench bench;
  ASSERT_EQ(bench.judge_with([](v1::Invoice* i) { i->mutable_lines(0)->set_quantity(2); }), kGood);
  EXPECT_EQ(bench.event.time, kNewYear);
  EXPECT_EQ(bench.event.effect, Effect::kAdd);
  ASSERT_EQ(bench.event.lines.size(), 1u);
  const MeasureValues& values = bench.event.lines[0].values;
  EXPECT_EQ(values[Measure::kUnits], 2);
  EXPECT_EQ(values[Measure::kChips], 2);
  EXPECT_EQ(values[Measure::kRevenueUsd], 60'000'000'000);
  EXPECT_EQ(values[Measure::kTpp], 2 * 15'824);
}

TEST(Observer, ARecordMayBeAsLongAsTheLimit) {
  Bench bench;
  const auto with_name = [](std::size_t length) {
    return [length](v1::Invoice* i) { i->mutable_bill_to()->set_name(std::string(length, 'n')); };
  };
  v1::Invoice invoice = test::invoice("i", kNewYear);
  with_name(1'000)(&invoice);
  const std::size_t rest = invoice.ByteSizeLong() - 1'000;
  EXPECT_EQ(bench.judge_with(with_name(2'000 - rest)), kGood);
  EXPECT_EQ(bench.judge_with(with_name(2'001 - rest)), v1::REJECT_REASON_TOO_LARGE);
}

// On both sides of the border, for each text that keys and documents are known by.
TEST(Observer, ATextMayBeAsLongAsTheLimit) {
  using I = v1::Invoice*;
  using S = v1::Shipment*;
  const auto set_id = [](v1::Party* party, const std::string& text) { party->set_party_id(text); };
  Bench invoices;
  const std::vector<std::pair<std::string, std::function<void(I, const std::string&)>>> of_invoice{
      {"invoice_id", [](I i, const std::string& text) { i->set_invoice_id(text); }},
      {"order_id", [](I i, const std::string& text) { i->set_order_id(text); }},
      {"seller.party_id", [&](I i, const std::string& t) { set_id(i->mutable_seller(), t); }},
      {"bill_to.party_id", [&](I i, const std::string& t) { set_id(i->mutable_bill_to(), t); }},
      {"ship_to.party_id", [&](I i, const std::string& t) { set_id(i->mutable_ship_to(), t); }},
      {"end_user.party_id", [&](I i, const std::string& t) { set_id(i->mutable_end_user(), t); }},
      {"payer.party_id", [&](I i, const std::string& t) { set_id(i->mutable_payer(), t); }},
      {"lines[0].sku", [](I i, const std::string& t) { i->mutable_lines(0)->set_sku(t); }}};
  for (const auto& [field, set] : of_invoice) {
    EXPECT_EQ(invoices.judge_with([&](I i) { set(i, std::string(256, 'x')); }), kGood) << field;
    EXPECT_EQ(invoices.judge_with([&](I i) { set(i, std::string(257, 'x')); }),
              v1::REJECT_REASON_TOO_LARGE);
    EXPECT_EQ(invoices.rejection.detail, field + " has 257 bytes, the limit is 256");
  }
  Bench shipments(Topic::kShipments);
  const std::vector<std::pair<std::string, std::function<void(S, const std::string&)>>> of_shipment{
      {"shipment_id", [](S s, const std::string& text) { s->set_shipment_id(text); }},
      {"order_id", [](S s, const std::string& text) { s->set_order_id(text); }},
      {"ship_from.party_id", [&](S s, const std::string& t) { set_id(s->mutable_ship_from(), t); }},
      {"ship_to.party_id", [&](S s, const std::string& t) { set_id(s->mutable_ship_to(), t); }},
      {"intermediate_consignee.party_id",
       [&](S s, const std::string& t) { set_id(s->mutable_intermediate_consignee(), t); }},
      {"end_user.party_id", [&](S s, const std::string& t) { set_id(s->mutable_end_user(), t); }},
      {"freight_forwarder.party_id",
       [&](S s, const std::string& t) { set_id(s->mutable_freight_forwarder(), t); }},
      {"lines[0].sku", [](S s, const std::string& t) { s->mutable_lines(0)->set_sku(t); }}};
  for (const auto& [field, set] : of_shipment) {
    v1::Shipment shipment = test::shipment("s", kNewYear);
    set(&shipment, std::string(256, 'x'));
    EXPECT_EQ(shipments.judge(shipment), kGood) << field;
    set(&shipment, std::string(257, 'x'));
    EXPECT_EQ(shipments.judge(shipment), v1::REJECT_REASON_TOO_LARGE);
    EXPECT_EQ(shipments.rejection.detail, field + " has 257 bytes, the limit is 256");
  }
}

// Nothing is kept by a name, nor looked up by it.
TEST(Observer, ANameMayBeLonger) {
  Bench bench;
  EXPECT_EQ(bench.judge_with(
                [](v1::Invoice* i) { i->mutable_bill_to()->set_name(std::string(1'000, 'n')); }),
            kGood);
}

TEST(Observer, WhatIsNotProtobufIsUndecodable) {
  Bench bench;
  EXPECT_EQ(bench.judge_bytes("random bytes"), v1::REJECT_REASON_UNDECODABLE);
  const std::string good = test::invoice("i", kNewYear).SerializeAsString();
  EXPECT_EQ(bench.judge_bytes(good.substr(0, good.size() - 1)), v1::REJECT_REASON_UNDECODABLE);
  EXPECT_EQ(bench.judge_bytes(std::string("\0\0\0\0\1", 5)), v1::REJECT_REASON_UNDECODABLE);
  EXPECT_EQ(bench.judge_bytes(std::string("\0\0\0\0\1\0", 6) + good), kGood);
}

TEST(Observer, TypesThatNobodyKnowsAreRejected) {
  Bench bench;
  const auto type = [&](int number) {
    return bench.judge_with(
        [number](v1::Invoice* i) { i->set_type(static_cast<v1::InvoiceType>(number)); });
  };
  EXPECT_EQ(type(0), kGood);
  EXPECT_EQ(bench.event.effect, Effect::kAdd);
  EXPECT_EQ(type(2), kGood);
  EXPECT_EQ(bench.event.effect, Effect::kSubtract);
  EXPECT_EQ(type(3), kGood);
  EXPECT_EQ(bench.event.effect, Effect::kCancel);
  EXPECT_EQ(type(4), v1::REJECT_REASON_UNKNOWN_TYPE);
  EXPECT_EQ(type(-1), v1::REJECT_REASON_UNKNOWN_TYPE);
}

TEST(Observer, WhatIsRequiredIsMissed) {
  Bench bench;
  using I = v1::Invoice*;
  EXPECT_EQ(bench.judge_with([](I i) { i->clear_invoice_id(); }), v1::REJECT_REASON_MISSING_ID);
  EXPECT_EQ(bench.judge_with([](I i) { i->clear_issue_time(); }), v1::REJECT_REASON_MISSING_TIME);
  EXPECT_EQ(bench.judge_with([](I i) { i->clear_order_id(); }), v1::REJECT_REASON_MISSING_ORDER_ID);
  EXPECT_EQ(bench.judge_with([](I i) { i->mutable_bill_to()->clear_country(); }),
            v1::REJECT_REASON_MISSING_COUNTRY);
  EXPECT_EQ(bench.judge_with([](I i) { i->clear_lines(); }), v1::REJECT_REASON_NO_LINES);
  EXPECT_EQ(bench.judge_with([](I i) { i->mutable_lines(0)->clear_sku(); }),
            v1::REJECT_REASON_MISSING_SKU);
}

TEST(Observer, AShipmentNeedsWhereItGoes) {
  Bench bench(Topic::kShipments);
  v1::Shipment shipment = test::shipment("s", kNewYear);
  EXPECT_EQ(bench.judge(shipment), kGood);
  shipment.mutable_ship_to()->clear_country();
  EXPECT_EQ(bench.judge(shipment), v1::REJECT_REASON_MISSING_COUNTRY);
  EXPECT_EQ(bench.rejection.detail, "ship_to.country is empty");
}

TEST(Observer, TimesAreWithinTheirCalendar) {
  Bench bench;
  const auto time = [&](std::int64_t seconds, int nanos) {
    return bench.judge_with([=](v1::Invoice* i) {
      i->mutable_issue_time()->set_seconds(seconds);
      i->mutable_issue_time()->set_nanos(nanos);
    });
  };
  EXPECT_EQ(time(-58'979'923'200, 0), kGood);
  EXPECT_EQ(time(-58'979'923'201, 0), v1::REJECT_REASON_INVALID_TIME);
  EXPECT_EQ(time(250'246'627'199, 999'999'999), kGood);
  EXPECT_EQ(time(250'246'627'200, 0), v1::REJECT_REASON_INVALID_TIME);
  EXPECT_EQ(time(0, -1), v1::REJECT_REASON_INVALID_TIME);
  EXPECT_EQ(time(INT64_MAX, INT32_MAX), v1::REJECT_REASON_INVALID_TIME);
}

TEST(Observer, EveryCountryThatIsGivenMustBeKnown) {
  Bench bench;
  const auto country = [&](const std::string& iso2) {
    return bench.judge_with([&](v1::Invoice* i) { i->mutable_bill_to()->set_country(iso2); });
  };
  EXPECT_EQ(country("ZZ"), kGood);
  for (const char* unknown : {"XX", "sg", "S", "SGP", "S\x01"}) {
    EXPECT_EQ(country(unknown), v1::REJECT_REASON_UNKNOWN_COUNTRY) << unknown;
  }
  EXPECT_EQ(bench.judge_with([](v1::Invoice* i) { i->mutable_payer()->set_country("XX"); }),
            v1::REJECT_REASON_UNKNOWN_COUNTRY);
  EXPECT_EQ(bench.rejection.detail, "payer.country is 'XX'");
  EXPECT_EQ(bench.judge_with([](v1::Invoice* i) { i->mutable_seller()->set_parent_country("XX"); }),
            v1::REJECT_REASON_UNKNOWN_COUNTRY);
  EXPECT_EQ(bench.judge_with([](v1::Invoice* i) { i->mutable_seller()->set_parent_country("DE"); }),
            kGood);
}

TEST(Observer, ALongTextIsCutBetweenCharacters) {
  Bench bench;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "Ä";  // two bytes each; the limit of 64 falls between
  bench.judge_with([&](v1::Invoice* i) { i->mutable_payer()->set_country("x" + text); });
  EXPECT_EQ(bench.rejection.detail, "payer.country is 'x" + text.substr(0, 58) + "\\…'");
}

TEST(Observer, DetailsShowWhatAProducerWroteAndAreOneLine) {
  Bench bench;
  for (const test::Hostile& hostile : test::hostile_texts()) {
    const bool is_read = hostile.is_utf8 && !hostile.text.empty() && hostile.text.size() < 1'000;
    if (!is_read) continue;
    SCOPED_TRACE(hostile.what);
    bench.judge_with([&](v1::Invoice* i) { i->mutable_payer()->set_country(hostile.text); });
    EXPECT_EQ(bench.rejection.detail, "payer.country is '" + printable(hostile.text, 64) + "'");
    EXPECT_THAT(bench.rejection.detail, test::IsSafeToShow());
    bench.judge_with([&](v1::Invoice* i) {
      i->mutable_lines(0)->mutable_unit_price()->set_currency_code(hostile.text);
    });
    EXPECT_THAT(bench.rejection.detail, ::testing::HasSubstr("currency_code is '"));
    EXPECT_THAT(bench.rejection.detail, test::IsSafeToShow());
  }
}

TEST(Observer, QuantitiesAreAboveZero) {
  Bench bench;
  const auto quantity = [&](std::int64_t n) {
    return bench.judge_with([n](v1::Invoice* i) { i->mutable_lines(0)->set_quantity(n); });
  };
  EXPECT_EQ(quantity(1), kGood);
  EXPECT_EQ(quantity(0), v1::REJECT_REASON_INVALID_QUANTITY);
  EXPECT_EQ(quantity(-1), v1::REJECT_REASON_INVALID_QUANTITY);
}

TEST(Observer, PricesAreValidAndNotNegative) {
  Bench bench;
  const auto price = [&](std::int64_t units, int nanos) {
    return bench.judge_with([=](v1::Invoice* i) {
      i->mutable_lines(0)->mutable_unit_price()->set_units(units);
      i->mutable_lines(0)->mutable_unit_price()->set_nanos(nanos);
    });
  };
  EXPECT_EQ(price(0, 0), kGood);
  EXPECT_EQ(price(0, 999'999'999), kGood);
  EXPECT_EQ(price(0, 1'000'000'000), v1::REJECT_REASON_INVALID_MONEY);
  EXPECT_EQ(price(1, -1), v1::REJECT_REASON_INVALID_MONEY);
  EXPECT_EQ(price(0, -1), v1::REJECT_REASON_INVALID_MONEY);
  EXPECT_EQ(price(-1, 0), v1::REJECT_REASON_INVALID_MONEY);
}

TEST(Observer, ALineWithoutAPriceIsWorthNothing) {
  Bench bench;
  EXPECT_EQ(bench.judge_with([](v1::Invoice* i) { i->mutable_lines(0)->clear_unit_price(); }),
            kGood);
  EXPECT_EQ(bench.event.lines[0].values[Measure::kRevenueUsd], 0);
  EXPECT_EQ(bench.event.lines[0].values[Measure::kUnits], 1);
}

TEST(Observer, ARateIsTheOneOfTheEventsDate) {
  Bench bench;
  const auto at = [&](Micros time, const char* currency) {
    v1::Invoice invoice = test::invoice("i", time);
    invoice.mutable_lines(0)->mutable_unit_price()->set_currency_code(currency);
    invoice.mutable_lines(0)->mutable_unit_price()->set_units(100);
    return bench.judge(invoice);
  };
  EXPECT_EQ(at(kNewYear - 1, "EUR"), kGood);
  EXPECT_EQ(bench.event.lines[0].values[Measure::kRevenueUsd], 108'000'000);
  EXPECT_EQ(at(kNewYear, "EUR"), kGood);
  EXPECT_EQ(bench.event.lines[0].values[Measure::kRevenueUsd], 110'000'000);
  EXPECT_EQ(at(kNewYear - 1, "JPY"), v1::REJECT_REASON_UNKNOWN_CURRENCY);
  EXPECT_EQ(at(kNewYear, "JPY"), kGood);
  EXPECT_EQ(at(kNewYear, "GBP"), v1::REJECT_REASON_UNKNOWN_CURRENCY);
  EXPECT_EQ(at(kNewYear, ""), v1::REJECT_REASON_UNKNOWN_CURRENCY);
  EXPECT_EQ(at(kMinEventTime, "USD"), kGood);
}

TEST(Observer, AProductIsTheOneOfTheEventsDate) {
  Bench bench;
  const auto at = [&](Micros time, const char* sku) {
    v1::Invoice invoice = test::invoice("i", time);
    invoice.mutable_lines(0)->set_sku(sku);
    EXPECT_EQ(bench.judge(invoice), kGood);
    return bench.event.lines[0];
  };
  EXPECT_EQ(at(kNewYear - 1, "B200").product, kUnknownProduct);
  EXPECT_EQ(at(kNewYear - 1, "B200").values[Measure::kTpp], 0);
  EXPECT_EQ(at(kNewYear, "B200").values[Measure::kTpp], 36'000);
  EXPECT_EQ(at(kNewYear - 1, "MI308X").values[Measure::kTpp], 0);  // not known
  EXPECT_EQ(at(kNewYear, "MI308X").values[Measure::kTpp], 200);
  EXPECT_EQ(at(kNewYear, "DGX-H100").values[Measure::kChips], 8);
  EXPECT_EQ(at(kNewYear, "no such thing").product, kUnknownProduct);
  EXPECT_EQ(at(kNewYear, "no such thing").values[Measure::kChips], 1);
}

TEST(Observer, SumsThatDoNotFitAreOutOfRange) {
  Bench bench;
  const auto quantities = [&](const char* sku, std::int64_t first, std::int64_t second) {
    return bench.judge_with([=](v1::Invoice* i) {
      i->clear_lines();
      for (const std::int64_t quantity : {first, second}) {
        if (quantity != 0) test::add_line(i, sku, quantity, 0);
      }
    });
  };
  EXPECT_EQ(quantities("unknown", INT64_MAX, 0), kGood);
  EXPECT_EQ(quantities("unknown", INT64_MAX - 1, 1), kGood);
  EXPECT_EQ(quantities("unknown", INT64_MAX, 1), v1::REJECT_REASON_OUT_OF_RANGE);
  EXPECT_EQ(quantities("H100", INT64_MAX / 15'824, 0), kGood);
  EXPECT_EQ(quantities("H100", INT64_MAX / 15'824 + 1, 0), v1::REJECT_REASON_OUT_OF_RANGE);
  EXPECT_EQ(bench.judge_with([](v1::Invoice* i) {
    i->mutable_lines(0)->mutable_unit_price()->set_units(INT64_MAX);
  }),
            v1::REJECT_REASON_OUT_OF_RANGE);
}

TEST(Observer, TheFutureBeginsAfterTheBound) {
  Bench bench;
  const v1::Invoice invoice = test::invoice("i", kNewYear);
  EXPECT_EQ(bench.judge(invoice, kNewYear - kDay), kGood);
  EXPECT_EQ(bench.judge(invoice, kNewYear - kDay - 1), v1::REJECT_REASON_FUTURE_TIME);
  EXPECT_EQ(bench.judge(invoice, INT64_MIN), v1::REJECT_REASON_FUTURE_TIME);
  EXPECT_EQ(bench.judge(invoice, INT64_MAX), kGood);
  EXPECT_EQ(bench.judge(test::invoice("i", kMaxEventTime)), kGood);  // a file: no bound
}

TEST(Observer, ACancellationNeedsNeitherLinesNorCountry) {
  Bench bench;
  v1::Invoice invoice = test::cancellation("i", kNewYear);
  EXPECT_EQ(bench.judge(invoice), kGood);
  invoice.mutable_bill_to()->set_country("XX");
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_UNKNOWN_COUNTRY);
  invoice.mutable_bill_to()->clear_country();
  test::add_line(&invoice, "H100", 0, 1);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_INVALID_QUANTITY);
  invoice.clear_lines();
  invoice.clear_order_id();
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_MISSING_ORDER_ID);
}

// An invoice with every fault; each mended in turn lets the next one through.
TEST(Observer, OfSeveralFaultsTheFirstInOrderIsTold) {
  Bench bench;
  v1::Invoice invoice;
  invoice.set_type(static_cast<v1::InvoiceType>(9));
  invoice.mutable_payer()->set_country("XX");
  const std::string too_long(257, 'x');
  invoice.mutable_payer()->set_party_id(too_long);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_UNKNOWN_TYPE);
  invoice.set_type(v1::INVOICE_TYPE_INVOICE);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_MISSING_ID);
  invoice.set_invoice_id(too_long);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_TOO_LARGE);
  invoice.set_invoice_id("i");
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_MISSING_TIME);
  invoice.mutable_issue_time()->set_nanos(-1);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_INVALID_TIME);
  test::set_time(kNewYear, invoice.mutable_issue_time());
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_MISSING_ORDER_ID);
  invoice.set_order_id(too_long);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_TOO_LARGE);
  invoice.set_order_id("o");
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_MISSING_COUNTRY);
  invoice.mutable_bill_to()->set_country("SG");
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_TOO_LARGE);
  invoice.mutable_payer()->set_party_id("p");
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_UNKNOWN_COUNTRY);
  invoice.clear_payer();
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_NO_LINES);
  v1::InvoiceLine* line = invoice.add_lines();
  line->mutable_unit_price()->set_units(-1);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_MISSING_SKU);
  line->set_sku(too_long);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_TOO_LARGE);
  line->set_sku("H100");
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_INVALID_QUANTITY);
  line->set_quantity(INT64_MAX);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_INVALID_MONEY);
  line->mutable_unit_price()->set_units(1);
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_UNKNOWN_CURRENCY);
  line->mutable_unit_price()->set_currency_code("USD");
  EXPECT_EQ(bench.judge(invoice), v1::REJECT_REASON_OUT_OF_RANGE);
  line->set_quantity(1);
  EXPECT_EQ(bench.judge(invoice, kNewYear - 2 * kDay), v1::REJECT_REASON_FUTURE_TIME);
  EXPECT_EQ(bench.judge(invoice, kNewYear), kGood);
}

}  // namespace
}  // namespace surgewatch::observe
