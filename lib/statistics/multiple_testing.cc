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

double as_probability(double value) { return value <= 1 ? value : 1; }

std::vector<double> as_probabilities(std::span<const double> values) {
  std::vector<double> p_values(values.begin(), values.end());
  for (double& p : p_values) p = as_probability(p);
  return p_values;
}

// k q / n is at most q, but for how it is rounded.
bool can_be_chosen(double p_value, double q) {
  constexpr double kRounding = 1e-12;
  return p_value <= q * (1 + kRounding);
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
  for (double& e : inverse) e = p_of_e(e);
  Discoveries found = step_up(std::move(inverse), q);
  found.threshold = found.count > 0 ? 1 / found.threshold : 0;
  return found;
}

double p_of_e(double e_value) { return e_value > 1 ? 1 / e_value : 1; }

void StepUp::assign(std::vector<double> p_values, double q) {
  std::erase_if(p_values, [&](double p) { return !can_be_chosen(p, q); });
  std::sort(p_values.begin(), p_values.end());
  candidates_ = std::move(p_values);
  candidates_.shrink_to_fit();
}

void StepUp::add(double p_value, double q) {
  if (!can_be_chosen(p_value, q)) return;
  candidates_.insert(std::upper_bound(candidates_.begin(), candidates_.end(), p_value), p_value);
}

void StepUp::remove(double p_value, double q) {
  if (!can_be_chosen(p_value, q)) return;
  candidates_.erase(std::lower_bound(candidates_.begin(), candidates_.end(), p_value));
}

double StepUp::threshold(std::size_t n, double q) const {
  for (std::size_t k = candidates_.size(); k >= 1; --k) {
    const double p = candidates_[k - 1];
    if (p <= q * static_cast<double>(k) / static_cast<double>(n)) return p;
  }
  return kNone;
}

}  // namespace surgewatch::statistics
