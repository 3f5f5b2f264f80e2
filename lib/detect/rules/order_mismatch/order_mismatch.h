// order_mismatch: billed and not shipped, or shipped and not billed.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& order_mismatch();

}  // namespace surgewatch::detect
