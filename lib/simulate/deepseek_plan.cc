#include "simulate/deepseek_plan.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "base/check.h"
#include "base/status.h"
#include "simulate/products.h"
#include "simulate/revenue_table.h"

namespace surgewatch::simulate {
namespace {

// Delivered to Singapore, in parts of 10,000 of the company's revenue of the quarter. Singapore's
// government said "less than 1 %" for the quarter that ended on 2024-10-27, NVIDIA "less than 2 %"
// for fiscal 2025; that other quarters are alike is assumed.
constexpr std::int64_t kDeliveredToSingapore = 95;
// Of what is billed in China, sent there straight from the United States: 1 part in 1,000. Made up,
// so that the press's claim (more by way of third countries than straight) is there to be found.
constexpr std::int64_t kDirectDivisor = 1'000;

constexpr int kDiversionsOfEach = 250;
constexpr std::array<std::int64_t, 5> kDiversionSizes{24, 32, 40, 48, 56};  // 40 on average

std::int64_t on_day(std::int64_t quarter_total, int day_of_quarter) {
  return quarter_total / kDaysPerQuarter + (day_of_quarter < quarter_total % kDaysPerQuarter);
}

using Quarter = std::array<std::int64_t, kRegions>;

// Reported revenue in dollars by quarter and region.
std::array<Quarter, kQuarters> reported() {
  const auto rows = revenue_table();
  SW_CHECK(rows.size() == kQuarters * kRegions);
  std::array<Quarter, kQuarters> result{};
  for (std::size_t q = 0; q < kQuarters; ++q) {
    const Micros last_day =
        kFirstDay + (static_cast<Micros>(q + 1) * kDaysPerQuarter - 1) * kMicrosPerDay;
    for (std::size_t r = 0; r < kRegions; ++r) {
      const RevenueRow& row = rows[q * kRegions + r];
      SW_CHECK(row.quarter_end == format_date(last_day) && row.region == kRegionCodes[r]);
      result[q][r] = row.million_usd * 1'000'000;
    }
  }
  return result;
}

// Half by Singapore, three in ten by the Philippines, the rest by Malaysia. H800 begin after the
// rule of 2023-11-17 that controls them; before it, China needed no detour for them.
void add_diversions(bool is_h800, int first_day, int last_day, std::vector<Diversion>* diversions) {
  static constexpr std::array<std::string_view, 10> kHubs{"SG", "PH", "SG", "MY", "SG",
                                                          "PH", "SG", "MY", "SG", "PH"};
  for (int i = 0; i < kDiversionsOfEach; ++i) {
    const std::string_view hub = kHubs[static_cast<std::size_t>(i % 10)];
    diversions->push_back({
        .day = first_day + i * (last_day - first_day) / (kDiversionsOfEach - 1),
        .bill_to = hub == "PH" ? Region::kZz : Region::kSg,
        .hub = hub,
        .is_h800 = is_h800,
        .quantity = kDiversionSizes[static_cast<std::size_t>(i / 10 + i) % kDiversionSizes.size()],
    });
  }
}

// Shares `extra` among the cells in proportion to their amounts, the remainder to the largest
// fractions, equal ones in order (Hamilton's method).
std::vector<std::int64_t> largest_remainder(std::int64_t extra,
                                            const std::vector<std::int64_t>& amounts) {
  const auto total = std::accumulate(amounts.begin(), amounts.end(), std::int64_t{0});
  std::vector<std::int64_t> shares(amounts.size());
  std::vector<std::int64_t> fractions(amounts.size());
  std::int64_t given = 0;
  for (std::size_t i = 0; i < amounts.size(); ++i) {
    const auto product = static_cast<__int128>(extra) * amounts[i];
    shares[i] = static_cast<std::int64_t>(product / total);
    fractions[i] = static_cast<std::int64_t>(product % total);
    given += shares[i];
  }
  std::vector<std::size_t> order(amounts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return fractions[a] > fractions[b]; });
  for (std::size_t i = 0; given < extra; ++i, ++given) ++shares[order[i]];
  return shares;
}

}  // namespace

