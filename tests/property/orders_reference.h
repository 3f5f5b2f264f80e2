// The sequential reference for orders: what they must say, written the simple way and apart from
// the product. It keeps every document whole and looks at all orders once, at the end.
//
// Shares with the product only the proto and the structs of the configuration. Which documents
// stand, it is told by what became of each event (verified by source_property_test).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/time.h"
#include "config/config.h"
#include "config/rule_spec.h"
#include "property/reference.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::property {

// Rule, order, bill_to, declared, destination, SKU, kind, first time.
using FoundKey = std::tuple<std::string, std::string, std::string, std::string, std::string,
                            std::string, std::string, Micros>;
struct Found {
  std::int64_t units = 0, chips = 0;
  std::vector<std::string> documents;
  friend bool operator==(const Found&, const Found&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Found& found) {
    out << found.units << " units, " << found.chips << " chips;";
    for (const std::string& id : found.documents) out << " " << id;
    return out;
  }
};

class OrdersReference {
 public:
  explicit OrdersReference(const config::Config& config) : config_(config) {}

  // An event that counts. `is_known`: it replaces or takes out what its source has of its document.
  void invoice(const v1::Invoice& invoice, bool is_known) {
    take({.is_invoice = true, .invoice = invoice, .shipment = {}, .first_named = {}},
         invoice.invoice_id(), invoice.type() == v1::INVOICE_TYPE_CANCELLATION, is_known);
  }
  void shipment(const v1::Shipment& shipment, bool is_known) {
    take({.is_invoice = false, .invoice = {}, .shipment = shipment, .first_named = {}},
         shipment.shipment_id(), shipment.type() == v1::SHIPMENT_TYPE_CANCELLATION, is_known);
  }

  // What holds at the end of all time.
  void look() {
    std::map<std::string, std::vector<Document>> orders;
    for (const auto& [key, documents] : standing_) {
      for (const Document& document : documents) {
        if (document.is_there) orders[order_of(document)].push_back(document);
      }
    }
    for (auto& [id, documents] : orders) {
      std::sort(documents.begin(), documents.end(),
                [](const Document& a, const Document& b) { return time_of(a) < time_of(b); });
      std::vector<Document> cluster;
      for (const Document& document : documents) {
        const Micros gap = config_.event_time.correction_horizon;
        if (!cluster.empty() && time_of(document) - time_of(cluster.back()) > gap) {
          look_at(id, cluster);
          cluster.clear();
        }
        cluster.push_back(document);
      }
      look_at(id, cluster);
    }
  }

  std::map<FoundKey, Found> found;
  Panes panes;

 private:
  struct Document {
    bool is_invoice = false;
    v1::Invoice invoice;
    v1::Shipment shipment;
    bool is_there = true;
    std::string
        first_named;  // where another revision has said that it goes, the first that differs
  };

  void take(Document document, const std::string& id, bool cancels, bool is_known) {
    std::vector<Document>& of_id = standing_[{document.is_invoice, id}];
    if (is_known && !of_id.empty()) {
      Document& former = of_id.back();
      former.is_there = false;
      const std::string& went = former.shipment.ship_to().country();
      document.first_named = former.first_named;
      if (document.first_named.empty() && went != document.shipment.ship_to().country()) {
        document.first_named = went;
      }
    }
    if (!cancels) of_id.push_back(std::move(document));
  }

  static const std::string& order_of(const Document& d) {
    return d.is_invoice ? d.invoice.order_id() : d.shipment.order_id();
  }
  static const std::string& id_of(const Document& d) {
    return d.is_invoice ? d.invoice.invoice_id() : d.shipment.shipment_id();
  }
  static Micros time_of(const Document& d) {
    return micros_of(d.is_invoice ? d.invoice.issue_time() : d.shipment.despatch_time());
  }
  static bool is_stated(const std::string& country) { return !country.empty() && country != "ZZ"; }

  const config::CatalogueEntry* entry(const std::string& sku, Micros time) const {
    const config::CatalogueEntry* best = nullptr;
    for (const auto& [name, versions] : config_.reference->catalogue.by_sku) {
      if (name != sku) continue;
      for (const config::CatalogueEntry& version : versions) {
        if (version.effective_from <= time) best = &version;
      }
    }
    return best;
  }
  std::int64_t chips_of(const std::string& sku, Micros time) const {
    const config::CatalogueEntry* found_entry = entry(sku, time);
    return found_entry == nullptr ? 1 : found_entry->chips_per_unit;
  }

