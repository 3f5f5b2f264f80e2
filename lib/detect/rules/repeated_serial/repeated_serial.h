// repeated_serial: a serial number that was sent a second time and had not come back.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& repeated_serial();

}  // namespace surgewatch::detect
