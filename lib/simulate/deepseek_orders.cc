#include "simulate/deepseek_orders.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"
#include "simulate/documents.h"

namespace surgewatch::simulate {
namespace {

// What hash() is asked about an order, so that the answers don't hang together.
enum Topic : std::uint64_t { kCut = 1, kTime, kContent };

constexpr Micros kMicrosPerHour = 3'600 * kMicrosPerSecond;
constexpr int kMaxShippingDays = 5;

struct Destination {
  std::string_view country;
  std::uint64_t percent;
};
// NVIDIA's note to the quarter ended 2025-04-27: over 99 % of the controlled data-center compute
// billed to Singapore was for customers based in the United States. The split is made up.
constexpr std::array<Destination, 7> kFromSingapore{
    {{"US", 62}, {"TW", 14}, {"MY", 12}, {"JP", 4}, {"IN", 4}, {"AU", 2}, {"DE", 2}}};
// Servers are assembled in Taiwan for customers everywhere. The split is made up.
constexpr std::array<Destination, 4> kFromTaiwan{{{"TW", 70}, {"US", 22}, {"JP", 4}, {"DE", 4}}};

template <std::size_t N>
std::string_view choose(const std::array<Destination, N>& destinations, Random* random) {
  std::uint64_t draw = random->below(100);
  for (const Destination& destination : destinations) {
    if (draw < destination.percent) return destination.country;
    draw -= destination.percent;
  }
  return destinations.back().country;
}

std::string_view choose_destination(Route route, Random* random) {
  switch (route) {
    case Route::kUs:
      return "US";
    case Route::kSgStays:
      return "SG";
    case Route::kSgElsewhere:
      return choose(kFromSingapore, random);
    case Route::kTw:
      return choose(kFromTaiwan, random);
    case Route::kCnFromTaiwan:
    case Route::kCnDirect:
      return "CN";
    case Route::kZz:
    case Route::kDiverted:
      break;
  }
  return "ZZ";
}

const v1::Party& pick(const std::vector<v1::Party>& parties, Random* random) {
  return parties[random->below(parties.size())];
}

// Small indices more often: what sells most stands first. The last, the cheapest, only fills in
// where nothing else fits the money.
const Product& pick_product(std::span<const Product> products, std::int64_t usd, Random* random) {
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto index =
        std::min(random->below(products.size() - 1), random->below(products.size() - 1));
    if (products[index].price_usd <= usd + usd / 4) return products[index];
  }
  return products.back();
}

// To the nearest, at least one.
std::int64_t units_for(std::int64_t usd, const Product& product) {
  return std::max<std::int64_t>(1, (usd + product.price_usd / 2) / product.price_usd);
}

// Reported are sums by region and quarter; who ordered what is made up, and each order says so
// wherever it is shown.
constexpr std::string_view kOrderPrefix = "SYNTHETIC-";

void set_id(std::string_view prefix, std::string_view id, std::string* field) {
  field->assign(prefix);
  field->append(id);
}

// 20240515
int date_number(int day) {
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{kFirstDay / kMicrosPerDay + day}}};
  return static_cast<int>(date.year()) * 10'000 +
         static_cast<int>(static_cast<unsigned>(date.month()) * 100 +
                          static_cast<unsigned>(date.day()));
}

}  // namespace

struct OrderBook::Order {
  // "SG-20240515-00003": unique with a prefix for the kind of document.
  std::array<char, 40> id_text;
  std::size_t id_size = 0;
  const v1::Party* bill_to = nullptr;
  const v1::Party* declared = nullptr;  // the invoice's ship_to and end_user
  const v1::Party* ship_from = nullptr;
  const v1::Party* ship_to = nullptr;
  const v1::Party* consignee = nullptr;  // on the way; most orders have none
  const v1::Party* forwarder = nullptr;
  std::array<Line, 4> lines{};
  std::size_t line_count = 0;

  std::string_view id() const { return {id_text.data(), id_size}; }
  void add_line(const Product& product, std::int64_t quantity, std::int64_t unit_price_usd) {
    lines[line_count++] = {&product, quantity, unit_price_usd};
  }
};