  bool is_in(const std::string& group, const std::string& country, Micros time) const {
    for (const auto& [name, memberships] : config_.reference->groups.by_country) {
      for (const auto& one : memberships) {
        if (name == country && one.group == group && one.from <= time && time < one.to) return true;
      }
    }
    return false;
  }

  bool is_controlled(const std::vector<std::string>& groups, const std::string& country,
                     Micros time) const {
    bool in = false;
    for (const std::string& group : groups) {
      if (group == country) return true;
      in = in || is_in(group, country, time);
    }
    return in && !is_in("A:5", country, time) && !is_in("A:6", country, time);
  }

  // What a line adds.
  struct Entry {
    std::string destination, sku, ship_to_party;
    Micros time = 0;
    std::int64_t units = 0;
  };

  struct Order {
    std::string id, bill_to, bill_to_party, declared, destination, consignee;
    std::set<std::string> all_declared;
  };

  void look_at(const std::string& id, const std::vector<Document>& documents) {
    std::vector<std::string> ids;
    for (const Document& document : documents) ids.push_back(id_of(document));
    std::sort(ids.begin(), ids.end());
    if (ids.size() > 16) ids.resize(16);
    Order order;
    order.id = id;
    std::string first, first_shipment;
    for (const Document& d : documents) {
      if (!d.is_invoice && (first_shipment.empty() || id_of(d) < first_shipment)) {
        first_shipment = id_of(d);
        order.destination = d.shipment.ship_to().country();
        order.consignee = d.shipment.ship_to().party_id();
      }
      if (!d.is_invoice) continue;
      if (first.empty() || id_of(d) < first) {
        first = id_of(d);
        order.bill_to = d.invoice.bill_to().country();
        order.bill_to_party = d.invoice.bill_to().party_id();
      }
      const std::string& country = d.invoice.ship_to().country();
      if (d.invoice.type() != v1::INVOICE_TYPE_CREDIT_NOTE && is_stated(country)) {
        order.all_declared.insert(country);
      }
    }
    if (!order.all_declared.empty()) order.declared = *order.all_declared.begin();
    for (const config::Rule& rule : config_.rules) {
      if (rule.type->name == "order_diversion") diversion(rule, order, documents, ids);
      if (rule.type->name == "controlled_destination") controlled(rule, order, documents, ids);
      if (rule.type->name == "order_mismatch") mismatch(rule, order, documents, ids);
      if (rule.type->name == "redirected") redirected(rule, order, documents, ids);
      if (rule.type->name == "rebilled") rebilled(rule, order, documents, ids);
      if (rule.type->name == "third_party_payer") payer(rule, order, documents, ids);
      if (rule.type->name == "structuring") structuring(rule, order, documents, ids);
      if (rule.type->name == "repeated_serial") repeated(rule, order, documents, ids);
    }
  }

  void diversion(const config::Rule& rule, const Order& order,
                 const std::vector<Document>& documents, const std::vector<std::string>& ids) {
    if (order.all_declared.empty()) return;
    std::vector<Entry> entries;
    for (const Document& d : documents) {
      if (d.is_invoice) continue;
      const std::string& to = d.shipment.ship_to().country();
      if (!is_stated(to) || order.all_declared.count(to) > 0) continue;
      for (const v1::ShipmentLine& line : d.shipment.lines()) entries.push_back(entry_of(d, line));
    }
    add_nets(rule, order, entries, ids);
  }

  Entry entry_of(const Document& d, const v1::ShipmentLine& line) const {
    const bool returns = d.shipment.type() == v1::SHIPMENT_TYPE_RETURN;
    return {.destination = d.shipment.ship_to().country(),
            .sku = line.sku(),
            .ship_to_party = d.shipment.ship_to().party_id(),
            .time = time_of(d),
            .units = returns ? -line.quantity() : line.quantity()};
  }

