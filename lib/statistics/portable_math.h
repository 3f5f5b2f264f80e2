// Exponential, logarithm and their kin in plain IEEE-754 arithmetic, so that a detector answers
// with the same bits whatever the compiler, the C library and the processor.
//
// libm won't do: its exp and log differ in the last bit between versions, and between machines with
// and without fused multiply-add. Here every result is a fixed sequence of +, -, ×, ÷ on doubles
// (contraction is off in the whole build), which the standard rounds in one way only.
//
// Accuracy: within 2 units in the last place over the ranges that the detectors use; the tests
// compare with the C library.
// Source: argument reduction after Cody and Waite, Software Manual for the Elementary Functions,
// 1980; series from any textbook.
#pragma once

namespace surgewatch::statistics {

// e^x; 0 below -745, and e^709 above 709: never infinite.
double portable_exp(double x);

// e^x - 1 without cancellation near 0.
double portable_expm1(double x);

// Natural logarithm of a positive, finite, normal number.
double portable_log(double x);

// log(1 + x) without cancellation near 0; x > -1.
double portable_log1p(double x);

// cos and sin of 2π numerator/denominator; denominator > 0, numerator may be anything.
struct CosSin {
  double cos;
  double sin;
};
CosSin portable_cos_sin(long numerator, long denominator);

// What Stirling's formula leaves out: log Γ(z) - ((z - ½) log z - z + ½ log 2π), for z > 0.
// Differences of log Γ are taken through this: they keep their digits where log Γ itself is huge.
// Source: C. Loader, Fast and Accurate Computation of Binomial Probabilities, 2000.
double stirling_error(double z);

// log(Γ(y + r) / (Γ(r) y!)) and the like are built from this; z > 0.
double portable_log_gamma(double z);

}  // namespace surgewatch::statistics
