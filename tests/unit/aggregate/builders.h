// Events and configurations for tests: one call for the usual case, assignments for what matters.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/source.h"
#include "base/time.h"
#include "config/config.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::test {

inline constexpr Micros kHour = 3'600 * kMicrosPerSecond;
inline constexpr Micros kDay = kMicrosPerDay;
// 2024-01-01T00:00:00Z, and the day on which the tables below change.
inline constexpr Micros kNewYear = 19'723 * kMicrosPerDay;

// Few countries and products; EUR from 2023 on, at another rate from kNewYear; JPY only from
// kNewYear.
inline std::shared_ptr<config::ReferenceTables> reference_tables() {
  auto tables = std::make_shared<config::ReferenceTables>();
  for (const char* iso2 : {"US", "SG", "CN", "TW", "MY", "DE", "JP"}) {
    tables->countries.name_by_iso2[iso2] = iso2;
  }
  using Entry = config::CatalogueEntry;
  tables->catalogue.by_sku["H100"] = {Entry{.effective_from = 0,
                                            .family = "Hopper",
                                            .vendor = "NVIDIA",
                                            .chips_per_unit = 1,
                                            .tpp = 15'824,
                                            .control_class = "3A090.a"}};
  tables->catalogue.by_sku["DGX-H100"] = {Entry{.effective_from = 0,
                                                .family = "Hopper",
                                                .vendor = "NVIDIA",
                                                .chips_per_unit = 8,
                                                .tpp = 15'824,
                                                .control_class = "3A090.a"}};
  tables->catalogue.by_sku["B200"] = {Entry{.effective_from = kNewYear,
                                            .family = "Blackwell",
                                            .vendor = "NVIDIA",
                                            .chips_per_unit = 1,
                                            .tpp = 36'000,
                                            .control_class = "3A090.a"}};
  tables->catalogue.by_sku["MI308X"] = {Entry{.effective_from = 0,
                                              .family = "Instinct",
                                              .vendor = "AMD",
                                              .chips_per_unit = 1,
                                              .tpp = std::nullopt,
                                              .control_class = "unknown"},
                                        Entry{.effective_from = kNewYear,
                                              .family = "Instinct",
                                              .vendor = "AMD",
                                              .chips_per_unit = 2,
                                              .tpp = 100,
                                              .control_class = "none"}};
  tables->fx.by_currency["EUR"] = {{kNewYear - 365 * kDay, 1'080'000'000},
                                   {kNewYear, 1'100'000'000}};
  tables->fx.by_currency["JPY"] = {{kNewYear, 7'000'000}};
  return tables;
}

inline config::Series series(std::string name, Topic event, std::vector<config::Dimension> group_by,
                             Micros pane_length = kDay) {
  config::Series series;
  series.name = std::move(name);
  series.event = event;
  series.group_by = std::move(group_by);
  series.measures = {Measure::kDocuments, Measure::kUnits, Measure::kChips, Measure::kRevenueUsd,
                     Measure::kTpp};
  series.pane_length = pane_length;
  series.definition = 0x5eed + series.name.size();
  return series;
}

// One series `billed` of invoices by bill_to and family, in days.
inline std::shared_ptr<config::Config> config() {
  auto config = std::make_shared<config::Config>();
  config->reference = reference_tables();
  config->series = {
      series("billed", Topic::kInvoices, {config::Dimension::kBillTo, config::Dimension::kFamily})};
  return config;
}

inline void set_time(Micros time, google::protobuf::Timestamp* timestamp) {
  timestamp->set_seconds(floor_div(time, kMicrosPerSecond));
  timestamp->set_nanos(static_cast<std::int32_t>(
      (time - floor_div(time, kMicrosPerSecond) * kMicrosPerSecond) * 1'000));
}

inline v1::InvoiceLine* add_line(v1::Invoice* invoice, const std::string& sku,
                                 std::int64_t quantity, std::int64_t usd) {
  v1::InvoiceLine* line = invoice->add_lines();
  line->set_line_number(invoice->lines_size());
  line->set_sku(sku);
  line->set_quantity(quantity);
  line->mutable_unit_price()->set_currency_code("USD");
  line->mutable_unit_price()->set_units(usd);
  return line;
}

// One H100 for 30,000 USD, billed to Singapore.
inline v1::Invoice invoice(const std::string& id, Micros time, std::int32_t revision = 1) {
  v1::Invoice invoice;
  invoice.set_invoice_id(id);
  invoice.set_revision(revision);
  invoice.set_type(v1::INVOICE_TYPE_INVOICE);
  invoice.set_order_id("order-" + id);
  set_time(time, invoice.mutable_issue_time());
  invoice.mutable_bill_to()->set_country("SG");
  add_line(&invoice, "H100", 1, 30'000);
  return invoice;
}

inline v1::Invoice cancellation(const std::string& id, Micros time, std::int32_t revision = 1) {
  v1::Invoice invoice;
  invoice.set_invoice_id(id);
  invoice.set_revision(revision);
  invoice.set_type(v1::INVOICE_TYPE_CANCELLATION);
  invoice.set_order_id("order-" + id);
  set_time(time, invoice.mutable_issue_time());
  return invoice;
}

// One H100 to Malaysia.
inline v1::Shipment shipment(const std::string& id, Micros time, std::int32_t revision = 1) {
  v1::Shipment shipment;
  shipment.set_shipment_id(id);
  shipment.set_revision(revision);
  shipment.set_type(v1::SHIPMENT_TYPE_DESPATCH);
  shipment.set_order_id("order-" + id);
  set_time(time, shipment.mutable_despatch_time());
  shipment.mutable_ship_to()->set_country("MY");
  v1::ShipmentLine* line = shipment.add_lines();
  line->set_sku("H100");
  line->set_quantity(1);
  return shipment;
}

}  // namespace surgewatch::test
