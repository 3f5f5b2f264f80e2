// intermediary: more by way of third countries than straight.
#pragma once

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

const RuleType& intermediary();

}  // namespace surgewatch::detect
