#include "orders/finders.h"

#include <algorithm>
#include <utility>

#include "config/rule_spec.h"

namespace surgewatch::orders {
namespace {

const FinderType* type_of(const config::Rule& rule) {
  return rule.type == nullptr ? nullptr : rule.type->finder;
}

}  // namespace

std::int64_t narrow(Int128 value) {
  if (value > INT64_MAX) return INT64_MAX;
  return value < INT64_MIN ? INT64_MIN : static_cast<std::int64_t>(value);
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kNone:
      return "";
    case Kind::kNotShipped:
      return "not_shipped";
    case Kind::kNotBilled:
      return "not_billed";
  }
  return "";
}

std::vector<std::unique_ptr<Finder>> make_finders(const config::Config& config) {
  std::vector<std::unique_ptr<Finder>> finders;
  for (std::size_t i = 0; i < config.rules.size(); ++i) {
    if (const FinderType* type = type_of(config.rules[i])) finders.push_back(type->make(config, i));
  }
  return finders;
}

Serials serials_for(const config::Config& config) {
  for (const config::Rule& rule : config.rules) {
    const FinderType* type = type_of(rule);
    if (type != nullptr && type->serials == Serials::kCompared) return Serials::kCompared;
  }
  return Serials::kIgnored;
}

Part part_of(const Document& document, const Line& line, const OrderView& order) {
  const std::int64_t units = document.subtracts ? -line.quantity : line.quantity;
  return {.time = document.time,
          .product = line.product,
          .bill_to_party = order.bill_to_party,
          .ship_to_party = document.is_invoice() ? order.first_consignee : document.ship_to_party,
          .units = units,
          // It fits: the sum over the document's lines was checked.
          .chips = units * order.index->product(line.product).chips_per_unit};
}

void NetByDestination::add_findings(std::size_t rule, const OrderView& order, Findings* findings) {
  const auto place = [](const Entry& entry) { return std::pair(entry.destination, entry.sku); };
  std::sort(lines_.begin(), lines_.end(), [&](const Entry& a, const Entry& b) {
    return std::tuple(place(a), a.part) < std::tuple(place(b), b.part);
  });
  for (auto run = lines_.begin(); run != lines_.end();) {
    Int128 units = 0, chips = 0;
    auto end = run;
    for (; end != lines_.end() && place(*end) == place(*run); ++end) {
      units += end->part.units;
      chips += end->part.chips;
    }
    if (units > 0) {
      Finding finding{.rule = rule,
                      .key = {.bill_to = order.bill_to,
                              .declared = order.first_declared(),
                              .destination = run->destination,
                              .sku = run->sku,
                              .kind = Kind::kNone},
                      .first_time = run->part.time,
                      .units = narrow(units),
                      .chips = narrow(chips),
                      .parts = {},
                      .documents = {}};
      for (auto one = run; one != end; ++one) finding.parts.push_back(one->part);
      findings->add(std::move(finding));
    }
    run = end;
  }
}

}  // namespace surgewatch::orders
