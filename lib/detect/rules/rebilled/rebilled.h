// rebilled: credited, and billed again to another country.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& rebilled();

}  // namespace surgewatch::detect
