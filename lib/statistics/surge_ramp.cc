#include "statistics/surge_ramp.h"

#include "base/status.h"

namespace surgewatch::statistics {
namespace {

constexpr double kSurgeAlpha = 0.003;
constexpr std::size_t kRampSnapshotBytes = 5 * 8;

SurgeRampParameters with_shared_alpha(GammaPoissonParameters baseline) {
  baseline.alpha = kSurgeAlpha;
  return {baseline, RampParameters{}};
}

}  // namespace

SurgeRampParameters SurgeRampParameters::weekly() {
  return with_shared_alpha(GammaPoissonParameters::weekly());
}
SurgeRampParameters SurgeRampParameters::daily() {
  return with_shared_alpha(GammaPoissonParameters::daily());
}
SurgeRampParameters SurgeRampParameters::hourly() {
  return with_shared_alpha(GammaPoissonParameters::hourly());
}

absl::StatusOr<SurgeRamp> SurgeRamp::create(const SurgeRampParameters& parameters) {
  SW_ASSIGN_OR_RETURN(GammaPoissonFilter baseline, GammaPoissonFilter::create(parameters.baseline));
  SW_ASSIGN_OR_RETURN(RampCusum ramp, RampCusum::create(parameters.ramp));
  return SurgeRamp(std::move(baseline), ramp);
}

SurgeRampJudgement SurgeRamp::step(std::optional<double> value, double exposure) {
  SurgeRampJudgement answer;
  answer.surge = baseline_.step(value, exposure);
  answer.ramp = ramp_.step(answer.surge);
  return answer;
}

std::string SurgeRamp::snapshot() const { return ramp_.snapshot() + baseline_.snapshot(); }

absl::Status SurgeRamp::restore(std::string_view bytes) {
  const std::size_t split = std::min(kRampSnapshotBytes, bytes.size());
  RampCusum ramp = ramp_;
  SW_RETURN_IF_ERROR(ramp.restore(bytes.substr(0, split)));
  SW_RETURN_IF_ERROR(baseline_.restore(bytes.substr(split)));
  ramp_ = ramp;
  return absl::OkStatus();
}

}  // namespace surgewatch::statistics
