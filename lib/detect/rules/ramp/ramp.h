// ramp: a rise that lasts. As surge, judged by the evidence that cumulates over many windows.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& ramp();

}  // namespace surgewatch::detect
