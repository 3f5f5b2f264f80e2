// redirected: shipments whose destination was changed.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& redirected();

}  // namespace surgewatch::detect
