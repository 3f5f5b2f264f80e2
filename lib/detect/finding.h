// What judging hands to saying: a rule, the subject it looked at, a window, and what it makes of
// it. The verdict and the score are among the figures. Alerts are rendered from it (say/).
#pragma once

#include <span>
#include <string_view>

#include "base/time.h"
#include "detect/figures.h"
#include "detect/rule_shape.h"
#include "detect/subject_name.h"

namespace surgewatch::detect {

// What a window holds of one of the values that share a subject's sum.
struct WindowPart {
  std::string_view value;
  double amount = 0;
};

// Refers to what others hold: good for as long as a sentence takes.
struct Finding {
  const RuleShape& rule;
  const SubjectName& subject;
  PaneIndex window = 0;  // its last pane
  const Figures& figures;
  // Of rules with Rule::parts: all that the window holds something of, the largest first.
  std::span<const WindowPart> parts = {};
};

}  // namespace surgewatch::detect
