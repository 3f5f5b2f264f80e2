// divergence: billed there, not delivered there.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& divergence();

}  // namespace surgewatch::detect
