// Invoices that somebody in another country pays than the one who is billed.
//
//   a finding = what those invoices bill of one SKU, less what their credit notes take off, above
//   zero
//
// Where no payer is stated, whoever is billed pays.
#include "orders/finders.h"

namespace surgewatch::orders {
namespace {

class ThirdPartyPayer : public Finder {
 public:
  using Finder::Finder;

  void find(const OrderView& order, Findings* findings) const override {
    NetByDestination billed;
    for (const Document& document : order.documents) {
      if (!document.is_invoice() || !is_stated(document.payer) || !is_stated(document.bill_to) ||
          document.payer == document.bill_to) {
        continue;
      }
      for (const Line& line : document.lines) {
        billed.add(order.first_destination, line.sku, part_of(document, line, order));
      }
    }
    billed.add_findings(rule(), order, findings);
  }
};

}  // namespace

const FinderType& third_party_payer_finder() {
  static constexpr FinderType kType{[](const config::Config&, std::size_t rule) {
    return std::unique_ptr<Finder>(std::make_unique<ThirdPartyPayer>(rule));
  }};
  return kType;
}

}  // namespace surgewatch::orders
