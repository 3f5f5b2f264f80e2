// The negative binomial distribution by mean and variance: the law of an overdispersed count. The
// Poisson distribution is its limit, and y need not be an integer (quasi-likelihood of money).
//
// Units and ranges: mean in [1e-13, 1e13]; a variance at or below the mean counts as Poisson.
// Cost: that of beta_tails; the bound a few dozen times that.
// Source: P(Y >= y) = I_{1-p}(y, r) with r = μ²/(V-μ), p = μ/V (Abramowitz and Stegun 26.5.26).
#pragma once

namespace surgewatch::statistics {

struct NegativeBinomial {
  double mean;
  double size;  // r; huge for Poisson

  static NegativeBinomial of(double mean, double variance);

  // P(Y >= y); 1 for y <= 0.
  double upper_tail(double y) const;

  // P(Y <= y); 0 for y < 0.
  double lower_tail(double y) const;

  // The smallest integer u >= 0 with P(Y > u) <= alpha, 0 < alpha < 1.
  double upper_bound(double alpha) const;

  // log P(Y = y | mean · factor) - log P(Y = y | mean) with the same size.
  double log_ratio(double y, double factor) const;
};

}  // namespace surgewatch::statistics
