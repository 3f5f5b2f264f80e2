// Shipments whose destination was changed: the newest revision names another country than the
// first.
//
//   a finding = what those shipments carry of one SKU to where they go now, less what came back of
//               them, above zero
//
// Of revisions that counted: one that came after a higher one changes nothing.
#include "orders/finders.h"

namespace surgewatch::orders {
namespace {

class Redirected : public Finder {
 public:
  using Finder::Finder;

  void find(const OrderView& order, Findings* findings) const override {
    NetByDestination sent;
    for (const Document& document : order.documents) {
      if (document.is_invoice() || !is_stated(document.ship_to)) continue;
      if (!is_stated(document.former_ship_to) || document.former_ship_to == document.ship_to) {
        continue;
      }
      for (const Line& line : document.lines) {
        sent.add(document.ship_to, line.sku, part_of(document, line, order));
      }
    }
    sent.add_findings(rule(), order, findings);
  }
};

}  // namespace

const FinderType& redirected_finder() {
  static constexpr FinderType kType{[](const config::Config&, std::size_t rule) {
    return std::unique_ptr<Finder>(std::make_unique<Redirected>(rule));
  }};
  return kType;
}

}  // namespace surgewatch::orders
