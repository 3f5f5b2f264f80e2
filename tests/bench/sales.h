// A topic of sales for benchmarks and for the gate on instruction counts: the invoices that the
// comparison with other systems reads. About 133 bytes each, one line, keys by (country, SKU), in
// the order of event time but for one in ten, which is up to three minutes late.
//
// The same arguments give the same bytes.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "aggregate/source.h"
#include "base/time.h"
#include "config/config.h"
#include "unit/aggregate/builders.h"

namespace surgewatch::bench {

inline constexpr Micros kStart = 19'723 * kMicrosPerDay;  // 2024-01-01
inline constexpr Micros kMinute = 60 * kMicrosPerSecond;

struct Sales {
  // As in tests/bench/peers: 384 keys; 5,000,000 invoices in four hours, one partition of four.
  int countries = 24;
  int skus = 16;
  Micros apart = 11'520;  // of event time from one invoice to the next
};

inline std::string country(int number) {
  return {static_cast<char>('A' + number / 26 % 26), static_cast<char>('A' + number % 26)};
}
inline std::string sku(int number) { return fmt::format("SKU-{:05}", number); }

inline std::shared_ptr<config::ReferenceTables> reference_tables(const Sales& sales) {
  auto tables = std::make_shared<config::ReferenceTables>();
  for (int i = 0; i < sales.countries; ++i) tables->countries.name_by_iso2[country(i)] = country(i);
  for (int i = 0; i < sales.skus; ++i) {
    tables->catalogue.by_sku[sku(i)] = {{.effective_from = 0,
                                         .family = i % 2 == 0 ? "Hopper" : "Blackwell",
                                         .vendor = "NVIDIA",
                                         .chips_per_unit = 1 + i % 8,
                                         .tpp = 15'824,
                                         .control_class = "3A090.a"}};
  }
  tables->fx.by_currency["EUR"] = {{0, 1'080'000'000}};
  return tables;
}

// Series `by_sku` by country and SKU, one pane a minute; with `three`, `by_family` and `declared`
// (by countries of billing and delivery, in hours) as well.
inline std::shared_ptr<config::Config> sales_config(const Sales& sales, bool three = false) {
  using config::Dimension;
  auto config = std::make_shared<config::Config>();
  config->reference = reference_tables(sales);
  config->event_time.out_of_orderness = 5 * kMinute;
  config->event_time.allowed_lateness = 60 * kMinute;
  config->series = {
      test::series("by_sku", Topic::kInvoices, {Dimension::kBillTo, Dimension::kSku}, kMinute)};
  if (three) {
    config->series.push_back(test::series("by_family", Topic::kInvoices,
                                          {Dimension::kBillTo, Dimension::kFamily}, test::kHour));
    config->series.push_back(test::series("declared", Topic::kInvoices,
                                          {Dimension::kBillTo, Dimension::kShipTo}, test::kHour));
  }
  return config;
}

class Topic133 {
 public:
  Topic133(const Sales& sales, int events, std::int64_t first = 0) {
    std::mt19937_64 random(static_cast<std::uint64_t>(first) + 1);
    const auto below = [&](int bound) {
      return static_cast<int>(random() % static_cast<unsigned>(bound));
    };
    std::vector<std::size_t> ends;
    for (std::int64_t i = first; i < first + events; ++i) {
      const Micros late = below(10) == 0 ? static_cast<Micros>(random() % (3 * kMinute)) : 0;
      v1::Invoice invoice;
      invoice.set_invoice_id(fmt::format("INV-2024-{:010}", i));
      invoice.set_revision(1);
      invoice.set_type(v1::INVOICE_TYPE_INVOICE);
      invoice.set_order_id(fmt::format("ORD-2024-{:010}", i));
      test::set_time(kStart + i * sales.apart - late, invoice.mutable_issue_time());
      invoice.mutable_bill_to()->set_party_id(fmt::format("customer-{:04}", below(1'000)));
      invoice.mutable_bill_to()->set_country(country(below(sales.countries)));
      invoice.mutable_ship_to()->set_party_id(fmt::format("site-{:05}", below(1'000)));
      invoice.mutable_ship_to()->set_country(country(below(sales.countries)));
      v1::InvoiceLine* line =
          test::add_line(&invoice, sku(below(sales.skus)), 1 + below(64), 20'000 + below(20'000));
      line->mutable_unit_price()->set_nanos(500'000'000);
      bytes_ += invoice.SerializeAsString();
      ends.push_back(bytes_.size());
      ids_ += invoice.order_id();
    }
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const std::string_view all = bytes_;
      records_.push_back(
          {.offset = first + static_cast<std::int64_t>(i),
           .payload = all.substr(begin, ends[i] - begin),
           .key = std::string_view(ids_).substr(19 * i, 19),
           .has_key = true,
           .record_timestamp = kStart + (first + static_cast<std::int64_t>(i)) * sales.apart});
      begin = ends[i];
    }
  }
  Topic133(const Topic133&) = delete;
  Topic133& operator=(const Topic133&) = delete;

  const std::vector<aggregate::Record>& records() const { return records_; }
  std::size_t bytes() const { return bytes_.size(); }

 private:
  std::string bytes_, ids_;
  std::vector<aggregate::Record> records_;
};

}  // namespace surgewatch::bench
