#include "methods/distributions.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>

#include "base/status.h"

namespace surgewatch::methods {
namespace {

namespace bm = boost::math;

// Errors by value (NaN, infinity), never by exception. Promotion to long double is kept: quantiles
// that sit on a border must not move with the last bit.
using Policy =
    bm::policies::policy<bm::policies::domain_error<bm::policies::errno_on_error>,
                         bm::policies::pole_error<bm::policies::errno_on_error>,
                         bm::policies::overflow_error<bm::policies::errno_on_error>,
                         bm::policies::evaluation_error<bm::policies::errno_on_error>,
                         bm::policies::rounding_error<bm::policies::errno_on_error>,
                         bm::policies::indeterminate_result_error<bm::policies::errno_on_error>>;
constexpr Policy kPolicy{};

// A quantile is looked for up to here; no count of ours is anywhere near.
constexpr double kHighestCount = 1e18;
constexpr double kLeastP = 1e-308;

// The least count u >= 0 for which enough(u), which is monotone; NaN if there is none below
// kHighestCount. Starts at a guess, since the normal approximation is rarely far off.
template <typename Predicate>
double least_count(double guess, const Predicate& enough) {
  if (!(guess >= 0)) guess = 0;
  double low = -1;  // not enough
  double high = std::min(std::floor(guess), kHighestCount);
  double step = 1;
  if (enough(high)) {
    while (high > 0 && enough(std::max(0.0, high - step))) {
      high = std::max(0.0, high - step);
      step *= 2;
    }
    low = std::max(-1.0, high - step);
  } else {
    low = high;
    while (!enough(low + step)) {
      low += step;
      step *= 2;
      if (low > kHighestCount) return std::numeric_limits<double>::quiet_NaN();
    }
    high = low + step;
  }
  while (high - low > 1) {
    const double middle = std::floor((low + high) / 2);
    if (middle <= low || middle >= high) break;  // beyond 2^53 counts are no longer apart
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

// P(Y > count) as against alpha, with R's allowance for rounding: a tail that is alpha but for the
// last bits counts as alpha.
constexpr double kFuzz = 64 * std::numeric_limits<double>::epsilon();
bool tail_is_within(double tail, double alpha) { return tail <= alpha + kFuzz * (1 - alpha); }

}  // namespace

double normal_upper_quantile(double alpha) {
  return bm::quantile(bm::complement(bm::normal_distribution<double, Policy>(), alpha));
}

double normal_tail(double z) {
  return bm::cdf(bm::complement(bm::normal_distribution<double, Policy>(), z));
}

double student_upper_quantile(double alpha, double freedom) {
  return bm::quantile(bm::complement(bm::students_t_distribution<double, Policy>(freedom), alpha));
}

double student_two_sided(double t, double freedom) {
  return 2 *
         bm::cdf(bm::complement(bm::students_t_distribution<double, Policy>(freedom), std::abs(t)));
}

double negative_binomial_tail(double size, double probability, double value) {
  const double least = std::ceil(value);
  if (least <= 0) return 1;
  // P(Y >= k) = I_{1-probability}(k, size)
  return bm::ibetac(size, least, probability, kPolicy);
}

double negative_binomial_upper_quantile(double size, double probability, double alpha) {
  const double mean = size * (1 - probability) / probability;
  const double sd = std::sqrt(mean / probability);
  return least_count(mean + normal_upper_quantile(alpha) * sd, [&](double count) {
    return tail_is_within(bm::ibetac(size, count + 1, probability, kPolicy), alpha);
  });
}

double poisson_tail(double mean, double value) {
  const double least = std::ceil(value);
  return least <= 0 ? 1 : bm::gamma_p(least, mean, kPolicy);
}

double poisson_upper_quantile(double mean, double alpha) {
  return least_count(mean + normal_upper_quantile(alpha) * std::sqrt(mean), [&](double count) {
    return tail_is_within(bm::gamma_p(count + 1, mean, kPolicy), alpha);
  });
}

double surprise(double p) { return -std::log10(std::max(p, kLeastP)); }

absl::Status check_seasons(std::string_view method, std::size_t w, std::size_t period) {
  if (2 * w + 1 <= period) return absl::OkStatus();
  return invalid_argument("{}: w = {} is too wide for period = {}; it takes 2 w + 1 <= period",
                          method, w, period);
}

}  // namespace surgewatch::methods
