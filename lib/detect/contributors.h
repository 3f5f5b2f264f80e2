// What a window holds of a subject: which keys of the series make up most of it, and how large its
// largest document is.
#pragma once

#include <span>

#include "detect/alert_text.h"
#include "detect/evaluate.h"
#include "journal/merger.h"

namespace surgewatch::detect {

// Contributors are at most kMaxContributors of `keys` (the subject's), the largest first; equal
// ones by their names. None if the subject is as fine as the series.
Composition composition(const RuleShape& shape, const journal::Merger& merger,
                        const SubjectName& subject, std::span<const journal::KeyId> keys,
                        PaneIndex pane);

}  // namespace surgewatch::detect