OrderBook::OrderBook(Plan plan, std::uint64_t seed)
    : plan_(std::move(plan)), seed_(seed), seller_(nvidia()) {
  using v1::Party;
  for (const std::string_view country : {"TW", "US"}) {
    warehouses_.push_back(make_companies(country, "DEPOT", "Example Depot", 1, {country},
                                         Party::ADDRESS_TYPE_WAREHOUSE)[0]);
  }
  forwarders_ = make_companies("TW", "FWD", "Example Freight", 4, {"TW", "US", "DE"},
                               Party::ADDRESS_TYPE_OFFICE);
  diverted_users_ =
      make_companies("CN", "DIV", "Synthetic Lab", 6, {"CN"}, Party::ADDRESS_TYPE_DATA_CENTER);

  const std::array<int, kRegions> customer_counts{12, 8, 6, 8, 10};
  for (std::size_t r = 0; r < kRegions; ++r) {
    const std::string_view country = kRegionCodes[r];
    // Of Singapore's customers most are branches of companies of the United States.
    const auto parents = country == "SG" ? std::vector<std::string_view>{"US", "US", "US", "SG"}
                                         : std::vector<std::string_view>{country};
    customers_[r] = make_companies(country, "CUST", "Example Cloud", customer_counts[r], parents,
                                   Party::ADDRESS_TYPE_OFFICE);
    shells_[r] = make_companies(country, "SHELL", "Synthetic Trading", 5, {"ZZ"},
                                Party::ADDRESS_TYPE_OFFICE);
  }
  countries_ = {"US", "SG", "TW", "CN", "ZZ", "MY", "JP", "IN", "AU", "DE", "PH"};
  for (const std::string_view country : countries_) {
    places_.push_back({make_companies(country, "SITE", "Example Data Center", 6, {country},
                                      Party::ADDRESS_TYPE_DATA_CENTER),
                       make_companies(country, "HUB", "Synthetic Transit", 3, {"ZZ"},
                                      Party::ADDRESS_TYPE_FREE_TRADE_ZONE)});
  }

  std::size_t next = 0;
  for (int day = 0; day <= kDays; ++day) {
    while (next < plan_.diversions().size() && plan_.diversions()[next].day < day) ++next;
    first_diversion_.push_back(static_cast<std::int64_t>(next));
  }
}

const OrderBook::Places& OrderBook::places_of(std::string_view country) const {
  for (std::size_t i = 0; i < countries_.size(); ++i) {
    if (countries_[i] == country) return places_[i];
  }
  SW_CHECK(false && "every destination is listed");
  return places_.front();
}

std::uint64_t OrderBook::order_seed(const OrderKey& key) const {
  return hash(seed_, static_cast<std::uint64_t>(key.day), static_cast<std::uint64_t>(key.route),
              static_cast<std::uint64_t>(key.index));
}

bool OrderBook::is_split(const OrderKey& key) const {
  return key.route != Route::kDiverted &&
         plan_.is_split(plan_.first_order(key.day, key.route) + key.index);
}

Schedule OrderBook::schedule(const OrderKey& key) const {
  Random random(hash(order_seed(key), kTime));
  const auto second_of = [&](std::int64_t index, std::int64_t count) {
    // One in each of `count` equal parts of the day, somewhere within it.
    const auto part = 86'400 * kMicrosPerSecond / count;
    const Micros within =
        part * index + static_cast<Micros>(random.below(static_cast<std::uint64_t>(part)));
    return within / kMicrosPerSecond * kMicrosPerSecond;
  };
  const std::int64_t count = key.route == Route::kDiverted ? 1 : plan_.orders(key.day, key.route);
  const std::int64_t index = key.route == Route::kDiverted ? 0 : key.index;

  Schedule schedule{};
  schedule.invoice = kFirstDay + key.day * kMicrosPerDay + second_of(index, count);
  schedule.shipment_count = is_split(key) ? 2 : 1;
  for (int part = 0; part < schedule.shipment_count; ++part) {
    int offset = static_cast<int>(random.below(2 * kMaxShippingDays + 1)) - kMaxShippingDays;
    const int shifted = key.day % kDaysPerQuarter + offset;
    if (shifted < 0 || shifted >= kDaysPerQuarter) offset = -offset;
    schedule.shipments[static_cast<std::size_t>(part)] =
        kFirstDay + (key.day + offset) * kMicrosPerDay + second_of(0, 1);
  }
  return schedule;
}