  void controlled(const config::Rule& rule, const Order& order,
                  const std::vector<Document>& documents, const std::vector<std::string>& ids) {
    std::set<std::string> licensed;
    for (const Document& d : documents) {
      for (const v1::InvoiceLine& line : d.invoice.lines()) {
        if (!line.license_id().empty()) licensed.insert(line.sku());
      }
    }
    std::vector<Entry> entries;
    for (const Document& d : documents) {
      if (d.is_invoice) continue;
      const Micros time = time_of(d);
      const auto reaches = [&](const v1::Party& party) {
        const std::string& parent = party.parent_country();
        return is_controlled(rule.orders.groups, party.country(), time) || parent == "MO" ||
               is_in("D:5", parent, time);
      };
      const bool is_due = (rule.orders.ship_to && reaches(d.shipment.ship_to())) ||
                          (rule.orders.end_user && reaches(d.shipment.end_user()));
      if (!is_due) continue;
      for (const v1::ShipmentLine& line : d.shipment.lines()) {
        const config::CatalogueEntry* product = entry(line.sku(), time);
        if (product == nullptr || !line.license_id().empty() || licensed.count(line.sku()) > 0) {
          continue;
        }
        const auto& classes = rule.orders.classes;
        const bool is_of_class =
            product->control_class == "unknown" ||
            std::find(classes.begin(), classes.end(), product->control_class) != classes.end();
        if (is_of_class) entries.push_back(entry_of(d, line));
      }
    }
    add_nets(rule, order, entries, ids);
  }

  void redirected(const config::Rule& rule, const Order& order,
                  const std::vector<Document>& documents, const std::vector<std::string>& ids) {
    std::vector<Entry> entries;
    for (const Document& d : documents) {
      if (d.is_invoice) continue;
      const std::string& now = d.shipment.ship_to().country();
      if (!is_stated(now) || !is_stated(d.first_named) || d.first_named == now) continue;
      for (const v1::ShipmentLine& line : d.shipment.lines()) entries.push_back(entry_of(d, line));
    }
    add_nets(rule, order, entries, ids);
  }

  Entry billed_entry(const Order& order, const Document& d, const std::string& sku,
                     std::int64_t units) const {
    const bool credits = d.invoice.type() == v1::INVOICE_TYPE_CREDIT_NOTE;
    return {.destination = order.destination,
            .sku = sku,
            .ship_to_party = order.consignee,
            .time = time_of(d),
            .units = credits ? -units : units};
  }

  void payer(const config::Rule& rule, const Order& order, const std::vector<Document>& documents,
             const std::vector<std::string>& ids) {
    std::vector<Entry> entries;
    for (const Document& d : documents) {
      const std::string& pays = d.invoice.payer().country();
      const std::string& billed = d.invoice.bill_to().country();
      if (!d.is_invoice || !is_stated(pays) || !is_stated(billed) || pays == billed) continue;
      for (const auto& line : d.invoice.lines()) {
        entries.push_back(billed_entry(order, d, line.sku(), line.quantity()));
      }
    }
    add_nets(rule, order, entries, ids);
  }

  // Unit by unit: each that is billed takes one that was credited before, the oldest of them first.
  void rebilled(const config::Rule& rule, const Order& order,
                const std::vector<Document>& documents, const std::vector<std::string>& ids) {
    struct Credited {
      Micros time;
      std::string id, bill_to;
    };
    std::map<std::string, std::vector<Credited>> credited;
    std::vector<Document> by_id = documents;
    std::stable_sort(by_id.begin(), by_id.end(), [](const Document& a, const Document& b) {
      return std::tuple(time_of(a), !a.is_invoice, id_of(a)) <
             std::tuple(time_of(b), !b.is_invoice, id_of(b));
    });
    for (const Document& d : by_id) {
      if (!d.is_invoice || d.invoice.type() != v1::INVOICE_TYPE_CREDIT_NOTE) continue;
      if (!is_stated(d.invoice.bill_to().country())) continue;
      std::map<std::pair<std::string, bool>, std::int64_t> lines;  // a licence makes another line
      for (const auto& line : d.invoice.lines()) {
        lines[{line.sku(), !line.license_id().empty()}] += line.quantity();
      }
      for (const auto& [sku, quantity] : lines) {
        for (std::int64_t n = 0; n < quantity; ++n) {
          credited[sku.first].push_back({time_of(d), id_of(d), d.invoice.bill_to().country()});
        }
      }
    }
    std::vector<Entry> entries;
    for (const Document& d : by_id) {
      if (!d.is_invoice || d.invoice.type() == v1::INVOICE_TYPE_CREDIT_NOTE) continue;
      const std::string& to = d.invoice.bill_to().country();
      if (!is_stated(to)) continue;
      std::map<std::pair<std::string, bool>, std::int64_t> lines;
      for (const auto& line : d.invoice.lines()) {
        lines[{line.sku(), !line.license_id().empty()}] += line.quantity();
      }
      for (const auto& [sku, quantity] : lines) {
        std::vector<Credited>& left = credited[sku.first];
        std::int64_t units = 0;
        while (units < quantity) {
          const auto one = std::find_if(left.begin(), left.end(), [&](const Credited& c) {
            return c.time <= time_of(d) && c.bill_to != to;
          });
          if (one == left.end()) break;
          left.erase(one);
          ++units;
        }
        if (units > 0) entries.push_back(billed_entry(order, d, sku.first, units));
      }
    }
    add_nets(rule, order, entries, ids);
  }

