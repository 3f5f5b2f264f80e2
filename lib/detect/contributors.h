// Which keys of the series make up most of what a window holds of a subject.
#pragma once

#include <vector>

#include "detect/alert_text.h"
#include "detect/evaluate.h"
#include "journal/merger.h"

namespace surgewatch::detect {

// At most kMaxContributors of `keys` (the subject's), the largest first; equal ones by their names.
// None if the subject is as fine as the series.
std::vector<Contributor> contributors(const RuleShape& shape, const journal::Merger& merger,
                                      const SubjectName& subject,
                                      const std::vector<journal::KeyId>& keys, PaneIndex pane);

}  // namespace surgewatch::detect
