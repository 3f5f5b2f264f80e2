// How the story's revenue is cut into orders: for each day and route an amount in whole dollars and
// a number of orders.
//
// Invariants: for each billing region and fiscal quarter the amounts add up to the reported figure
// to the dollar, and those of two days of a quarter differ by at most one dollar. Each route that
// has an amount has an order.
// Units: whole US dollars; days count from 2023-01-30.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/time.h"

namespace surgewatch::simulate {

inline constexpr int kDaysPerQuarter = 91;
inline constexpr int kDays = 8 * kDaysPerQuarter;
inline constexpr Micros kFirstDay = 19'387 * kMicrosPerDay;  // 2023-01-30

enum class Region : std::uint8_t { kUs, kSg, kTw, kCn, kZz };
inline constexpr int kRegions = 5;
inline constexpr std::array<std::string_view, kRegions> kRegionCodes{"US", "SG", "TW", "CN", "ZZ"};

// Where the orders of a region go.
enum class Route : std::uint8_t {
  kUs,           // billed and delivered in the United States
  kSgStays,      // billed and delivered in Singapore
  kSgElsewhere,  // billed in Singapore, declared for and delivered to other countries
  kTw,           // billed in Taiwan, delivered there and elsewhere
  kCnFromTaiwan,
  kCnDirect,  // billed and delivered in China, sent from the United States
  kZz,        // billed in "other countries", which the reports don't name; nor do the deliveries
  kDiverted,  // the press's chips, billed as Diversion says
};
inline constexpr int kOrdinaryRoutes = 7;
inline constexpr std::array<Region, kOrdinaryRoutes> kRouteRegions{
    Region::kUs, Region::kSg, Region::kSg, Region::kTw, Region::kCn, Region::kCn, Region::kZz};

// A synthetic order of the press's 10,000 H100 and 10,000 H800: declared for `hub`, found in China.
struct Diversion {
  int day;
  Region bill_to;         // kSg or kZz
  std::string_view hub;   // SG, PH or MY: declared destination, then intermediate consignee
  bool is_h800;           // else H100
  std::int64_t quantity;  // chips
  std::int64_t usd() const;
};
inline constexpr std::int64_t kDivertedChipsOfEach = 10'000;

class Plan {
 public:
  // INVALID_ARGUMENT unless min_events() <= events <= kMaxEvents.
  static absl::StatusOr<Plan> make(std::uint64_t events);

  // One invoice and one shipment for each order that the story needs.
  static std::uint64_t min_events();
  // Beyond this an order would be worth less than a chip.
  static constexpr std::uint64_t kMaxEvents = 10'000'000;

  std::int64_t amount(int day, Route route) const { return amounts_[cell(day, route)]; }
  // How many ordinary orders have `route` on `day`.
  std::int64_t orders(int day, Route route) const {
    return first_order_[cell(day, route) + 1] - first_order_[cell(day, route)];
  }
  // Ordinary orders are numbered through all days and routes.
  std::int64_t first_order(int day, Route route) const { return first_order_[cell(day, route)]; }
  // Whether the order goes in two shipments: as many do as make up the number of events.
  bool is_split(std::int64_t order) const;
  // All of them, by day.
  const std::vector<Diversion>& diversions() const { return diversions_; }

 private:
  Plan();
  static std::size_t cell(int day, Route route) {
    return static_cast<std::size_t>(day) * kOrdinaryRoutes + static_cast<std::size_t>(route);
  }
  std::int64_t min_orders() const;

  std::vector<Diversion> diversions_;
  std::vector<std::int64_t> amounts_;      // by cell
  std::vector<std::int64_t> first_order_;  // by cell, and the number of all at the end
  std::int64_t split_orders_ = 0;
};

}  // namespace surgewatch::simulate
