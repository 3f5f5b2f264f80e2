#include "detect/rules/table.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "base/check.h"
#include "detect/rules/capacity/capacity.h"
#include "detect/rules/concentration/concentration.h"
#include "detect/rules/controlled_destination/controlled_destination.h"
#include "detect/rules/divergence/divergence.h"
#include "detect/rules/intermediary/intermediary.h"
#include "detect/rules/new_entity/new_entity.h"
#include "detect/rules/order_diversion/order_diversion.h"
#include "detect/rules/order_mismatch/order_mismatch.h"
#include "detect/rules/ramp/ramp.h"
#include "detect/rules/rebilled/rebilled.h"
#include "detect/rules/redirected/redirected.h"
#include "detect/rules/repeated_serial/repeated_serial.h"
#include "detect/rules/rule_type.h"
#include "detect/rules/share_shift/share_shift.h"
#include "detect/rules/structuring/structuring.h"
#include "detect/rules/surge/surge.h"
#include "detect/rules/surge_since/surge_since.h"
#include "detect/rules/third_party_payer/third_party_payer.h"
#include "detect/rules/threshold/threshold.h"
#include "detect/rules/typology/typology.h"

namespace surgewatch::detect {

std::span<const RuleType* const> rule_types() {
  static const std::array all{&surge_since(),
                              &surge(),
                              &ramp(),
                              &share_shift(),
                              &new_entity(),
                              &divergence(),
                              &threshold(),
                              &concentration(),
                              &capacity(),
                              &intermediary(),
                              &order_diversion(),
                              &order_mismatch(),
                              &controlled_destination(),
                              &redirected(),
                              &rebilled(),
                              &third_party_payer(),
                              &structuring(),
                              &repeated_serial(),
                              &typology()};
  return all;
}

config::RuleSpecs rule_specs() {
  static const auto all = [] {
    std::vector<const config::RuleSpec*> specs;
    std::ranges::transform(rule_types(), std::back_inserter(specs),
                           [](const RuleType* type) { return &type->spec; });
    return specs;
  }();
  return all;
}

const RuleType& rule_type(const config::RuleSpec& spec) {
  const auto found = std::ranges::find(rule_specs(), &spec);
  SW_CHECK(found != rule_specs().end());
  return *rule_types()[static_cast<std::size_t>(found - rule_specs().begin())];
}

}  // namespace surgewatch::detect
