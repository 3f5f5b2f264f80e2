// One order of the story, as a function of its place in the plan and the seed: when its documents
// are written, and the documents themselves. Nothing is kept from one order to the next.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "simulate/deepseek_plan.h"
#include "simulate/parties.h"
#include "simulate/products.h"
#include "simulate/random.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::simulate {

struct OrderKey {
  std::int32_t day;  // of the invoice
  Route route;
  std::int64_t index;  // within day and route; for kDiverted in Plan::diversions()
};

// When the documents are written. All are in the invoice's fiscal quarter, a shipment's day at most
// five from the invoice's.
struct Schedule {
  Micros invoice;
  std::array<Micros, 2> shipments;
  int shipment_count;
};

class OrderBook {
 public:
  OrderBook(Plan plan, std::uint64_t seed);

  const Plan& plan() const { return plan_; }
  Schedule schedule(const OrderKey& key) const;
  // Fill every field of the document; what it held before doesn't matter.
  void write_invoice(const OrderKey& key, v1::Invoice* invoice) const;
  void write_shipment(const OrderKey& key, int part, v1::Shipment* shipment) const;

 private:
  struct Line {
    const Product* product;
    std::int64_t quantity;
    std::int64_t unit_price_usd;
  };
  struct Order;
  // The companies of one country.
  struct Places {
    std::vector<v1::Party> sites;
    std::vector<v1::Party> traders;  // hubs only
  };

  std::uint64_t order_seed(const OrderKey& key) const;
  bool is_split(const OrderKey& key) const;
  Order make_order(const OrderKey& key) const;
  void add_lines(std::int64_t amount, std::span<const Product> products, std::int64_t min_units,
                 Random* random, Order* order) const;
  std::int64_t order_amount(const OrderKey& key) const;

  Plan plan_;
  std::uint64_t seed_;
  std::vector<std::int64_t> first_diversion_;  // by day, into plan().diversions(); one more
  v1::Party seller_;
  std::vector<v1::Party> warehouses_;  // Taiwan's, then the United States'
  std::vector<v1::Party> forwarders_;
  std::vector<v1::Party> diverted_users_;  // in China
  std::array<std::vector<v1::Party>, kRegions> customers_;
  std::array<std::vector<v1::Party>, kRegions> shells_;  // who order what is diverted
  std::vector<std::string_view> countries_;
  std::vector<Places> places_;  // by country, as countries_
  const Places& places_of(std::string_view country) const;
};

}  // namespace surgewatch::simulate
