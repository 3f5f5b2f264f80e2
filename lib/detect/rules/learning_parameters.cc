#include "detect/rules/learning_parameters.h"

#include <algorithm>
#include <cmath>

#include "statistics/gamma_poisson_filter.h"
#include "statistics/ramp_cusum.h"
#include "statistics/ranges.h"
#include "statistics/surge_ramp.h"

namespace surgewatch::detect::parameters {
namespace {

using config::Learning;
using config::Parameter;

constexpr Micros kWeek = 7 * kMicrosPerDay;
constexpr Micros kHalfYear = 182 * kMicrosPerDay;
constexpr double kDaysPerYear = 365.25;

// Windows in a season: a year for weeks and longer, a week for days, a day for less; none where
// that is no whole number of windows, or more than a season may have.
std::int64_t usual_period(Micros window) {
  if (window >= kWeek) {
    const double windows =
        kDaysPerYear * static_cast<double>(kMicrosPerDay) / static_cast<double>(window);
    return std::max<std::int64_t>(1, std::llround(windows));
  }
  const Micros season = window >= kMicrosPerDay ? kWeek : kMicrosPerDay;
  const std::int64_t period = season % window == 0 ? season / window : 1;
  return statistics::kPeriodRange.holds(period) ? period : 1;
}

// Half a year of weeks, a season of anything shorter.
std::int64_t usual_guard(Micros window) {
  const Micros span = window >= kWeek ? kHalfYear : window >= kMicrosPerDay ? kWeek : kMicrosPerDay;
  return std::clamp(span / window, statistics::kGuardRange.low, statistics::kGuardRange.high);
}

std::int64_t usual_warm_up(Micros window) {
  constexpr std::int64_t kUsual = 26, kLeast = 8;
  return window <= kWeek ? kUsual : std::max(kLeast, kHalfYear / window);
}

}  // namespace

void defaults(Micros window, Learning* learning) {
  learning->period = usual_period(window);
  learning->guard = usual_guard(window);
  learning->warm_up = usual_warm_up(window);
  const auto shared = window >= kWeek           ? statistics::SurgeRampParameters::weekly()
                      : window >= kMicrosPerDay ? statistics::SurgeRampParameters::daily()
                                                : statistics::SurgeRampParameters::hourly();
  const bool shares = learning->method == config::Method::kSurgeAndRamp;
  const statistics::GammaPoissonParameters baseline;
  const statistics::RampParameters ramp;
  learning->alpha = shares ? shared.baseline.alpha : baseline.alpha;
  learning->h = shares ? shared.ramp.threshold : ramp.threshold;
  learning->kappa = ramp.factor;
}

Parameter period() {
  return {"period", "windows",
          "the season; 1: no season, hardly a trend and a memory of some 20 windows, for short "
          "histories and levels that come in steps",
          "a year of weeks, a week of days, a day of less",
          config::WholeNumber{statistics::kPeriodRange, &Learning::period}};
}

Parameter guard() {
  return {"guard", "windows", "a window is learned only so much later",
          "half a year of weeks, a week of days, a day of less",
          config::WholeNumber{statistics::kGuardRange, &Learning::guard}};
}

Parameter warm_up() {
  return {"warm_up", "windows", "learned before a subject is judged",
          "26; of windows above a week half a year, at least 8",
          config::WholeNumber{statistics::kWarmUpRange, &Learning::warm_up}};
}

Parameter baseline() {
  return {"baseline", "duration", "the warm-up as a duration, such as 182d; give one of the two",
          "none", config::Structure{"a multiple of the window"}};
}

Parameter alpha(std::string_view fallback) {
  return {"alpha", "probability", "false alarms a window and subject", fallback,
          config::Number{statistics::kAlphaRange, &Learning::alpha}};
}

Parameter false_discovery_rate() {
  return {"false_discovery_rate", "part", "false ones among those that page at one close", "0.05",
          config::Number{statistics::kAlphaRange, &Learning::false_discovery_rate}};
}

Parameter kappa() {
  return {"kappa", "ratio", "the rise that a ramp is looked for", "2",
          config::Number{statistics::kFactorRange, &Learning::kappa}};
}

Parameter h(std::string_view meaning, std::string_view fallback) {
  return {"h", "log likelihood ratio", meaning, fallback,
          config::Number{statistics::kThresholdRange, &Learning::h}};
}

Parameter rollup() {
  return {"rollup", "", "levels from the whole to the parts, each naming those before", "none",
          config::Structure{"such as [[], [bill_to], [bill_to, family]]"}};
}

Parameter accepted() {
  return {"accepted", "", "levels that someone has accepted as the new normal", "none",
          config::Structure{"such as [{subject: {bill_to: SG}, from: 2024-05-01}]"}};
}

}  // namespace surgewatch::detect::parameters
