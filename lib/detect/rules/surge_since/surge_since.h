// surge_since: more than since a date. A window against a fixed reference period.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& surge_since();

}  // namespace surgewatch::detect
