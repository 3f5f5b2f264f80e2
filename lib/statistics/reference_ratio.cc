#include "statistics/reference_ratio.h"

#include <cmath>

#include "base/status.h"
#include "statistics/beta.h"
#include "statistics/portable_math.h"
#include "statistics/ranges.h"

namespace surgewatch::statistics {
namespace {

absl::Status check(const PeriodTotal& now, const PeriodTotal& reference, const RatioOptions& o) {
  SW_RETURN_IF_ERROR(check_within("total", now.total, 0, 1e18));
  SW_RETURN_IF_ERROR(check_within("reference total", reference.total, 0, 1e18));
  SW_RETURN_IF_ERROR(check_within("exposure", now.exposure, 1e-6, 1e9));
  SW_RETURN_IF_ERROR(check_within("reference exposure", reference.exposure, 1e-6, 1e9));
  SW_RETURN_IF_ERROR(check_within("confidence", o.confidence, 0.5, 0.999999));
  SW_RETURN_IF_ERROR(check_within("dispersion", o.dispersion, 1, 1e6));
  SW_RETURN_IF_ERROR(check_within("fire_ratio", o.fire_ratio, 1e-6, 1e6));
  SW_RETURN_IF_ERROR(check_within("least_total", o.least_total, 0, 1e18));
  return check_within("least_change", o.least_change, -1e18, 1e18);
}

// Beyond this a limit says nothing.
constexpr double kLargestRatio = 1e36;

std::optional<double> limited(double upper) {
  return upper < kLargestRatio ? std::optional<double>(upper) : std::nullopt;
}

// The normal quantile of a two-sided confidence: of the log odds' symmetric limit, a beta with
// equal large parameters, whose variance is known.
double normal_quantile(double confidence) {
  constexpr double kLarge = 1e8;
  return portable_log(beta_quantile_odds(kLarge, kLarge, 0.5 + confidence / 2)) /
         std::sqrt(2 / kLarge);
}

std::optional<RatioInterval> interval_of(const PeriodTotal& now, const PeriodTotal& reference,
                                         const RatioOptions& options) {
  const double x = now.total / options.dispersion;
  const double x0 = reference.total / options.dispersion;
  const double per_odds = reference.exposure / now.exposure;
  const double outside = (1 - options.confidence) / 2;
  if (options.interval == IntervalMethod::kLogNormal) {
    if (x <= 0 || x0 <= 0) return std::nullopt;
    const double half = normal_quantile(options.confidence) * std::sqrt(1 / x + 1 / x0);
    const double ratio = x / x0 * per_odds;
    return RatioInterval{ratio * portable_exp(-half), limited(ratio * portable_exp(half))};
  }
  RatioInterval interval;
  if (x > 0) interval.lower = beta_quantile_odds(x, x0 + 1, outside) * per_odds;
  if (x0 > 0) interval.upper = limited(beta_quantile_odds(x + 1, x0, 1 - outside) * per_odds);
  return interval;
}

}  // namespace

absl::StatusOr<RatioEstimate> compare_with_reference(const PeriodTotal& now,
                                                     const PeriodTotal& reference,
                                                     const RatioOptions& options) {
  SW_RETURN_IF_ERROR(check(now, reference, options));
  RatioEstimate estimate;
  estimate.expected = reference.total / reference.exposure * now.exposure;
  estimate.new_since_reference = reference.total <= 0 && now.total > 0;
  if (reference.total > 0) {
    estimate.ratio = now.total / now.exposure / (reference.total / reference.exposure);
    estimate.change_percent = 100 * (*estimate.ratio - 1);
    if (*estimate.ratio > 0) estimate.log_ratio = portable_log(*estimate.ratio);
  }
  if (options.kind == TotalKind::kCount) {
    estimate.interval = interval_of(now, reference, options);
    const double odds = options.fire_ratio * now.exposure / reference.exposure;
    estimate.p = now.total <= 0 ? 1
                                : beta_tails(now.total / options.dispersion,
                                             reference.total / options.dispersion + 1, odds)
                                      .below;
  }
  const double least = options.kind == TotalKind::kMoney ? estimate.ratio.value_or(0)
                       : estimate.interval.has_value()   ? estimate.interval->lower
                                                         : 0;
  estimate.alarm = least > options.fire_ratio && now.total >= options.least_total &&
                   now.total - estimate.expected >= options.least_change;
  return estimate;
}

}  // namespace surgewatch::statistics