std::int64_t OrderBook::order_amount(const OrderKey& key) const {
  // The day's amount is cut at places near the equal ones, each found without the others.
  const std::int64_t amount = plan_.amount(key.day, key.route);
  const std::int64_t count = plan_.orders(key.day, key.route);
  const auto cut = [&](std::int64_t index) -> std::int64_t {
    if (index == 0) return 0;
    if (index == count) return amount;
    const std::int64_t equal_part = amount / count;
    const auto shift = scale(hash(order_seed({key.day, key.route, index}), kCut),
                             static_cast<std::uint64_t>(equal_part * 3 / 4));
    return static_cast<std::int64_t>(static_cast<__int128>(amount) * index / count) -
           static_cast<std::int64_t>(shift);
  };
  return cut(key.index + 1) - cut(key.index);
}

void OrderBook::add_lines(std::int64_t amount, std::span<const Product> products,
                          std::int64_t min_units, Random* random, Order* order) const {
  constexpr std::int64_t kUsdForSeveralLines = 60'000;
  const int kinds = amount < kUsdForSeveralLines ? 1 : 1 + static_cast<int>(random->below(3));
  std::int64_t left = amount;
  for (int kind = 1; kind < kinds; ++kind) {
    const std::int64_t share = left / (kinds - kind + 1);
    const std::int64_t usd =
        share / 2 + static_cast<std::int64_t>(random->below(static_cast<std::uint64_t>(share)));
    const Product& product = pick_product(products, usd, random);
    const std::int64_t quantity = units_for(usd, product);
    order->add_line(product, quantity, usd / quantity);
    left -= usd / quantity * quantity;
  }
  const Product* product = &pick_product(products, left, random);
  if (units_for(left, *product) < min_units) product = &products.back();
  const std::int64_t quantity = std::max(min_units, units_for(left, *product));
  // What the price does not divide goes on units that cost a dollar more: exact in whole dollars.
  const std::int64_t dearer = left % quantity;
  order->add_line(*product, quantity - dearer, left / quantity);
  if (dearer > 0) order->add_line(*product, dearer, left / quantity + 1);
}

OrderBook::Order OrderBook::make_order(const OrderKey& key) const {
  Order order;
  Random random(hash(order_seed(key), kContent));
  const bool diverted = key.route == Route::kDiverted;
  const Diversion* diversion =
      diverted ? &plan_.diversions()[static_cast<std::size_t>(key.index)] : nullptr;
  const Region region =
      diverted ? diversion->bill_to : kRouteRegions[static_cast<std::size_t>(key.route)];
  const auto r = static_cast<std::size_t>(region);
  order.forwarder = &pick(forwarders_, &random);

  // Numbers go through a region's day: route after route, the diverted ones last.
  std::int64_t number = 1;
  for (int route = 0; route < kOrdinaryRoutes && route < static_cast<int>(key.route); ++route) {
    if (kRouteRegions[static_cast<std::size_t>(route)] == region) {
      number += plan_.orders(key.day, static_cast<Route>(route));
    }
  }
  number += key.index;

  if (diverted) {
    number -= first_diversion_[static_cast<std::size_t>(key.day)];
    const Places& hub = places_of(diversion->hub);
    order.bill_to = &pick(shells_[r], &random);
    order.declared = &pick(hub.sites, &random);
    order.consignee = &pick(hub.traders, &random);
    order.ship_from = order.consignee;
    order.ship_to = &pick(diverted_users_, &random);
    const Product& product = diversion->is_h800 ? kH800 : kH100;
    order.add_line(product, diversion->quantity, product.price_usd);
  } else {
    const std::string_view destination = choose_destination(key.route, &random);
    order.bill_to = &pick(customers_[r], &random);
    order.declared = &pick(places_of(destination).sites, &random);
    order.ship_to = order.declared;
    // Most is assembled and sent from Taiwan; for China all but what is sent directly.
    const bool from_us = key.route == Route::kCnDirect ||
                         (key.route != Route::kCnFromTaiwan && random.below(5) == 0);
    order.ship_from = &warehouses_[from_us ? 1 : 0];
    const bool to_china = region == Region::kCn;
    add_lines(order_amount(key), products_sold(key.day / kDaysPerQuarter, to_china),
              is_split(key) ? 2 : 1, &random, &order);
  }
  const auto end = fmt::format_to(order.id_text.data(), FMT_COMPILE("{}-{}-{:05}"), kRegionCodes[r],
                                  date_number(key.day), number);
  order.id_size = static_cast<std::size_t>(end - order.id_text.data());
  return order;
}

