// Alerts and figures as a person reads them in a terminal. Names out of events and topics are
// printable_word()s (base/printable.h).
#pragma once

#include <string>

#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::services {

// "7,697.0 million USD", "12,345 chips".
std::string format_amount(double value, const std::string& measure);

// Short forms: SEVERITY_WARNING → warning, RULE_TYPE_SURGE_SINCE → surge_since.
std::string short_name(v1::Severity severity);
std::string short_name(v1::AlertState state);
std::string short_name(v1::Timing timing);
std::string short_name(v1::RuleType type);

// Why an alert is resolved: "its rule was removed"; empty of one that does not say.
std::string resolution_text(v1::Resolution resolution);

// One line: severity, state, rule, subject, ratio with growth, window, timing, and of what is
// resolved why. Colours where asked.
std::string alert_line(const v1::Alert& alert, bool colour);

// The same for its peak: the highest closed window since onset.
std::string peak_line(const v1::Alert& alert, bool colour);

// Standard output is a terminal and NO_COLOR is not set.
bool colour_wanted();

}  // namespace surgewatch::services
