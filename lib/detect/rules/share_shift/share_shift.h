// share_shift: a larger part of the whole, against the share of a reference period, or against the
// share that earlier windows have taught.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& share_shift();

}  // namespace surgewatch::detect
