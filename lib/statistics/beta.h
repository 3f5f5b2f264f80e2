// The beta distribution's tails, which are those of the negative binomial, the binomial and, in the
// limit, the Poisson distribution.
//
// Units and ranges: a and b positive, up to about 1e21; odds = x / (1 - x) positive and finite.
// Odds rather than x, because a mean of 1e12 counts puts x within 1e-12 of 1.
//
// Accuracy: 1e-8 relative in the smaller tail up to 1e6 counts, 1e-6 beyond; the tests compare with
// Boost.Math.
//
// Cost: 50 to 450 ns by continued fraction while the parameter in question is at most 100, about
// 400 ns by quadrature beyond.
//
// Source: continued fraction: Abramowitz and Stegun 26.5.8, evaluated after Lentz; prefactor:
// Loader 2000 (see stirling_error); quadrature of the log-odds density, which is log-concave: our
// own.
#pragma once

namespace surgewatch::statistics {

struct BetaTails {
  double below;  // I_x(a, b) = P(B <= x)
  double above;  // 1 - I_x(a, b), computed by itself where it is the smaller
};

BetaTails beta_tails(double a, double b, double odds);

// The odds at which I_x(a, b) = probability, 0 < probability < 1.
double beta_quantile_odds(double a, double b, double probability);

}  // namespace surgewatch::statistics