std::int64_t Diversion::usd() const {
  return quantity * (is_h800 ? kH800.price_usd : kH100.price_usd);
}

Plan::Plan() : amounts_(static_cast<std::size_t>(kDays) * kOrdinaryRoutes) {
  // Shipments may leave five days before or after: 2023-08-06 and 2024-12-26 keep all of them in
  // August 2023 to December 2024, 2023-11-22 the H800 behind the rule.
  constexpr int kAug06 = 188, kNov22 = 296, kDec26 = 696;
  add_diversions(false, kAug06, kDec26, &diversions_);
  add_diversions(true, kNov22, kDec26, &diversions_);
  std::stable_sort(diversions_.begin(), diversions_.end(),
                   [](const Diversion& a, const Diversion& b) { return a.day < b.day; });

  std::vector<Quarter> diverted(kDays);
  std::array<std::int64_t, kQuarters> diverted_by_singapore{};
  for (const Diversion& diversion : diversions_) {
    const auto day = static_cast<std::size_t>(diversion.day);
    diverted[day][static_cast<std::size_t>(diversion.bill_to)] += diversion.usd();
    if (diversion.hub == "SG") diverted_by_singapore[day / kDaysPerQuarter] += diversion.usd();
  }

  const auto quarters = reported();
  for (int day = 0; day < kDays; ++day) {
    const auto q = static_cast<std::size_t>(day / kDaysPerQuarter);
    const int day_of_quarter = day % kDaysPerQuarter;
    Quarter left{};  // what ordinary orders have to make up
    for (std::size_t r = 0; r < kRegions; ++r) {
      left[r] = on_day(quarters[q][r], day_of_quarter) - diverted[static_cast<std::size_t>(day)][r];
    }
    const auto company = std::accumulate(quarters[q].begin(), quarters[q].end(), std::int64_t{0});
    const std::int64_t declared_for_singapore = company / 10'000 * kDeliveredToSingapore;
    const std::int64_t stays =
        on_day(declared_for_singapore - diverted_by_singapore[q], day_of_quarter);
    const std::int64_t direct = left[3] / kDirectDivisor;
    const std::array<std::int64_t, kOrdinaryRoutes> amounts{
        left[0], stays, left[1] - stays, left[2], left[3] - direct, direct, left[4]};
    for (std::size_t route = 0; route < kOrdinaryRoutes; ++route) {
      SW_CHECK(amounts[route] > 0);
      amounts_[cell(day, static_cast<Route>(route))] = amounts[route];
    }
  }
}

std::int64_t Plan::min_orders() const {
  return static_cast<std::int64_t>(amounts_.size() + diversions_.size());
}

std::uint64_t Plan::min_events() { return 2 * static_cast<std::uint64_t>(Plan().min_orders()); }

absl::StatusOr<Plan> Plan::make(std::uint64_t events) {
  Plan plan;
  const std::int64_t min_orders = plan.min_orders();
  if (events < 2 * static_cast<std::uint64_t>(min_orders) || events > kMaxEvents) {
    return invalid_argument(
        "scenario deepseek takes {} to {} events, not {}: fewer can't hold an order for each day "
        "and route, and with more an order would be worth less than a chip; change --events",
        2 * min_orders, kMaxEvents, events);
  }
  // About one order in a hundred goes in two shipments; how many exactly makes the number even.
  const auto wanted = static_cast<std::int64_t>(events);
  const std::int64_t orders = std::max(min_orders, wanted * 100 / 201);
  plan.split_orders_ = wanted - 2 * orders;

  const auto extra = largest_remainder(orders - min_orders, plan.amounts_);
  plan.first_order_.assign(1, 0);
  for (const std::int64_t more : extra) {
    plan.first_order_.push_back(plan.first_order_.back() + 1 + more);
  }
  return plan;
}

bool Plan::is_split(std::int64_t order) const {
  const std::int64_t all = first_order_.back();
  // The k-th of s split orders is where order * s / all steps.
  return (order + 1) * split_orders_ / all != order * split_orders_ / all;
}

}  // namespace surgewatch::simulate
