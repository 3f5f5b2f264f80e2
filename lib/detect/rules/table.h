// All rule types that there are. This and table.cc are the only places that name them all.
//
// Threads: any.
#pragma once

#include <span>

#include "config/config.h"

namespace surgewatch::detect {

class RuleType;

std::span<const RuleType* const> rule_types();
// What they declare, in the same order: for config::load().
config::RuleSpecs rule_specs();
// The type that declares this.
const RuleType& rule_type(const config::RuleSpec& spec);

}  // namespace surgewatch::detect