  void add_nets(const config::Rule& rule, const Order& order, const std::vector<Entry>& entries,
                const std::vector<std::string>& ids) {
    std::map<std::pair<std::string, std::string>, std::vector<Entry>> by_place;
    for (const Entry& one : entries) by_place[{one.destination, one.sku}].push_back(one);
    for (const auto& [place, parts] : by_place) {
      std::int64_t net = 0;
      for (const Entry& part : parts) net += part.units;
      if (net <= 0) continue;
      add(rule, order, place.first, place.second, "", parts, ids);
    }
  }

  void structuring(const config::Rule& rule, const Order& order,
                   const std::vector<Document>& documents, const std::vector<std::string>& ids) {
    std::map<std::string, std::vector<Entry>> lines;
    std::map<std::string, std::int64_t> chips;
    std::int64_t total = 0;
    for (const Document& d : documents) {
      const int sign = d.invoice.type() == v1::INVOICE_TYPE_CREDIT_NOTE ? -1 : 1;
      for (const v1::InvoiceLine& line : d.invoice.lines()) {
        lines[line.sku()].push_back({.destination = order.destination,
                                     .sku = line.sku(),
                                     .ship_to_party = order.consignee,
                                     .time = time_of(d),
                                     .units = sign * line.quantity()});
        const std::int64_t more = sign * line.quantity() * chips_of(line.sku(), time_of(d));
        chips[line.sku()] += more;
        total += more;
      }
    }
    const auto cap = static_cast<double>(rule.orders.cap);
    const auto value = static_cast<double>(total);
    if (value >= cap || value < rule.orders.near * cap) return;
    std::string most;
    for (const auto& [sku, count] : chips) {
      if (most.empty() || count > chips[most]) most = sku;
    }
    add_nets(rule, order, lines[most], ids);
  }

  // Serial number by serial number: every shipment beyond the first, less returns, latest first.
  void repeated(const config::Rule& rule, const Order& order,
                const std::vector<Document>& documents, const std::vector<std::string>& ids) {
    std::vector<Document> by_time = documents;
    std::stable_sort(by_time.begin(), by_time.end(), [](const Document& a, const Document& b) {
      return std::tuple(time_of(a), id_of(a)) < std::tuple(time_of(b), id_of(b));
    });
    std::set<std::string> serials;
    for (const Document& d : by_time) {
      for (const auto& line : d.shipment.lines()) {
        serials.insert(line.serial_numbers().begin(), line.serial_numbers().end());
      }
    }
    // By document and SKU with its licence: units.
    std::map<std::tuple<const Document*, std::string, bool>, std::int64_t> units;
    for (const std::string& serial : serials) {
      std::vector<std::tuple<const Document*, std::string, bool>> sent;
      std::size_t returned = 0;
      for (const Document& d : by_time) {
        std::set<std::pair<std::string, bool>> lines;
        for (const auto& line : d.shipment.lines()) {
          for (const std::string& one : line.serial_numbers()) {
            if (one == serial) lines.insert({line.sku(), !line.license_id().empty()});
          }
        }
        if (lines.empty()) continue;
        if (d.shipment.type() == v1::SHIPMENT_TYPE_RETURN) {
          ++returned;
        } else {
          sent.emplace_back(&d, lines.begin()->first, lines.begin()->second);
        }
      }
      for (; sent.size() > returned + 1; sent.pop_back()) ++units[sent.back()];
    }
    std::vector<Entry> entries;
    for (const auto& [place, count] : units) {
      const Document& d = *std::get<0>(place);
      entries.push_back({.destination = d.shipment.ship_to().country(),
                         .sku = std::get<1>(place),
                         .ship_to_party = d.shipment.ship_to().party_id(),
                         .time = time_of(d),
                         .units = count});
    }
    add_nets(rule, order, entries, ids);
  }

