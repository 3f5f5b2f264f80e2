// ramp (D2): has a series been running above its baseline for some time, too little in any one
// window to be a surge?
//
//   C_t = max(0, C_{t-1} + log NB(y; κμ, r) - log NB(y; μ, r))     r = μ / (φ + qμ - 1)
//
// with the mean, φ and q of the surge detector's baseline; alarm at C >= h, then it starts again
// at 0. The change began after the last window in which C was 0.
//
// Threads: none inside; one owner. Invariants: no allocation at all; finite for judgements of
// GammaPoissonFilter. Units: windows.
// Cost: two logarithms; 40 bytes a series.
// Source: Page 1954; Höhle and Paul, Count data regression charts for the monitoring of
// surveillance time series, CSDA 52 (2008).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "statistics/gamma_poisson_filter.h"

namespace surgewatch::statistics {

struct RampParameters {
  double factor = 2;       // κ, 1.01 … 20: the rise that it looks for
  double threshold = 4.5;  // h, 0.5 … 50

  absl::Status check() const;
  std::uint64_t fingerprint() const;
};

struct RampJudgement {
  bool known = false;
  bool alarm = false;
  double evidence = 0;       // C before the restart
  std::int64_t windows = 0;  // since the last window in which C was 0: how long the rise is on
  double excess = 0;         // observed - expected over these windows
};

class RampCusum {
 public:
  static absl::StatusOr<RampCusum> create(const RampParameters& parameters);

  RampJudgement step(const Judgement& judgement);

  double evidence() const { return evidence_; }

  std::string snapshot() const;
  absl::Status restore(std::string_view bytes);

 private:
  explicit RampCusum(const RampParameters& parameters) : parameters_(parameters) {}

  RampParameters parameters_;
  double evidence_ = 0;
  std::int64_t windows_ = 0;
  double excess_ = 0;
};

}  // namespace surgewatch::statistics
