// What was credited and then billed again to another country.
//
//   a line counts  if its invoice is no older than a credit note of the order on the same SKU that
//                  names another country to bill
//   a finding    = what counts of one SKU, at most what was credited to other countries
//
// Invoices are taken in the order of time, each as far as there is credit before it that no other
// has used.
#include <algorithm>
#include <map>

#include "orders/finders.h"

namespace surgewatch::orders {
namespace {

class Rebilled : public Finder {
 public:
  using Finder::Finder;

  // Documents come by time; of one time invoices may stand before credit notes, so credits are
  // looked up by time and not by place.
  void find(const OrderView& order, Findings* findings) const override {
    struct Credit {
      Micros time = 0;
      CountryCode bill_to = kNoCountry;
      Int128 left = 0;
    };
    std::map<std::string_view, std::vector<Credit>> credits;
    for (const Document& document : order.documents) {
      if (!document.is_invoice() || !document.subtracts || !is_stated(document.bill_to)) continue;
      for (const Line& line : document.lines) {
        credits[line.sku].push_back({document.time, document.bill_to, line.quantity});
      }
    }
    if (credits.empty()) return;
    NetByDestination again;
    for (const Document& document : order.documents) {
      if (!document.is_invoice() || document.subtracts || !is_stated(document.bill_to)) continue;
      for (const Line& line : document.lines) {
        const auto of_sku = credits.find(line.sku);
        if (of_sku == credits.end()) continue;
        Int128 units = 0;
        for (Credit& credit : of_sku->second) {
          if (credit.time > document.time || credit.bill_to == document.bill_to) continue;
          const Int128 used = std::min<Int128>(credit.left, line.quantity - units);
          credit.left -= used;
          units += used;
        }
        if (units == 0) continue;
        Line part = line;
        part.quantity = static_cast<std::int64_t>(units);  // no more than the line's
        again.add(order.first_destination, line.sku, part_of(document, part, order));
      }
    }
    again.add_findings(rule(), order, findings);
  }
};

}  // namespace

const FinderType& rebilled_finder() {
  static constexpr FinderType kType{[](const config::Config&, std::size_t rule) {
    return std::unique_ptr<Finder>(std::make_unique<Rebilled>(rule));
  }};
  return kType;
}

}  // namespace surgewatch::orders
