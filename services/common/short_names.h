// The short forms that labels, options and lines for people have of the wire's names:
// SEVERITY_WARNING → warning, RULE_TYPE_SURGE_SINCE → surge_since.
//
// Threads: any.
#pragma once

#include <string>

#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::services {

std::string short_name(v1::Severity severity);
std::string short_name(v1::AlertState state);
std::string short_name(v1::Timing timing);
std::string short_name(v1::RuleType type);

}  // namespace surgewatch::services
