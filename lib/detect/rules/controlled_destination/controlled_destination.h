// controlled_destination: controlled parts without a licence.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& controlled_destination();

}  // namespace surgewatch::detect
