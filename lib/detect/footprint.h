// What a detector may take at the most, by its configuration alone.
//
// Threads: any.
#pragma once

#include "base/saturating.h"
#include "config/config.h"
#include "config/footprint.h"

namespace surgewatch::detect {

// Appends the shares of a detector that follows so many sources of each topic, of one generation of
// figures.
void add_detector(const config::Config& config, Saturating sources, config::Shares* shares);

// Bytes of one revision of an alert, and of a subject's name, whatever rule they are of.
Saturating alert_bytes(const config::Config& config);
Saturating name_bytes(const config::Config& config);

}  // namespace surgewatch::detect
