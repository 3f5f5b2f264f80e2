// Two windows together (part of surge+ramp): a surge whose orders straddle the border between two
// windows is half hidden in each; their sum shows it.
//
//   p = P(NB(μ1 + μ2, φ(μ1 + μ2) + q(μ1 + μ2)²) >= y1 + y2 + ½)
//
// with both means from the surge detector's baseline, whose error they share: hence q on the whole
// sum. The half is the middle between P(Y >= y) and P(Y > y), the mid-p: the exact tail of a small
// count is far from uniform, and alarms on much fewer than α of its windows.
//
// Asked only if this window alone is above expectation (its own p <= `own_p`), so that a surge that
// has ended is not reported once more, and not if the window before has alarmed, by itself or in
// its own pair: what has been reported is spent.
//
// Threads: none inside; one owner. Invariants: no allocation at all; finite for judgements of
// GammaPoissonFilter. NA: unless this window and the one before are both known.
// Cost: one tail of the negative binomial in three tenths of the windows; 40 bytes a series.
// Source: the scan statistic of width two (Naus, JASA 60, 1965) with an overdispersed law;
// mid-p: Lancaster, JASA 56, 1961.
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
  double own_p = 0.3;    // (0, 1]

  absl::Status check() const;
  std::uint64_t fingerprint() const;
};

struct PairJudgement {
  bool known = false;
  bool alarm = false;
  double observed = 0;  // both windows
  double expected = 0;
  double p = 1;  // mid-p; 1 where it was not worth asking
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
  bool spent_ = false;  // it has alarmed
  double observed_ = 0;
  double expected_ = 0;
};

}  // namespace surgewatch::statistics
