// concentration: sums in fewer hands.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& concentration();

}  // namespace surgewatch::detect