  void mismatch(const config::Rule& rule, const Order& order,
                const std::vector<Document>& documents, const std::vector<std::string>& ids) {
    std::map<std::string, std::int64_t> balance;
    std::map<std::string, Micros> newest_of;
    const v1::Shipment* first = nullptr;
    for (const Document& d : documents) {
      if (d.is_invoice) {
        const int sign = d.invoice.type() == v1::INVOICE_TYPE_CREDIT_NOTE ? -1 : 1;
        for (const auto& line : d.invoice.lines()) {
          balance[line.sku()] += sign * line.quantity();
          newest_of[line.sku()] = time_of(d);
        }
        continue;
      }
      if (first == nullptr || d.shipment.shipment_id() < first->shipment_id()) first = &d.shipment;
      const int sign = d.shipment.type() == v1::SHIPMENT_TYPE_RETURN ? -1 : 1;
      for (const auto& line : d.shipment.lines()) {
        balance[line.sku()] -= sign * line.quantity();
        newest_of[line.sku()] = time_of(d);
      }
    }
    for (const auto& [sku, units] : balance) {
      if (units == 0) continue;
      const Entry part{.destination = first == nullptr ? "" : first->ship_to().country(),
                       .sku = sku,
                       .ship_to_party = first == nullptr ? "" : first->ship_to().party_id(),
                       .time = time_of(documents.back()),
                       .units = units > 0 ? units : -units};
      // As of the newest document that has the SKU.
      by_time_ = newest_of[sku];
      add(rule, order, part.destination, sku, units > 0 ? "not_shipped" : "not_billed", {part},
          ids);
      by_time_.reset();
    }
  }

  void add(const config::Rule& rule, const Order& order, const std::string& destination,
           const std::string& sku, const std::string& kind, std::vector<Entry> parts,
           const std::vector<std::string>& ids) {
    const auto product_time = [&](const Entry& part) { return by_time_.value_or(part.time); };
    const auto numbered = [&](const Entry& part) {
      // Versions of a SKU are numbered in the order of their dates.
      const config::CatalogueEntry* product = entry(part.sku, product_time(part));
      return product == nullptr ? INT64_MIN : product->effective_from;
    };
    std::sort(parts.begin(), parts.end(), [&](const Entry& a, const Entry& b) {
      return std::tuple(a.time, numbered(a), a.ship_to_party, a.units) <
             std::tuple(b.time, numbered(b), b.ship_to_party, b.units);
    });
    Found one{.units = 0, .chips = 0, .documents = ids};
    const config::Series& series = config_.series[rule.series];
    bool is_first = true;
    for (const Entry& part : parts) {
      const Micros time = product_time(part);
      const config::CatalogueEntry* product = entry(part.sku, time);
      const std::int64_t chips = part.units * chips_of(part.sku, time);
      one.units += part.units;
      one.chips += chips;
      const auto country = [](const std::string& text) { return text.empty() ? "ZZ" : text; };
      MeasureValues& pane =
          panes[{rule.name,
                 {country(order.bill_to), country(order.declared), country(destination),
                  product == nullptr ? "unknown" : product->family, part.sku,
                  product == nullptr ? "unknown" : product->control_class, order.bill_to_party,
                  part.ship_to_party},
                 pane_of(part.time, series.pane_length)}];
      pane[Measure::kDocuments] += is_first ? 1 : 0;
      pane[Measure::kUnits] += part.units;
      pane[Measure::kChips] += chips;
      is_first = false;
    }
    found[{rule.name, order.id, order.bill_to, order.declared, destination, sku, kind,
           parts.front().time}] = one;
  }

  const config::Config& config_;
  std::map<std::pair<bool, std::string>, std::vector<Document>> standing_;
  std::optional<Micros> by_time_;
};

}  // namespace surgewatch::property
