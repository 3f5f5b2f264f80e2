// What was billed and never shipped, or shipped and never billed.
//
//   |Σ invoiced − Σ shipped| of one SKU, credit notes and returns taken off, once the order has
//   been silent for the deadline
//
// It counts at the time of the order's newest document: what comes later moves it there.
#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "orders/finders.h"

namespace surgewatch::orders {
namespace {

struct Balance {
  std::string_view sku;
  Int128 units = 0;  // invoiced less shipped
  ProductNumber product = observe::kUnknownProduct;
};
// From so many SKUs on, what is looked for is looked up.
constexpr std::size_t kSearched = 16;

// By SKU. Of its versions that of the newest document.
class Balances {
 public:
  void add(const Line& line, bool adds) {
    Balance& balance = of(line.sku);
    balance.units += adds ? line.quantity : -line.quantity;
    balance.product = line.product;
  }
  bool is_even() const {
    return std::all_of(all_.begin(), all_.end(), [](const Balance& b) { return b.units == 0; });
  }
  const absl::InlinedVector<Balance, 8>& all() const { return all_; }

 private:
  Balance& of(std::string_view sku) {
    if (all_.size() < kSearched) {
      const auto found = std::find_if(all_.begin(), all_.end(),
                                      [&](const Balance& one) { return one.sku == sku; });
      if (found != all_.end()) return *found;
    } else {
      if (places_.empty()) {
        for (std::size_t i = 0; i < all_.size(); ++i) places_.emplace(all_[i].sku, i);
      }
      const auto found = places_.find(sku);
      if (found != places_.end()) return all_[found->second];
      places_.emplace(sku, all_.size());
    }
    all_.push_back({.sku = sku});
    return all_.back();
  }

  absl::InlinedVector<Balance, 8> all_;
  absl::flat_hash_map<std::string_view, std::size_t> places_;
};

class OrderMismatch : public Finder {
 public:
  OrderMismatch(std::size_t rule, Micros deadline) : Finder(rule), deadline_(deadline) {}

  void find(const OrderView& order, Findings* findings) const override {
    Balances balances;
    for (const Document& document : order.documents) {
      const bool adds = document.is_invoice() != document.subtracts;
      for (const Line& line : document.lines) balances.add(line, adds);
    }
    if (balances.is_even()) return;
    const Micros newest = order.documents.back().time;
    if (order.watermark < newest + deadline_) return findings->wait_until(newest + deadline_);
    for (const Balance& balance : balances.all()) {
      if (balance.units == 0) continue;
      const Int128 units = balance.units > 0 ? balance.units : -balance.units;
      const std::int64_t chips_per_unit = order.index->product(balance.product).chips_per_unit;
      const Part part{.time = newest,
                      .product = balance.product,
                      .bill_to_party = order.bill_to_party,
                      .ship_to_party = order.first_consignee,
                      .units = narrow(units),
                      .chips = narrow(narrow(units) * Int128{chips_per_unit})};
      findings->add({.rule = rule(),
                     .key = {.bill_to = order.bill_to,
                             .declared = order.first_declared(),
                             .destination = order.first_destination,
                             .sku = balance.sku,
                             .kind = balance.units > 0 ? Kind::kNotShipped : Kind::kNotBilled},
                     .first_time = newest,
                     .units = part.units,
                     .chips = part.chips,
                     .parts = {part},
                     .documents = {}});
    }
  }

 private:
  const Micros deadline_;
};

}  // namespace

const FinderType& order_mismatch_finder() {
  static constexpr FinderType kType{[](const config::Config& config, std::size_t rule) {
    return std::unique_ptr<Finder>(
        std::make_unique<OrderMismatch>(rule, config.rules[rule].orders.deadline));
  }};
  return kType;
}

}  // namespace surgewatch::orders
