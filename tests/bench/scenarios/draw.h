// Random counts that are the same on every machine: the sampler of the scenarios.
//
// Built on simulate/random.h and portable_math.h, so that a seed means the same series everywhere.
// Source: normal: Marsaglia's polar method, 1964; gamma: Marsaglia and Tsang, ACM TOMS 26 (2000);
// Poisson: halving of large means by gamma waiting times, Ahrens and Dieter, Computing 12 (1974).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "simulate/random.h"
#include "statistics/portable_math.h"

namespace surgewatch::bench {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(simulate::mix(seed)) {}

  // In (0, 1).
  double uniform() { return (static_cast<double>(random_.next() >> 11) + 0.5) * 0x1p-53; }

  // In [low, high].
  long between(long low, long high) {
    return low + static_cast<long>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }

  double normal() {
    for (;;) {
      const double u = 2 * uniform() - 1;
      const double v = 2 * uniform() - 1;
      const double s = u * u + v * v;
      if (s < 1 && s > 0) return u * std::sqrt(-2 * statistics::portable_log(s) / s);
    }
  }

  double gamma(double shape) {
    if (shape < 1)
      return gamma(shape + 1) *
             statistics::portable_exp(statistics::portable_log(uniform()) / shape);
    const double d = shape - 1.0 / 3;
    const double c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double z = normal();
      const double v = (1 + c * z) * (1 + c * z) * (1 + c * z);
      if (v <= 0) continue;
      if (statistics::portable_log(uniform()) <
          0.5 * z * z + d - d * v + d * statistics::portable_log(v))
        return d * v;
    }
  }

  double poisson(double mean) {
    double count = 0;
    while (mean > 30) {
      const double events = std::floor(mean * 7 / 8);
      const double waited = gamma(events);
      if (waited > mean) return count + binomial(events - 1, mean / waited);
      count += events;
      mean -= waited;
    }
    const double limit = statistics::portable_exp(-mean);
    double product = uniform();
    for (; product > limit; product *= uniform()) ++count;
    return count;
  }

  // With variance phi × mean.
  double negative_binomial(double mean, double phi) {
    if (phi <= 1) return poisson(mean);
    return poisson(gamma(mean / (phi - 1)) * (phi - 1));
  }

  // By order statistics while n is large, then one by one.
  double binomial(double n, double p) {
    double count = 0;
    while (n > 30) {
      const double middle = std::floor(n / 2) + 1;
      const double a = gamma(middle);
      const double x = a / (a + gamma(n + 1 - middle));
      if (x <= p) {
        count += middle;
        n -= middle;
        p = (p - x) / (1 - x);
      } else {
        n = middle - 1;
        p /= x;
      }
    }
    for (; n > 0; --n) count += uniform() < p ? 1 : 0;
    return count;
  }

 private:
  simulate::Random random_;
};

}  // namespace surgewatch::bench
