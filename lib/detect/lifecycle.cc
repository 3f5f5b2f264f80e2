#include "detect/lifecycle.h"

namespace surgewatch::detect {

void step(std::vector<Episode>* episodes, PaneIndex pane, const Figures& figures, int clear_after) {
  if (episodes->empty() || !episodes->back().firing) {
    if (figures.verdict != Verdict::kFires) return;
    Episode episode;
    episode.onset = pane;
    episode.peak = pane;
    episode.peak_figures = figures;
    episodes->push_back(episode);
    return;
  }
  Episode& episode = episodes->back();
  if (figures.conclusive() && figures.rank > episode.peak_figures.rank) {
    episode.peak = pane;
    episode.peak_figures = figures;
  }
  switch (figures.verdict) {
    case Verdict::kFires:
    case Verdict::kBetween:
      episode.quiet_run = 0;
      break;
    case Verdict::kQuiet:
    case Verdict::kNothing:
      ++episode.quiet_run;
      break;
    case Verdict::kNotDue:
    case Verdict::kInconclusive:
      break;
  }
  if (episode.quiet_run < clear_after) return;
  episode.firing = false;
  episode.resolved = pane;
  episode.resolved_figures = figures;
}

}  // namespace surgewatch::detect
