// The life of a rule's alerts on one subject, as a fold over the figures of its windows in order.
//
//          suspects                     fires, or suspects
//   ok ───────────────► pending ───────── in 2 of 3 ──────────┐
//    │ ▲                   │                                  ▼        quiet
//    │ └── not again ──────┘                               firing ◄──────────► resolving
//    └───────────────── fires ─────────────────────────────► ▲                   │
//                                                            │    clear_after windows in a row
//                          fires: a new episode              │                   ▼
//                                                            └────────────── resolved
//
// Published are only firing (resolving included) and resolved. A window that is inconclusive or not
// due neither ends nor prolongs anything, and does not break a run of quiet ones. Since the fold
// has no other input, it can be run again from any window when late data has changed the figures:
// what was settled is a function of the input alone.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "detect/figures.h"

namespace surgewatch::detect {

// What becomes one alert.
struct Episode {
  PaneIndex onset = 0;  // last pane of the window that first fired
  PaneIndex peak = 0;
  Figures peak_figures;
  Tier tier = Tier::kPage;  // the surest so far
  int quiet_run = 0;
  int windows = 0;  // since the onset, with it
  // Last pane of the window in which it had been firing for so long that it may be a new normal.
  std::optional<PaneIndex> proposed;
  bool firing = true;
  PaneIndex resolved = 0;  // if not firing: last pane of the window that ended it
  Figures resolved_figures;

  // The window that the alert speaks of.
  PaneIndex reported() const { return firing ? peak : resolved; }
  const Figures& reported_figures() const { return firing ? peak_figures : resolved_figures; }
};

struct LifeRules {
  int clear_after = 3;    // quiet windows in a row that end an alert
  int propose_after = 0;  // windows of firing after which it may be a new normal; 0: never
};
// A subject that only suspects fires when it does so in this many of its last windows.
inline constexpr int kSuspectWindows = 3;
inline constexpr int kSuspectsToFire = 2;

enum class LifeState : std::uint8_t { kOk, kPending, kFiring, kResolving, kResolved };

struct Life {
  std::vector<Episode> episodes;
  std::uint32_t suspects = 0;  // bit i: i windows ago, of the windows that do not fire

  bool firing() const { return !episodes.empty() && episodes.back().firing; }
};
// After the window that ends with `pane` was taken in. Resolved is the window that has ended an
// alert and none behind it, so that it does not matter for how long alerts are remembered.
LifeState state_of(const Life& life, PaneIndex pane);

// Takes in the figures of the window that ends with `pane`, the one after the last taken in.
// Changes the last episode, or appends one.
void step(Life* life, PaneIndex pane, const Figures& figures, const LifeRules& rules);

}  // namespace surgewatch::detect
