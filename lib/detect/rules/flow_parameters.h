// What the parameters of rules that compare flows are, where types share them.
//
// Threads: any.
#pragma once

#include "config/rule_spec.h"

namespace surgewatch::detect::parameters {

// Below which a window is not spoken of.
config::Parameter floor(std::string_view meaning);

}  // namespace surgewatch::detect::parameters
