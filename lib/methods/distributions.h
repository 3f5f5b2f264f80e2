// Tails and quantiles of counts, by Boost.Math's incomplete beta and gamma functions.
//
// Threads: any. Units: tails are probabilities in [0, 1]; quantiles are counts. Errors: none; what
// can't be computed is NaN, which callers turn into "no answer".
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace surgewatch::methods {

// z with P(Z > z) = alpha.
double normal_upper_quantile(double alpha);
double normal_tail(double z);

// t with P(T > t) = alpha, at `freedom` degrees of freedom; and P(|T| > |t|).
double student_upper_quantile(double alpha, double freedom);
double student_two_sided(double t, double freedom);

// Negative binomial with `size` (real, > 0) and the probability of success: mean
// size * (1 - probability) / probability.
// P(Y >= value); of a value between two counts, that of the count above.
double negative_binomial_tail(double size, double probability, double value);
// The least count u with P(Y <= u) >= 1 - alpha.
double negative_binomial_upper_quantile(double size, double probability, double alpha);

// The same for Poisson.
double poisson_tail(double mean, double value);
double poisson_upper_quantile(double mean, double alpha);

// -log10(p), kept finite where p underflows.
double surprise(double p);

// Windows of neighbouring seasons must not overlap: 2 w + 1 <= period.
absl::Status check_seasons(std::string_view method, std::size_t w, std::size_t period);

}  // namespace surgewatch::methods
