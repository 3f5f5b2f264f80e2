#include "statistics/negative_binomial.h"

#include <algorithm>
#include <cmath>

#include "statistics/beta.h"
#include "statistics/portable_math.h"

namespace surgewatch::statistics {
namespace {
// Variance over mean - 1 from which on a law is told from Poisson.
constexpr double kLeastExcess = 1e-9;
}  // namespace

NegativeBinomial NegativeBinomial::of(double mean, double variance) {
  return {mean, mean / std::max(variance / mean - 1, kLeastExcess)};
}

double NegativeBinomial::upper_tail(double y) const {
  if (y <= 0) return 1;
  return beta_tails(y, size, mean / size).below;
}

double NegativeBinomial::lower_tail(double y) const {
  if (y < 0) return 0;
  return beta_tails(y + 1, size, mean / size).above;
}

double NegativeBinomial::upper_bound(double alpha) const {
  double low = -1;  // P(Y > low) > alpha
  double step = std::max(1.0, std::floor(std::sqrt(mean + mean * (mean / size))));
  double high = std::floor(mean);
  while (upper_tail(high + 1) > alpha) {
    low = high;
    high += step;
    step *= 2;
  }
  while (high - low > 1) {
    const double middle = std::floor(low + (high - low) / 2);
    if (middle <= low || middle >= high) break;  // beyond 2^53 neighbours are more than 1 apart
    (upper_tail(middle + 1) > alpha ? low : high) = middle;
  }
  return high;
}

double NegativeBinomial::log_ratio(double y, double factor) const {
  return y * portable_log(factor) -
         (y + size) * portable_log1p((factor - 1) * (mean / (mean + size)));
}

}  // namespace surgewatch::statistics
