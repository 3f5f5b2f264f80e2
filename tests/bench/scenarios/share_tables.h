// share_shift over the series of shares.h: tables on standard output, a line of JSON for each row.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/scenarios/shares.h"

namespace surgewatch::bench {

// `sets` times all scenarios × 100, each set with its own seed from `seed` on.
void judge_shares(std::uint64_t seed, int sets, std::vector<std::string>* json);

void judge_given_shares(const std::vector<ShareSeries>& all, std::vector<std::string>* json);

}  // namespace surgewatch::bench
