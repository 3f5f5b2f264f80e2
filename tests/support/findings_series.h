// A series of what is found in orders, as a rule of an order type has one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "config/config.h"

namespace surgewatch::test {

inline config::Series findings_series(std::string name, std::uint64_t definition = 0) {
  config::Series series;
  series.name = std::move(name);
  series.event = Topic::kOrders;
  series.group_by.assign(config::kFindingDimensions.begin(), config::kFindingDimensions.end());
  series.measures = {Measure::kDocuments, Measure::kUnits, Measure::kChips};
  series.definition = definition;
  return series;
}

}  // namespace surgewatch::test
