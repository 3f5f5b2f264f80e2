// The configuration's enumerations as the schema has them.
#pragma once

#include "config/config.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::config {

v1::RuleType wire(const RuleSpec& type);
v1::Severity wire(Severity severity);

}  // namespace surgewatch::config
