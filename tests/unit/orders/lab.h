// A pair with rules of order types, and documents for it: one call for the usual case, assignments
// for what matters.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/rule_spec.h"
#include "detect/rules/table.h"
#include "journal/watermarks.h"
#include "orders/pair.h"
#include "support/findings_series.h"
#include "unit/aggregate/builders.h"

namespace surgewatch::orders {

using test::kDay;
using test::kHour;
using test::kNewYear;

// Tables of test::reference_tables(), with HGX-H20-8, Macau and Hong Kong, and groups: China and
// Hong Kong in D:5; Malaysia in D:1 until kNewYear + 10 days; Singapore in D:1 and A:6.
inline std::shared_ptr<config::Config> config_with(const std::vector<std::string>& types) {
  auto config = test::config();
  auto tables = test::reference_tables();
  for (const char* iso2 : {"MO", "HK", "PH"}) tables->countries.name_by_iso2[iso2] = iso2;
  using Entry = config::CatalogueEntry;
  tables->catalogue.by_sku["HGX-H20-8"] = {Entry{.effective_from = 0,
                                                 .family = "Hopper",
                                                 .vendor = "NVIDIA",
                                                 .chips_per_unit = 8,
                                                 .tpp = 2'368,
                                                 .control_class = "none"}};
  using Membership = config::CountryGroups::Membership;
  tables->groups.by_country["CN"] = {Membership{.group = "D:5", .from = kMinTime}};
  tables->groups.by_country["HK"] = {Membership{.group = "D:5", .from = kMinTime}};
  tables->groups.by_country["MY"] = {
      Membership{.group = "D:1", .from = kMinTime, .to = kNewYear + 10 * kDay}};
  tables->groups.by_country["SG"] = {Membership{.group = "D:1", .from = kMinTime},
                                     Membership{.group = "A:6", .from = kMinTime}};
  config->reference = tables;
  config->series.clear();
  for (const std::string& type : types) {
    config::Rule rule;
    rule.name = type;
    for (const config::RuleSpec* spec : detect::rule_specs()) {
      if (spec->name == type) rule.type = spec;
    }
    rule.series = config->series.size();
    rule.orders.classes = {"3A090.a", "3A090.b"};
    rule.orders.groups = {"D:1", "D:4", "D:5", "MO"};
    if (type == "structuring") rule.orders.cap = 100;
    config->series.push_back(test::findings_series(type));
    config->rules.push_back(std::move(rule));
  }
  return config;
}

// What its pair has told so far.
class Lab {
 public:
  explicit Lab(const std::string& type) : Lab(config_with({type})) {}
  explicit Lab(std::shared_ptr<const config::Config> config)
      : config_(std::move(config)), index_(config_->reference.get()), pair(config_) {}

  CountryCode country(std::string_view iso2) const { return index_.country(iso2); }

  Line line(std::string_view sku, std::int64_t quantity, Micros time,
            bool is_licensed = false) const {
    return {.product = index_.product_number(sku, time),
            .sku = sku,
            .quantity = quantity,
            .is_licensed = is_licensed};
  }
  // Ten H100, billed to Singapore and declared for it.
  Document invoice(std::string_view id, Micros time, std::string_view ship_to = "SG") const {
    Document document;
    document.id = id;
    document.topic = Topic::kInvoices;
    document.time = document.latest_time = time;
    document.bill_to = country("SG");
    document.ship_to = country(ship_to);
    document.lines = {line("H100", 10, time)};
    return document;
  }
  Document shipment(std::string_view id, Micros time, std::string_view ship_to) const {
    Document document = invoice(id, time, ship_to);
    document.topic = Topic::kShipments;
    document.bill_to = kNoCountry;
    return document;
  }

  void put(const Document& document, std::string_view order = "o", bool is_new = true) {
    pair.put(order, document, is_new);
  }
  void advance(Micros watermark) {
    for (const Topic topic : kInputTopics) pair.advance(topic, watermark);
  }

  // Those that hold, one line each: "rule order bill_to>declared>destination sku kind units".
  std::vector<std::string> found() {
    Pair::Collected collected;
    pair.collect(&collected);
    for (const FindingPane& pane : collected.panes) panes.push_back(pane);
    for (NamedFinding& finding : collected.findings) {
      std::erase_if(holding, [&](const NamedFinding& one) { return one.name == finding.name; });
      if (finding.holds) holding.push_back(std::move(finding));
    }
    std::sort(holding.begin(), holding.end(),
              [](const NamedFinding& a, const NamedFinding& b) { return a.name < b.name; });
    std::vector<std::string> lines;
    for (const NamedFinding& one : holding) {
      const auto& name = one.name;
      std::string text = name.order_id + " " + name.bill_to + ">" + name.declared + ">" +
                         name.destination + " " + name.sku;
      if (!name.kind.empty()) text += " " + name.kind;
      lines.push_back(text + " " + std::to_string(one.units));
    }
    return lines;
  }

 private:
  const std::shared_ptr<const config::Config> config_;
  const observe::ReferenceIndex index_;

 public:
  Pair pair;
  std::vector<NamedFinding> holding;
  std::vector<FindingPane> panes;  // as they were told
};

}  // namespace surgewatch::orders
