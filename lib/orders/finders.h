// Who finds what in an order: one finder for each rule of an order type.
//
// Threads: immutable after construction.
// Cost: a finder looks at each line of the order's documents once, and sorts what it has found.
#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "observe/reference_index.h"
#include "orders/finding.h"

namespace surgewatch::orders {

class Finder {
 public:
  explicit Finder(std::size_t rule) : rule_(rule) {}
  virtual ~Finder() = default;
  Finder(const Finder&) = delete;
  Finder& operator=(const Finder&) = delete;

  virtual void find(const OrderView& order, Findings* findings) const = 0;
  std::size_t rule() const { return rule_; }

 private:
  const std::size_t rule_;
};

// What a type's declaration refers to (config/rule_spec.h). `rule`: index into Config::rules.
struct FinderType {
  std::unique_ptr<Finder> (*make)(const config::Config& config, std::size_t rule);
  Serials serials = Serials::kIgnored;
};
const FinderType& order_diversion_finder();
const FinderType& controlled_destination_finder();
const FinderType& order_mismatch_finder();
const FinderType& redirected_finder();
const FinderType& rebilled_finder();
const FinderType& third_party_payer_finder();
const FinderType& structuring_finder();
const FinderType& repeated_serial_finder();

// Of all rules that look into orders, in the rules' order.
std::vector<std::unique_ptr<Finder>> make_finders(const config::Config& config);
// Whether one of them compares serial numbers.
Serials serials_for(const config::Config& config);

// The nearest of 64 bits.
__extension__ using Int128 = __int128;
std::int64_t narrow(Int128 value);

// What goes to one destination of one SKU, gathered from the order's lines: a finding holds while
// their net is above zero.
class NetByDestination {
 public:
  void add(CountryCode destination, std::string_view sku, const Part& part) {
    lines_.push_back({destination, sku, part});
  }
  void add_findings(std::size_t rule, const OrderView& order, Findings* findings);

 private:
  struct Entry {
    CountryCode destination;
    std::string_view sku;
    Part part;
  };
  std::vector<Entry> lines_;
};

// A line's part in a finding.
Part part_of(const Document& document, const Line& line, const OrderView& order);

}  // namespace surgewatch::orders
