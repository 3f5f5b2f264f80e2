// third_party_payer: paid from another country than is billed.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& third_party_payer();

}  // namespace surgewatch::detect
