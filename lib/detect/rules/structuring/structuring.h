// structuring: orders that stay just below a cap.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& structuring();

}  // namespace surgewatch::detect
