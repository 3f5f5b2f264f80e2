// typology: what several rules found about one subject, weighed and added up.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& typology();

}  // namespace surgewatch::detect
