#include "statistics/multiple_testing.h"

#include <algorithm>

namespace surgewatch::statistics {
namespace {

// The largest k with p_(k) <= k q / n decides.
Discoveries step_up(std::vector<double> p_values, double q) {
  Discoveries found;
  const std::size_t n = p_values.size();
  found.chosen.resize(n);
  std::vector<double> sorted = p_values;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t k = n; k >= 1; --k) {
    if (sorted[k - 1] > q * static_cast<double>(k) / static_cast<double>(n)) continue;
    found.count = k;
    found.threshold = sorted[k - 1];
    for (std::size_t i = 0; i < n; ++i) found.chosen[i] = p_values[i] <= found.threshold;
    break;
  }
  return found;
}

std::vector<double> as_probabilities(std::span<const double> values) {
  std::vector<double> p_values(values.begin(), values.end());
  for (double& p : p_values)
    if (!(p <= 1)) p = 1;
  return p_values;
}

}  // namespace

Discoveries benjamini_hochberg(std::span<const double> p_values, double q) {
  return step_up(as_probabilities(p_values), q);
}

Discoveries benjamini_yekutieli(std::span<const double> p_values, double q) {
  double harmonic = 0;
  for (std::size_t i = 1; i <= p_values.size(); ++i) harmonic += 1 / static_cast<double>(i);
  return step_up(as_probabilities(p_values), p_values.empty() ? q : q / harmonic);
}

Discoveries e_bh(std::span<const double> e_values, double q) {
  // e-BH is the step-up procedure on 1/e: e_(k) >= n / (k q).
  std::vector<double> inverse(e_values.begin(), e_values.end());
  for (double& e : inverse) e = e > 1 ? 1 / e : 1;
  Discoveries found = step_up(std::move(inverse), q);
  found.threshold = found.count > 0 ? 1 / found.threshold : 0;
  return found;
}

}  // namespace surgewatch::statistics
