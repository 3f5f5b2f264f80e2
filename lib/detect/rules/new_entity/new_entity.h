// new_entity: a subject that was never seen before, or does more than its like.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& new_entity();

}  // namespace surgewatch::detect
