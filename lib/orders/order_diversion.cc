// Goods of an order that were sent to a country that none of its invoices declares.
//
//   declared  = the countries that the order's invoices name as ship_to;
//               credit notes declare nothing
//
//   a finding = what was shipped of one SKU to one country outside of them,
//               less what came back, while that is above zero
//
// Where no invoice states a destination there is nothing to compare with: inconclusive.
#include <algorithm>

#include "orders/finders.h"

namespace surgewatch::orders {
namespace {

class OrderDiversion : public Finder {
 public:
  using Finder::Finder;

  void find(const OrderView& order, Findings* findings) const override {
    NetByDestination sent;
    bool is_anywhere = false;
    for (const Document& document : order.documents) {
      if (document.is_invoice() || !is_stated(document.ship_to)) continue;
      is_anywhere = true;
      const auto& declared = order.declared;
      if (std::binary_search(declared.begin(), declared.end(), document.ship_to)) continue;
      for (const Line& line : document.lines) {
        sent.add(document.ship_to, line.sku, part_of(document, line, order));
      }
    }
    if (!order.declared.empty()) {
      sent.add_findings(rule(), order, findings);
    } else if (is_anywhere) {
      findings->mark_inconclusive();
    }
  }
};

}  // namespace

const FinderType& order_diversion_finder() {
  static constexpr FinderType kType{[](const config::Config&, std::size_t rule) {
    return std::unique_ptr<Finder>(std::make_unique<OrderDiversion>(rule));
  }};
  return kType;
}

}  // namespace surgewatch::orders
