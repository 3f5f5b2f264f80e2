// Simulated series to and from files: series/sNN_rNN.csv (t,count,injected,event,mu_true) and
// events.csv (scenario,rep,family,event,phase,kind,size,start,end,first_case,cases). t is 1 for
// the first window.
//
// Errors: a file that is missing or doesn't parse ends the program with a line: a benchmark's input
// is its caller's business.
#pragma once

#include <string>
#include <vector>

#include "bench/scenarios/generate.h"
#include "bench/scenarios/shares.h"

namespace surgewatch::bench {

std::vector<SimulatedSeries> read_series(const std::string& folder, int period, int first_judged);

// Series of six regions by the list truth_and_reference.csv (file,mean_total,odds_ratio,tau,…),
// each FILE.csv (t,region1,…,region6).
std::vector<ShareSeries> read_shares(const std::string& folder);

void write_series(const std::string& folder, const std::vector<SimulatedSeries>& all);

}  // namespace surgewatch::bench
