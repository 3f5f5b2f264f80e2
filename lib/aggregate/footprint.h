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
// Of so many pairs of partitions, where a rule looks into orders.
void add_pairs(const config::Config& config, Saturating pairs, config::Shares* shares);

}  // namespace surgewatch::aggregate
