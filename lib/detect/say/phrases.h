// How figures, periods and subjects are said: the phrases that sentences and evidence are made of.
// For people: names of parties and goods are printable_word()s.
//
// Determinism: no locale, no time zone but UTC.
#pragma once

#include <string>
#include <string_view>

#include "base/measures.h"
#include "base/time.h"
#include "detect/figures.h"
#include "detect/finding.h"
#include "detect/rule_shape.h"
#include "detect/subject_name.h"

namespace surgewatch::detect {

std::string amount_text(Measure measure, double amount);  // "7,697.0 million USD", "12,300"
std::string percent(double share);                        // 0.219 → "21.9 %"
std::string chance_text(double p);                        // "0.0012", "3.1e-09"
double growth_percent(double ratio);

std::string_view noun(const RuleShape& shape);  // of what is measured: "The number of chips"
std::string subject_text(const RuleShape& shape, const SubjectName& subject);
std::string window_text(const RuleShape& shape, PaneIndex pane);  // "in the 91 days to 2024-10-27"
std::string base_text(const RuleShape& shape);                    // of what it is compared with
// "2024-10-27" for the last day of whole days, the first instant after the period otherwise.
std::string last_day_text(Micros end);

// "Revenue billed to SG was 7,697.0 million USD in the 91 days to 2024-10-27"; `so far` of a window
// that is open.
std::string amount_in_window_text(const Finding& finding, bool is_open);
// The same without an amount: "Revenue billed to SG", "so far in the 91 days to 2024-10-27".
std::string what_text(const Finding& finding);
std::string when_text(const Finding& finding, bool is_open);
// "; the whole grew 2.599 times, so the excess is 2.842"; empty where there is no whole.
std::string whole_text(const Figures& figures);

// What the window holds of the subject, in the rule's measure.
double window_amount(const RuleShape& shape, const Figures& figures);
// "41.0 % of the window".
std::string part_of_window(double part, double amount);

}  // namespace surgewatch::detect
