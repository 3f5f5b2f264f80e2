// Which revisions an alert gets: compares what the episodes say with what was published last.
//
// A revision is published on a change of state, severity or timing, of the window that is reported
// (a pane that closed with a new peak), or of the figures of that window or of the peak; nothing
// else. That an alert has been firing for so long that its level may be a new normal is a change of
// its state. An alert whose onset no longer stands, because corrected figures do not reach the line
// or an earlier window does, is withdrawn, be it over already or not: RESOLVED, with that as its
// reason.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "detect/lifecycle.h"

namespace surgewatch::detect {

enum class Timing : std::uint8_t { kEarly, kOnTime, kFinal };

// The newest revision of one alert.
struct Revision {
  PaneIndex onset = 0;
  int number = 0;
  bool firing = true;
  bool withdrawn = false;
  Timing timing = Timing::kOnTime;
  PaneIndex reported = 0;
  Figures figures;  // of the reported window
  Tier tier = Tier::kPage;
  std::optional<PaneIndex> proposed;  // since when it may be a new normal
  int windows = 0;                    // since onset
  // Of the closed windows since onset; absent while early.
  std::optional<PaneIndex> peak;
  Figures peak_figures;
};

// How far a rule's windows are: those up to `closed` have closed, those up to `final` are final.
struct Frontier {
  PaneIndex closed = 0;
  PaneIndex final = 0;
};

// Brings `published` (at most one for each onset) up to what `episodes` say and emits each
// revision. Alerts that have nothing left to say are dropped, except the newest.
void reconcile(const std::vector<Episode>& episodes, Frontier frontier,
               absl::FunctionRef<Figures(const Revision&)> evaluate,
               std::vector<Revision>* published, absl::FunctionRef<void(const Revision&)> emit);

}  // namespace surgewatch::detect
