// An alert in one line, as a person reads it on a terminal or in a log, and the words of that line.
// Names out of events and topics are printable_word()s (base/printable.h). The alert's own
// explanation and evidence are lib/detect's.
//
// Threads: any.
#pragma once

#include <string>

#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::services {

// "7,697.0 million USD", "12,345 chips".
std::string format_amount(double value, const std::string& unit);

// Why an alert is resolved: "its rule was removed"; empty of one that does not say.
std::string resolution_text(v1::Resolution resolution);

// One line: severity, state, rule, subject, ratio with growth, window, timing, and of what is
// resolved why. Colours where asked.
std::string alert_line(const v1::Alert& alert, bool colour);

// The same for its peak: the highest closed window since onset.
std::string peak_line(const v1::Alert& alert, bool colour);

// What its window is made of, in one line: routes and what came straight, the largest contributors,
// rules with their weights, or the largest orders by their ids. Empty where the alert says nothing.
std::string made_of_line(const v1::Alert& alert);

// Standard output is a terminal and NO_COLOR is not set.
bool colour_wanted();

}  // namespace surgewatch::services
