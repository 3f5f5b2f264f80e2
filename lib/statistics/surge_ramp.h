// surge+ramp: three tests on one baseline, which share out the false alarms that the rule allows: a
// window by itself (gamma_poisson_filter.h), two windows together (pair_test.h), and a rise that
// lasts (ramp_cusum.h). The default of the rule type `surge`.
//
// Threads, invariants, errors: as GammaPoissonFilter. Cost: the sum of the three.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "statistics/gamma_poisson_filter.h"
#include "statistics/pair_test.h"
#include "statistics/ramp_cusum.h"

namespace surgewatch::statistics {

struct SurgeRampParameters {
  GammaPoissonParameters baseline;
  PairParameters pair;
  RampParameters ramp;

  // Levels at which the three together alarm on about .005 of quiet windows (docs/detectors.md).
  static SurgeRampParameters weekly();
  static SurgeRampParameters daily();
  static SurgeRampParameters hourly();
};

struct SurgeRampJudgement {
  Judgement surge;
  PairJudgement pair;
  RampJudgement ramp;

  bool known() const { return surge.known; }
  bool alarm() const { return surge.alarm || pair.alarm || ramp.alarm; }
};

class SurgeRamp {
 public:
  static absl::StatusOr<SurgeRamp> create(const SurgeRampParameters& parameters);

  SurgeRampJudgement step(std::optional<double> value, double exposure = 1);

  GammaPoissonFilter& baseline() { return baseline_; }
  const GammaPoissonFilter& baseline() const { return baseline_; }
  const RampCusum& ramp() const { return ramp_; }

  std::string snapshot() const;
  absl::Status restore(std::string_view bytes);

 private:
  SurgeRamp(GammaPoissonFilter baseline, PairTest pair, RampCusum ramp)
      : baseline_(std::move(baseline)), pair_(pair), ramp_(ramp) {}

  GammaPoissonFilter baseline_;
  PairTest pair_;
  RampCusum ramp_;
};

}  // namespace surgewatch::statistics
