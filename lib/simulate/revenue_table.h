// NVIDIA's reported revenue by billing location, fiscal 2024 and 2025, as the build embeds it from
// data/trade/nvidia_revenue_by_billing_region.csv (sources are there).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace surgewatch::simulate {

struct RevenueRow {
  std::string_view quarter_end;  // last day of the fiscal quarter, which has 91 days
  std::string_view region;       // US, SG, TW, CN, or ZZ for other countries
  std::int64_t million_usd;
};

// In the file's order: quarters ascending, five regions each.
std::span<const RevenueRow> revenue_table();

}  // namespace surgewatch::simulate