void OrderBook::write_invoice(const OrderKey& key, v1::Invoice* invoice) const {
  const Order order = make_order(key);
  set_id("INV-", order.id(), invoice->mutable_invoice_id());
  invoice->set_revision(1);
  invoice->set_type(v1::INVOICE_TYPE_INVOICE);
  set_id(kOrderPrefix, order.id(), invoice->mutable_order_id());
  set_time(schedule(key).invoice, invoice->mutable_issue_time());
  invoice->clear_original_invoice_id();
  *invoice->mutable_seller() = seller_;
  *invoice->mutable_bill_to() = *order.bill_to;
  *invoice->mutable_ship_to() = *order.declared;
  *invoice->mutable_end_user() = *order.declared;
  invoice->clear_payer();
  invoice->clear_lines();
  for (std::size_t i = 0; i < order.line_count; ++i) {
    v1::InvoiceLine* line = invoice->add_lines();
    line->set_line_number(static_cast<std::int32_t>(i + 1));
    line->set_sku(std::string(order.lines[i].product->sku));
    line->set_quantity(order.lines[i].quantity);
    line->mutable_unit_price()->set_currency_code("USD");
    line->mutable_unit_price()->set_units(order.lines[i].unit_price_usd);
    line->set_eccn(std::string(order.lines[i].product->eccn));
  }
}

void OrderBook::write_shipment(const OrderKey& key, int part, v1::Shipment* shipment) const {
  const Order order = make_order(key);
  const Schedule when = schedule(key);
  set_id("SHP-", order.id(), shipment->mutable_shipment_id());
  *shipment->mutable_shipment_id() += part == 0 ? "-1" : "-2";
  shipment->set_revision(1);
  shipment->set_type(v1::SHIPMENT_TYPE_DESPATCH);
  set_id(kOrderPrefix, order.id(), shipment->mutable_order_id());
  shipment->clear_invoice_ids();
  set_id("INV-", order.id(), shipment->add_invoice_ids());
  set_time(when.shipments[static_cast<std::size_t>(part)], shipment->mutable_despatch_time());
  *shipment->mutable_ship_from() = *order.ship_from;
  *shipment->mutable_ship_to() = *order.ship_to;
  *shipment->mutable_end_user() = *order.ship_to;
  *shipment->mutable_freight_forwarder() = *order.forwarder;
  if (order.consignee != nullptr) {
    *shipment->mutable_intermediate_consignee() = *order.consignee;
  } else {
    shipment->clear_intermediate_consignee();
  }

  std::int64_t units = 0;
  for (std::size_t i = 0; i < order.line_count; ++i) units += order.lines[i].quantity;
  // The first of two parts takes half of the units, line by line.
  std::int64_t skip = part == 0 ? 0 : units / 2;
  std::int64_t take = when.shipment_count == 1 ? units : part == 0 ? units / 2 : units - units / 2;
  shipment->clear_lines();
  for (std::size_t i = 0; i < order.line_count && take > 0; ++i) {
    const std::int64_t skipped = std::min(skip, order.lines[i].quantity);
    const std::int64_t taken = std::min(take, order.lines[i].quantity - skipped);
    skip -= skipped;
    take -= taken;
    if (taken == 0) continue;
    v1::ShipmentLine* line = shipment->add_lines();
    line->set_line_number(static_cast<std::int32_t>(i + 1));
    line->set_sku(std::string(order.lines[i].product->sku));
    line->set_quantity(taken);
  }
}

}  // namespace surgewatch::simulate
