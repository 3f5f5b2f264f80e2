// How well alarms found the events of simulated series, and how often there was none to find.
//
//   FPR        alarms in judged windows outside events, over these windows
//   null FPR   the same over series that have no event to find
//   POD        share of events (with a case at all) with an alarm between their start and end
//   delay      first alarm - first case, over the events found
#pragma once

#include <array>
#include <map>
#include <utility>
#include <vector>

#include "bench/scenarios/generate.h"

namespace surgewatch::bench {

struct Found {
  int events = 0;
  int found = 0;
  double delay_sum = 0;

  double pod() const { return events > 0 ? static_cast<double>(found) / events : 0; }
  double delay() const { return found > 0 ? delay_sum / found : 0; }
};

struct FalseAlarms {
  long windows = 0;
  long alarms = 0;

  double rate() const {
    return windows > 0 ? static_cast<double>(alarms) / static_cast<double>(windows) : 0;
  }
};

class Score {
 public:
  // alarms[t] for each window of the series.
  void add(const SimulatedSeries& series, const std::vector<bool>& alarms);

  FalseAlarms all;
  FalseAlarms null;
  std::map<int, FalseAlarms> by_scenario;
  std::array<Found, 3> kinds;  // spike, step, ramp
  std::map<std::pair<EventKind, double>, Found> sizes;

  const Found& of(EventKind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
  double worst_scenario() const;
};

}  // namespace surgewatch::bench
