#include "bench/scenarios/score.h"

#include <algorithm>

namespace surgewatch::bench {

void Score::add(const SimulatedSeries& series, const std::vector<bool>& alarms) {
  const auto judged = [&series](const Event& event) { return !event.past && event.cases > 0; };
  const bool has_event = std::any_of(series.events.begin(), series.events.end(), judged);
  FalseAlarms& scenario = by_scenario[series.scenario];
  for (std::size_t t = static_cast<std::size_t>(series.first_judged); t < series.counts.size();
       ++t) {
    if (series.in_event[t]) continue;
    for (FalseAlarms* sum : {&all, &scenario, has_event ? nullptr : &null}) {
      if (sum == nullptr) continue;
      ++sum->windows;
      sum->alarms += alarms[t] ? 1 : 0;
    }
  }
  for (const Event& event : series.events) {
    if (!judged(event)) continue;
    int first = -1;
    for (int t = event.start; t <= event.end && first < 0; ++t)
      if (alarms[static_cast<std::size_t>(t)]) first = t;
    for (Found* found :
         {&kinds[static_cast<std::size_t>(event.kind)], &sizes[{event.kind, event.size}]}) {
      ++found->events;
      if (first < 0) continue;
      ++found->found;
      found->delay_sum += first - event.first_case;
    }
  }
}

double Score::worst_scenario() const {
  double worst = 0;
  for (const auto& [scenario, alarms] : by_scenario) worst = std::max(worst, alarms.rate());
  return worst;
}

}  // namespace surgewatch::bench
