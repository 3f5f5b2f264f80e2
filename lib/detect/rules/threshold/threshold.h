// threshold: a sum that reaches a line.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& threshold();

}  // namespace surgewatch::detect
