// What is sold when: SKUs of the catalogue with rough list prices, and which of them a quarter's
// orders are made of.
//
// Prices are round market figures, good to about a third (docs/simulate.md); the amounts of the
// story don't rest on them, the numbers of chips do.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace surgewatch::simulate {

struct Product {
  std::string_view sku;
  std::int64_t price_usd;  // one unit
  std::string_view eccn;   // by performance
};

inline constexpr Product kH100{"H100-SXM5-80GB", 30'000, "4A090.a"};
inline constexpr Product kH800{"H800-SXM5-80GB", 30'000, "4A090.a"};

inline constexpr int kQuarters = 8;  // fiscal 2024 and 2025

// Those that sell most first, the cheapest last. What goes to China needs no licence at its date:
// A800, H800 and L40S were controlled from 2023-11-17, H20 from 2025-04-09, L20 and L2 never.
std::span<const Product> products_sold(int quarter, bool to_china);

}  // namespace surgewatch::simulate
