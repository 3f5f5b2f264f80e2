// reference (D0): how many times what it was in a reference period?
//
//   ratio = (x/w) / (x0/w0)    change = 100 (ratio - 1) percent
//
// Two figures, and never one as the other.
// With counts, the interval is exact: given the total x + x0, x is binomial, so Clopper-Pearson's
// limits of its share are limits of the ratio. Overdispersed counts are divided by φ first. The
// log-normal interval, log ratio ± z sqrt(φ (1/x + 1/x0)), is there for comparison with others.
// Totals of money have no interval without the number of documents, and are given none.
//
// Units and ranges: totals 0 … 1e18; exposures in windows. Errors: kInvalidArgument with the range.
// Cost: a pure function; some tens of microseconds with an interval, no state, no warm-up.
// Source: Clopper and Pearson, Biometrika 26 (1934); conditional test of two Poisson means:
// Przyborowski and Wilenski, Biometrika 31 (1940).
#pragma once

#include <optional>

#include "absl/status/statusor.h"

namespace surgewatch::statistics {

enum class TotalKind { kCount, kMoney };
enum class IntervalMethod { kClopperPearson, kLogNormal };

struct PeriodTotal {
  double total = 0;     // x
  double exposure = 1;  // w > 0: how long the period is
};

struct RatioOptions {
  TotalKind kind = TotalKind::kCount;
  IntervalMethod interval = IntervalMethod::kClopperPearson;
  double confidence = 0.95;  // 0.5 … 0.999999, two-sided
  double dispersion = 1;     // φ, 1 … 1e6
  double fire_ratio = 2;    // ρ > 0: fires when the lower limit (money: the ratio) is above it …
  double least_total = 5;   // … and there is at least this much now …
  double least_change = 0;  // … and this much more than the reference rate gives
};

struct RatioInterval {
  double lower = 0;
  std::optional<double> upper;  // none: the reference has no counts, the ratio has no limit
};

struct RatioEstimate {
  bool new_since_reference = false;  // x0 = 0 < x: a lower limit only
  std::optional<double> ratio;       // none where x0 = 0
  std::optional<double> change_percent;
  std::optional<double> log_ratio;        // none where either total is 0
  std::optional<RatioInterval> interval;  // none: totals only
  std::optional<double> p;                // of "the ratio is at most fire_ratio", counts only
  double expected = 0;                    // x0/w0 · w
  bool alarm = false;
};

absl::StatusOr<RatioEstimate> compare_with_reference(const PeriodTotal& now,
                                                     const PeriodTotal& reference,
                                                     const RatioOptions& options = {});

}  // namespace surgewatch::statistics
