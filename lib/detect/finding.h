// What judging hands to saying: a rule, the subject it looked at, a window, and what it makes of
// it. The verdict and the score are among the figures. Alerts are rendered from it (say/).
#pragma once

#include "base/time.h"
#include "detect/figures.h"
#include "detect/rule_shape.h"
#include "detect/subject_name.h"

namespace surgewatch::detect {

// Refers to what others hold: good for as long as a sentence takes.
struct Finding {
  const RuleShape& rule;
  const SubjectName& subject;
  PaneIndex window = 0;  // its last pane
  const Figures& figures;
};

}  // namespace surgewatch::detect
