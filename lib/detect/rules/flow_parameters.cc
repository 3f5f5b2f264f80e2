#include "detect/rules/flow_parameters.h"

namespace surgewatch::detect::parameters {
namespace {

constexpr statistics::Range<double> kFloorRange{1, config::kMaxObserved};

}  // namespace

config::Parameter floor(std::string_view meaning) {
  return {"floor", "the measure's", meaning, "1000; of revenue_usd 1000000, in dollars",
          config::AssumedNumber{kFloorRange, &config::Assumptions::floor}};
}

}  // namespace surgewatch::detect::parameters
