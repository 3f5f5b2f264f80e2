// Controlled parts on their way to where they may not go without a licence, and no licence stated.
//
//   a line counts  if its SKU's class at despatch is controlled, and one of the shipment's roles is
//                  in a controlled country on that day, or has its headquarters in D:5 or Macau,
//                  and no licence is named on the line, or for the SKU on an invoice or credit note
//                  of the order
//   a finding    = what counts of one SKU to one destination, less what came back, above zero
//
// A licence may follow its shipment: a line counts once nothing before its despatch and
// `absence_after` can come any more. One that comes later still takes the finding out.
//
// Classes: the catalogue's, by performance (config/control_class.h). A SKU whose class is not known
// although the catalogue names its family counts as controlled: it fails closed, and its class says
// `unknown`. Beside the formula stand letters: parts below its lines for which a licence is needed
// all the same, from a day on.
// Source: ECCN 3A090 (88 FR 73458); the letter on H20 of 2025-04-09 as NVIDIA reported it in its
// form 8-K of 2025-04-15: for China with Hong Kong and Macau, D:5, and who is headquartered there.
#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "config/control_class.h"
#include "orders/destinations.h"
#include "orders/finders.h"

namespace surgewatch::orders {
namespace {

// A part that a letter names: a word of its SKU, `H20` of `HGX-H20-8`.
struct Letter {
  std::string_view word;
  Micros from;
};
constexpr Micros kDay = kMicrosPerDay;
constexpr std::array kLetters{Letter{"H20", 20'187 * kDay}};  // 2025-04-09

const std::vector<std::string>& letter_destinations() {
  static const std::vector<std::string> names{"CN", "HK", "MO", "D:5"};
  return names;
}

bool has_word(std::string_view sku, std::string_view word) {
  while (true) {
    const std::size_t end = sku.find('-');
    if (sku.substr(0, end) == word) return true;
    if (end == std::string_view::npos) return false;
    sku.remove_prefix(end + 1);
  }
}

class ControlledDestination : public Finder {
 public:
  ControlledDestination(std::size_t rule, const config::Config& config)
      : Finder(rule),
        absence_after_(config.rules[rule].orders.absence_after),
        looks_at_ship_to_(config.rules[rule].orders.ship_to),
        looks_at_end_user_(config.rules[rule].orders.end_user),
        classes_(config.rules[rule].orders.classes.begin(),
                 config.rules[rule].orders.classes.end()),
        by_class_(*config.reference, config.rules[rule].orders.groups, {"A:5", "A:6"}),
        by_letter_(*config.reference, letter_destinations(), {}),
        headquarters_(*config.reference, {"D:5", "MO"}, {}) {}

  void find(const OrderView& order, Findings* findings) const override {
    NetByDestination sent;
    std::optional<Skus> licensed;
    for (const Document& document : order.documents) {
      if (document.is_invoice()) continue;
      const bool by_class = reaches(by_class_, headquarters_, document);
      const bool by_letter = reaches(by_letter_, by_letter_, document);
      if (!by_class && !by_letter) continue;
      if (!licensed) licensed = licensed_skus(order);
      for (const Line& line : document.lines) {
        const bool counts = (by_class && is_of_class(line.product, order)) ||
                            (by_letter && is_named_by_letter(line.sku, document.time));
        if (!counts || line.is_licensed || licensed->contains(line.sku)) continue;
        if (order.watermark < document.time + absence_after_) {
          findings->wait_until(document.time + absence_after_);
          continue;
        }
        sent.add(document.ship_to, line.sku, part_of(document, line, order));
      }
    }
    sent.add_findings(rule(), order, findings);
  }

 private:
  using Skus = std::set<std::string_view>;

  bool reaches(const Destinations& destinations, const Destinations& headquarters,
               const Document& document) const {
    const auto one = [&](CountryCode country, CountryCode parent) {
      return destinations.contains(country, document.time) ||
             headquarters.contains(parent, document.time);
    };
    return (looks_at_ship_to_ && one(document.ship_to, document.ship_to_parent)) ||
           (looks_at_end_user_ && one(document.end_user, document.end_user_parent));
  }

  bool is_of_class(ProductNumber number, const OrderView& order) const {
    const observe::Product& product = order.index->product(number);
    // Of a SKU that the catalogue lacks nothing is known at all.
    if (product.control_class == config::kClassUnknown) return number != observe::kUnknownProduct;
    return classes_.contains(product.control_class);
  }

  static bool is_named_by_letter(std::string_view sku, Micros time) {
    return std::any_of(kLetters.begin(), kLetters.end(), [&](const Letter& letter) {
      return time >= letter.from && has_word(sku, letter.word);
    });
  }

  // For which an invoice or a credit note of the order names a licence.
  static Skus licensed_skus(const OrderView& order) {
    Skus skus;
    for (const Document& document : order.documents) {
      if (!document.is_invoice()) continue;
      for (const Line& line : document.lines) {
        if (line.is_licensed) skus.insert(line.sku);
      }
    }
    return skus;
  }

  const Micros absence_after_;
  const bool looks_at_ship_to_, looks_at_end_user_;
  const std::set<std::string, std::less<>> classes_;
  const Destinations by_class_, by_letter_, headquarters_;
};

}  // namespace

const FinderType& controlled_destination_finder() {
  static constexpr FinderType kType{[](const config::Config& config, std::size_t rule) {
    return std::unique_ptr<Finder>(std::make_unique<ControlledDestination>(rule, config));
  }};
  return kType;
}

}  // namespace surgewatch::orders
