// order_diversion: goods sent elsewhere than the order declares.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& order_diversion();

}  // namespace surgewatch::detect
