// How figures, periods and subjects are said, and what an alert says with them.
//
// Determinism: no locale, no time zone but UTC. Wherever a party is spoken of: "inquire".
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "detect/alert_text.h"
#include "detect/evaluate.h"
#include "detect/revisions.h"

namespace surgewatch::detect {

// The explanation of a revision: what is, against what, and what to ask. For people: names of
// parties and goods in it are printable_word()s, while the alert has them exactly in its subject
// and labels.
std::string explanation(const RuleShape& shape, const SubjectName& subject,
                        const Revision& revision, const Composition& composition);

std::string percent(double share);  // 0.219 → "21.9 %"
double growth_percent(double ratio);
std::string window_text(const RuleShape& shape, PaneIndex pane);
std::string base_text(const RuleShape& shape);  // of a reference period
std::string last_day_text(Micros end);
std::string subject_text(const RuleShape& shape, const SubjectName& subject);

// The amount that shares of a window are of; in share_shift the subject's.
double window_amount(const RuleShape& shape, const Figures& figures);
// "41.0 % of the window".
std::string part_of_window(double part, double amount);

// evidence.cc: what the revision stands on, one fact each.
void add_evidence(const RuleShape& shape, const SubjectName& subject, const Revision& revision,
                  const Composition& composition, const std::vector<NamedPart>& parts,
                  v1::Alert* alert);

}  // namespace surgewatch::detect
