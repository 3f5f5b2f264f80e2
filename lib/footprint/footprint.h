// What a configuration may take at the most, before anything is there: whether it is possible.
//
//   config ──┬─► aggregate: a source of each topic for each worker
//            ├─► detect:    the journal's figures, rules
//            ├─► serve:     revisions, points, metrics
//            └─► the rest:  clients of Kafka, the program
//                     │
//                     └──► shares, the sum of which limits.memory must hold
//
// The figure is that of one process that does everything, as `surgewatch run` and `replay` do; each
// part of it is what a service alone may take. It is a worst case: every series has as many keys as
// it can, every key holds something in every pane, every pane is corrected once.
// docs/configuration.md says what it can't know.
//
// Threads: any.
// Errors: load() as config::load(); and INVALID_ARGUMENT where the configuration may take more than
// its limits.memory, naming what takes most of it as `file:line:column: message`, one a line.
// Cost: some milliseconds with large tables.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/saturating.h"
#include "config/config.h"
#include "config/footprint.h"

namespace surgewatch::footprint {

struct Part {
  std::string name;  // aggregator, detector, gateway, process
  config::Shares shares;

  Saturating bytes() const;
};

struct Footprint {
  std::vector<Part> parts;

  Saturating bytes() const;
};

Footprint of(const config::Config& config);

// Whether limits.memory holds it.
absl::Status check(const config::Config& config, const Footprint& footprint);

// For a person: a line for each share that is worth one, the largest first in its part.
std::vector<std::string> table(const config::Config& config, const Footprint& footprint);

// What every program starts from: a configuration that is sound and possible.
absl::StatusOr<std::shared_ptr<const config::Config>> load(const std::string& path);

}  // namespace surgewatch::footprint
