// Two windows together (part of surge+ramp): a surge whose orders straddle the border between two
// windows is half hidden in each; their sum shows it.
//
//   p = P(NB(μ1 + μ2, φ(μ1 + μ2) + q(μ1 + μ2)²) >= y1 + y2)
//
// with both means from the surge detector's baseline, whose error they share: hence q on the whole
// sum. Asked only if this window alone is not below expectation (its own p <= `own_p`), so that a
// surge that has ended is not reported once more.
//
// Threads: none inside; one owner. Invariants: no allocation at all; finite for judgements of
// GammaPoissonFilter. NA: unless this window and the one before are both known.
// Cost: one tail of the negative binomial in a tenth of the windows; 32 bytes a series.
// Source: the scan statistic of width two (Naus, JASA 60, 1965) with an overdispersed law.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "statistics/gamma_poisson_filter.h"

namespace surgewatch::statistics {

struct PairParameters {
  double alpha = 0.003;  // (0, 0.5]
  double own_p = 0.1;    // (0, 1]

  absl::Status check() const;
  std::uint64_t fingerprint() const;
};

struct PairJudgement {
  bool known = false;
  bool alarm = false;
  double observed = 0;  // both windows
  double expected = 0;
  double p = 1;  // 1 where it was not worth asking
};

class PairTest {
 public:
  static absl::StatusOr<PairTest> create(const PairParameters& parameters);

  PairJudgement step(const Judgement& judgement);

  std::string snapshot() const;
  absl::Status restore(std::string_view bytes);

 private:
  explicit PairTest(const PairParameters& parameters) : parameters_(parameters) {}

  PairParameters parameters_;
  bool known_ = false;  // the window before
  double observed_ = 0;
  double expected_ = 0;
};

}  // namespace surgewatch::statistics
