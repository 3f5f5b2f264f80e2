// surge+ramp: the surge detector and the ramp detector on one baseline, with the false alarms of
// both shared out: the default of the rule type `surge`.
//
// Threads, invariants, errors: as GammaPoissonFilter. Cost: the sum of both.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "statistics/gamma_poisson_filter.h"
#include "statistics/ramp_cusum.h"

namespace surgewatch::statistics {

struct SurgeRampParameters {
  GammaPoissonParameters baseline;
  RampParameters ramp;

  // With the surge test at .003 and the ramp test at (2, 4.5), together about .005 a window.
  static SurgeRampParameters weekly();
  static SurgeRampParameters daily();
  static SurgeRampParameters hourly();
};

struct SurgeRampJudgement {
  Judgement surge;
  RampJudgement ramp;

  bool known() const { return surge.known; }
  bool alarm() const { return surge.alarm || ramp.alarm; }
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
  SurgeRamp(GammaPoissonFilter baseline, RampCusum ramp)
      : baseline_(std::move(baseline)), ramp_(ramp) {}

  GammaPoissonFilter baseline_;
  RampCusum ramp_;
};

}  // namespace surgewatch::statistics
