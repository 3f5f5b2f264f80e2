// capacity: more chips than data centres can hold.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& capacity();

}  // namespace surgewatch::detect
