#include "detect/lifecycle.h"

#include <bit>

namespace surgewatch::detect {
namespace {

// Whether the window starts an alert.
bool starts(Life* life, const Figures& figures) {
  if (!figures.conclusive() && figures.verdict != Verdict::kNothing) return false;
  const bool suspects = figures.verdict == Verdict::kSuspects;
  life->suspects = (life->suspects << 1 | std::uint32_t{suspects}) & ((1U << kSuspectWindows) - 1);
  return figures.verdict == Verdict::kFires ||
         (suspects && std::popcount(life->suspects) >= kSuspectsToFire);
}

void go_on(Episode* episode, PaneIndex pane, const Figures& figures, const LifeRules& rules) {
  if (figures.verdict != Verdict::kNotDue) ++episode->windows;
  if (figures.conclusive() && figures.rank > episode->peak_figures.rank) {
    episode->peak = pane;
    episode->peak_figures = figures;
  }
  switch (figures.verdict) {
    case Verdict::kFires:
      if (figures.tier == Tier::kPage) episode->tier = Tier::kPage;
      episode->quiet_run = 0;
      break;
    case Verdict::kSuspects:
    case Verdict::kBetween:
      episode->quiet_run = 0;
      break;
    case Verdict::kQuiet:
    case Verdict::kNothing:
      ++episode->quiet_run;
      break;
    case Verdict::kNotDue:
    case Verdict::kInconclusive:
      break;
  }
  if (episode->quiet_run >= rules.clear_after) {
    episode->firing = false;
    episode->resolved = pane;
    episode->resolved_figures = figures;
  } else if (rules.propose_after > 0 && episode->windows >= rules.propose_after &&
             !episode->proposed && episode->quiet_run == 0) {
    episode->proposed = pane;
  }
}

}  // namespace

LifeState state_of(const Life& life, PaneIndex pane) {
  if (life.firing()) {
    return life.episodes.back().quiet_run > 0 ? LifeState::kResolving : LifeState::kFiring;
  }
  if (life.suspects != 0) return LifeState::kPending;
  const bool ends_one = !life.episodes.empty() && life.episodes.back().resolved == pane;
  return ends_one ? LifeState::kResolved : LifeState::kOk;
}

void step(Life* life, PaneIndex pane, const Figures& figures, const LifeRules& rules) {
  if (life->firing()) return go_on(&life->episodes.back(), pane, figures, rules);
  if (!starts(life, figures)) return;
  life->suspects = 0;
  Episode episode;
  episode.onset = episode.peak = pane;
  episode.peak_figures = figures;
  episode.tier = figures.tier;
  episode.windows = 1;
  life->episodes.push_back(episode);
}

}  // namespace surgewatch::detect
