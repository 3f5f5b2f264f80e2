// Orders that stay just below a cap: together they may be one that does not.
//
//   near × cap <= Σ chips invoiced, credit notes taken off < cap
//
// of an order as a whole, so that its partial invoices and shipments count as one. What is found is
// named by the SKU that makes most of it, and counts with that SKU's lines at the times of their
// documents; of equals by the one that comes first in byte order.
//
// Source: structuring of transactions below a threshold, as anti-money-laundering rules look for it
// (FFIEC BSA/AML Examination Manual, appendix G).
#include <algorithm>
#include <cmath>

#include "absl/container/btree_map.h"
#include "orders/finders.h"

namespace surgewatch::orders {
namespace {

class Structuring : public Finder {
 public:
  Structuring(std::size_t rule, std::int64_t cap, double near)
      : Finder(rule),
        cap_(cap),
        least_(static_cast<std::int64_t>(std::ceil(near * static_cast<double>(cap)))) {}

  void find(const OrderView& order, Findings* findings) const override {
    absl::btree_map<std::string_view, Int128> chips;  // by SKU
    Int128 total = 0;
    for_each_line(order, [&](const Line& line, const Part& part) {
      chips[line.sku] += part.chips;
      total += part.chips;
    });
    if (total < least_ || total >= cap_) return;
    const auto most =
        std::max_element(chips.begin(), chips.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    NetByDestination lines;
    for_each_line(order, [&](const Line& line, const Part& part) {
      if (line.sku == most->first) lines.add(order.first_destination, line.sku, part);
    });
    lines.add_findings(rule(), order, findings);
  }

 private:
  template <typename Visitor>
  static void for_each_line(const OrderView& order, Visitor&& visitor) {
    for (const Document& document : order.documents) {
      if (!document.is_invoice()) continue;
      for (const Line& line : document.lines) {
        visitor(line, part_of(document, line, order));
      }
    }
  }

  const std::int64_t cap_, least_;
};

}  // namespace

const FinderType& structuring_finder() {
  static constexpr FinderType kType{[](const config::Config& config, std::size_t rule) {
    const config::OrderSettings& settings = config.rules[rule].orders;
    return std::unique_ptr<Finder>(
        std::make_unique<Structuring>(rule, settings.cap, settings.near));
  }};
  return kType;
}

}  // namespace surgewatch::orders
