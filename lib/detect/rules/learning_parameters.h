// The parameters that types share which learn what is usual, and what is taken where they are not
// given. Lengths are in windows of the rule.
#pragma once

#include <string_view>

#include "base/time.h"
#include "config/rule_spec.h"

namespace surgewatch::detect::parameters {

// Fills in all that is the same for every type: lengths by the window, the lines of the tests of
// lib/statistics. With method surge+ramp, which is the default, the tests share out the false
// alarms.
void defaults(Micros window, config::Learning* learning);

config::Parameter period();
config::Parameter guard();
config::Parameter warm_up();
config::Parameter baseline();
config::Parameter alpha(std::string_view fallback);
config::Parameter false_discovery_rate();
config::Parameter kappa();
config::Parameter h(std::string_view meaning, std::string_view fallback);
config::Parameter rollup();
config::Parameter accepted();

}  // namespace surgewatch::detect::parameters
