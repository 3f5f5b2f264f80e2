// What a gateway may take at the most, by its configuration alone.
//
// Threads: any.
#pragma once

#include "base/saturating.h"
#include "config/config.h"
#include "config/footprint.h"

namespace surgewatch::serve {

// Appends its shares. `alert`: bytes of one revision; `subject`: of a subject's name.
void add_gateway(const config::Config& config, Saturating alert, Saturating subject,
                 config::Shares* shares);

}  // namespace surgewatch::serve
