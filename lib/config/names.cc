// The words of config.h, and how they are read.
#include <algorithm>
#include <array>

#include "config/config.h"

namespace surgewatch::config {
namespace {

constexpr std::array<std::string_view, kDimensionCount> kDimensionNames{
    "seller",
    "bill_to",
    "ship_to",
    "end_user",
    "payer",
    "ship_from",
    "intermediate_consignee",
    "freight_forwarder",
    "declared",
    "destination",
    "region",
    "lane_from",
    "lane_to",
    "seller.party_id",
    "bill_to.party_id",
    "ship_to.party_id",
    "end_user.party_id",
    "payer.party_id",
    "ship_from.party_id",
    "intermediate_consignee.party_id",
    "freight_forwarder.party_id",
    "party",
    "family",
    "sku",
    "control_class",
    "found_by"};

bool holds(const std::vector<std::string>& values, std::string_view value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

std::string_view dimension_name(Dimension dimension) {
  return kDimensionNames[static_cast<std::size_t>(dimension)];
}

std::optional<Dimension> dimension_from_name(std::string_view name) {
  const auto found = std::find(kDimensionNames.begin(), kDimensionNames.end(), name);
  if (found == kDimensionNames.end()) return std::nullopt;
  return static_cast<Dimension>(found - kDimensionNames.begin());
}

std::string_view measure_name(const Series& series, Measure measure) {
  if (measure == Measure::kDocuments && series.event == Topic::kOrders) return "orders";
  if (measure == Measure::kDocuments && series.event == Topic::kRules) return "findings";
  return surgewatch::measure_name(measure);
}

bool Condition::admits(std::string_view value) const {
  return (in.empty() || holds(in, value)) && !holds(not_in, value);
}

}  // namespace surgewatch::config
