// Renders findings: the Alert and the SeriesPoint as they are published.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "detect/finding.h"
#include "detect/lifecycle.h"
#include "detect/revisions.h"
#include "detect/say/composition.h"
#include "detect/say/evidence.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {

v1::Alert make_alert(const config::Config& config, const RuleShape& shape,
                     const SubjectName& subject, const Revision& revision,
                     const Composition& composition, const std::vector<NamedPart>& parts);

v1::SeriesPoint make_point(const Finding& finding, bool firing, LifeState state);

// `al-` and the 16 hexadecimal digits of XXH3 over rule, subject and end of the onset window.
std::string alert_id(const RuleShape& shape, const SubjectName& subject, PaneIndex onset);

}  // namespace surgewatch::detect
