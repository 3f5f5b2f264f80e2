// The life of a rule's alerts on one subject, as a fold over the figures of its windows in order.
//
//            fires                     quiet for clear_after windows in a row
//   (none) ─────────► firing ──────────────────────────────────────────────► resolved
//                      │   ▲ a higher peak, windows between                      │
//                      └───┘                                                     │
//                          fires: a new episode ◄────────────────────────────────┘
//
// A window that is inconclusive or not due neither ends nor prolongs anything, and does not break a
// run of quiet ones. Since the fold has no other input, it can be run again from any window when
// late data has changed the figures: what was settled is a function of the input alone.
#pragma once

#include <vector>

#include "base/time.h"
#include "detect/figures.h"

namespace surgewatch::detect {

// What becomes one alert.
struct Episode {
  PaneIndex onset = 0;  // last pane of the window that first fired
  PaneIndex peak = 0;
  Figures peak_figures;
  int quiet_run = 0;
  bool firing = true;
  PaneIndex resolved = 0;  // if not firing: last pane of the window that ended it
  Figures resolved_figures;

  // The window that the alert speaks of.
  PaneIndex reported() const { return firing ? peak : resolved; }
  const Figures& reported_figures() const { return firing ? peak_figures : resolved_figures; }
};

// Takes in the figures of the window that ends with `pane`, the one after the last taken in.
// Changes the last episode, or appends one.
void step(std::vector<Episode>* episodes, PaneIndex pane, const Figures& figures, int clear_after);

}  // namespace surgewatch::detect
