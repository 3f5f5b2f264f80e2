// Who and what makes most of a window: orders, parties, goods, lanes.
#pragma once

#include "detect/finding.h"
#include "detect/say/composition.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {

// What contributes most first; of equals what has fewer labels. None of a window
// that has no answer.
void add_contributors(const Finding& finding, const Composition& composition, v1::Alert* alert);

}  // namespace surgewatch::detect
