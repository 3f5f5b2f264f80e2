// What a source may take at the most, by its configuration alone.
//
// Threads: any.
#pragma once

#include "base/source.h"
#include "config/config.h"
#include "config/footprint.h"

namespace surgewatch::aggregate {

// Appends the shares of `sources` sources of the topic.
void add_sources(const config::Config& config, Topic topic, Saturating sources,
                 config::Shares* shares);

}  // namespace surgewatch::aggregate
