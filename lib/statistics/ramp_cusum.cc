#include "statistics/ramp_cusum.h"

#include <algorithm>

#include "statistics/negative_binomial.h"
#include "statistics/ranges.h"
#include "statistics/state_bytes.h"

namespace surgewatch::statistics {
namespace {
constexpr std::uint32_t kRampSnapshot = 0x44320001;
}

absl::Status RampParameters::check() const {
  SW_RETURN_IF_ERROR(check_within("factor", factor, kFactorRange));
  return check_within("threshold", threshold, kThresholdRange);
}

std::uint64_t RampParameters::fingerprint() const {
  return Fingerprint().add(factor).add(threshold).value();
}

absl::StatusOr<RampCusum> RampCusum::create(const RampParameters& parameters) {
  SW_RETURN_IF_ERROR(parameters.check());
  return RampCusum(parameters);
}

RampJudgement RampCusum::step(const Judgement& judgement) {
  RampJudgement answer;
  if (!judgement.known) return answer;
  const double unit = judgement.unit;
  const double mean = judgement.expected / unit;
  const NegativeBinomial law = NegativeBinomial::of(mean, judgement.variance / (unit * unit));
  evidence_ =
      std::max(0.0, evidence_ + law.log_ratio(judgement.observed / unit, parameters_.factor));
  if (evidence_ > 0) {
    ++windows_;
    excess_ += judgement.observed - judgement.expected;
  } else {
    windows_ = 0;
    excess_ = 0;
  }
  answer = {.known = true,
            .alarm = evidence_ >= parameters_.threshold,
            .evidence = evidence_,
            .windows = windows_,
            .excess = excess_};
  if (answer.alarm) {
    evidence_ = 0;
    windows_ = 0;
    excess_ = 0;
  }
  return answer;
}

std::string RampCusum::snapshot() const {
  StateWriter out(kRampSnapshot, parameters_.fingerprint());
  out.put(evidence_);
  out.put_whole(static_cast<std::uint64_t>(windows_));
  out.put(excess_);
  return out.take();
}

absl::Status RampCusum::restore(std::string_view bytes) {
  StateReader in(bytes, kRampSnapshot, parameters_.fingerprint());
  RampCusum fresh(parameters_);
  fresh.evidence_ = in.real();
  fresh.windows_ = in.ordinal();
  fresh.excess_ = in.real();
  SW_RETURN_IF_ERROR(in.finish());
  *this = fresh;
  return absl::OkStatus();
}

}  // namespace surgewatch::statistics
