#include "statistics/beta.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "statistics/portable_math.h"
#include "statistics/portable_series.h"

namespace surgewatch::statistics {
namespace {

constexpr double kLargestLogOdds = 600;
// 1 + t (e^u - 1) is at least 1 - t, of which rounding leaves nothing when b is tiny beside a.
constexpr double kLeastAbove = 0x1p-53;
constexpr double kTwoPi = 6.283185307179586;
constexpr double kLargestFractionA = 100;
constexpr int kMaxFractionSteps = 2000;
// The part of a tail beyond e^-kCut times its edge is left out.
constexpr double kCut = 24;
// A first guess of the reach that is so near needs no search.
constexpr double kLeastCut = 22;
constexpr double kLargestCut = 32;

// Nodes (positive half) and weights of the 16-point Gauss-Legendre rule on [-1, 1].
constexpr std::array<double, 8> kNodes = {
    0.0950125098376374, 0.2816035507792589, 0.4580167776572274, 0.6178762444026438,
    0.7554044083550030, 0.8656312023878318, 0.9445750230732326, 0.9894009349916499};
constexpr std::array<double, 8> kWeights = {
    0.1894506104550685, 0.1826034150449236, 0.1691565193950026, 0.1495959888165768,
    0.1246289712555339, 0.0951585116824929, 0.0622535239386478, 0.0271524594117541};

// The density of u = log odds - log(a/b) is scale · e^shape(u), with its mode at u = 0.
struct LogOdds {
  double a;
  double b;
  double t;  // a / (a + b)

  LogOdds(double a_value, double b_value)
      : a(a_value), b(b_value), t(a_value / (a_value + b_value)) {}

  double shape(double u) const {
    // Near the mode a·u and its counterpart cancel to -½ a (1-t) u²; fine while (a+b) u is
    // moderate.
    return a * u - (a + b) * portable_log1p(t * portable_expm1(u));
  }
  double scale() const {
    return std::sqrt(a * (b / (a + b)) / kTwoPi) *
           portable_exp(stirling_error(a + b) - stirling_error(a) - stirling_error(b));
  }
};

// How far from u the shape has fallen by about kCut. It is concave, so a parabola through its slope
// and curvature at u comes near; where it doesn't, doubling and a few bisections: what is needed is
// the order of size.
double reach(const LogOdds& density, double u, double direction, double edge) {
  const double grown = portable_expm1(std::min(u, 700.0));
  const double above = std::max(1 + density.t * grown, kLeastAbove);
  const double share = density.t * (1 + grown) / above;  // of a in a + b, tilted to u
  const double slope = std::abs(density.a - (density.a + density.b) * share);
  const double curvature = (density.a + density.b) * share * ((1 - density.t) / above);
  double high = std::min(2 * kLargestLogOdds,
                         2 * kCut / (slope + std::sqrt(slope * slope + 2 * kCut * curvature)));
  const double fall = edge - density.shape(u + direction * high);
  // The fall grows by a power of the way between 1 and about 2: two thirds of the excess are taken
  // back.
  if (fall >= kLeastCut && fall <= kLargestCut)
    return fall <= kCut ? high : high * (1 - (2.0 / 3) * (1 - kCut / fall));
  double low = 0;
  for (int i = 0; i < 60 && density.shape(u + direction * high) > edge - kCut; ++i) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < 3; ++i) {
    const double middle = 0.5 * (low + high);
    (density.shape(u + direction * middle) > edge - kCut ? low : high) = middle;
  }
  return high;
}

// The tail from u outwards (away from 0) of e^shape, by Gauss-Legendre as far as it matters.
double outer_integral(const LogOdds& density, double u, double direction) {
  const double edge = density.shape(u);
  // The shape is 0 at its mode and negative elsewhere. Where rounding says otherwise, b/a is lost
  // beside 1 and u far out.
  if (edge < -740 || edge > 1) return 0;
  const double half = 0.5 * reach(density, u, direction, edge);
  const auto within = [](double x) { return std::clamp(x, -kLargestLogOdds, kLargestLogOdds); };
  // Step by step over all nodes, without a branch in a step, so that several go side by side.
  std::array<double, 2 * kNodes.size()> at;
  for (std::size_t i = 0; i < kNodes.size(); ++i) {
    at[2 * i] = within(u + direction * half * (1 - kNodes[i]));
    at[2 * i + 1] = within(u + direction * half * (1 + kNodes[i]));
  }
  const double a = density.a;
  const double both = density.a + density.b;
  const double t = density.t;
  std::array<double, at.size()> grown;
  for (std::size_t i = 0; i < at.size(); ++i) grown[i] = t * series::expm1_of(at[i]);
  for (double& x : grown) x = std::max(x, kLeastAbove - 1);
  for (std::size_t i = 0; i < at.size(); ++i)
    at[i] = a * at[i] - both * series::log1p_of(grown[i]) - edge;
  for (double& x : at) x = std::clamp(x, -kLargestLogOdds, 0.0);
  for (double& x : at) x = series::exp_of(x);
  double sum = 0;
  for (std::size_t i = 0; i < kNodes.size(); ++i) sum += kWeights[i] * (at[2 * i] + at[2 * i + 1]);
  return sum * half * portable_exp(edge);
}

// The continued fraction of I_x(a, b) without its prefactor; converges fast for x below the mean.
double fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  if (std::abs(d) < kTiny) d = kTiny;
  d = 1 / d;
  double h = d;
  for (int m = 1; m <= kMaxFractionSteps; ++m) {
    const double two_m = 2.0 * m;
    double term = m * (b - m) * x / ((a + two_m - 1) * (a + two_m));
    d = 1 + term * d;
    if (std::abs(d) < kTiny) d = kTiny;
    c = 1 + term / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    h *= d * c;
    term = -(a + m) * (a + b + m) * x / ((a + two_m) * (a + two_m + 1));
    d = 1 + term * d;
    if (std::abs(d) < kTiny) d = kTiny;
    c = 1 + term / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1 / d;
    const double factor = d * c;
    h *= factor;
    if (std::abs(factor - 1) < 1e-14) break;
  }
  return h;
}

}  // namespace

BetaTails beta_tails(double a, double b, double odds) {
  const LogOdds density(a, b);
  const double u = portable_log(odds * (b / a));
  const double x = odds / (1 + odds);
  const double rest = 1 / (1 + odds);
  // Below (a+1)/(a+b+2) the fraction of I_x converges fast, above it that of the other side does;
  // neither side is so small there that 1 minus it would lose digits that matter.
  if (x * (a + b + 2) < a + 1 && a <= kLargestFractionA) {
    const double front = density.scale() * portable_exp(density.shape(u));
    const double below = std::clamp(front * fraction(a, b, x) / a, 0.0, 1.0);
    return {below, 1 - below};
  }
  if (x * (a + b + 2) >= a + 1 && b <= kLargestFractionA) {
    const double front = density.scale() * portable_exp(density.shape(u));
    const double above = std::clamp(front * fraction(b, a, rest) / b, 0.0, 1.0);
    return {1 - above, above};
  }
  const bool lower = u < 0;  // integrate the tail that lies away from the mode
  const double tail =
      std::clamp(density.scale() * outer_integral(density, u, lower ? -1.0 : 1.0), 0.0, 1.0);
  return lower ? BetaTails{tail, 1 - tail} : BetaTails{1 - tail, tail};
}

double beta_quantile_odds(double a, double b, double probability) {
  // Bisection on the log odds: the distribution function is monotone in them, and 200 halvings of
  // ±700 reach the last bit.
  double low = -700;
  double high = 700;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    if (middle == low || middle == high) break;
    (beta_tails(a, b, portable_exp(middle)).below < probability ? low : high) = middle;
  }
  return portable_exp(0.5 * (low + high));
}

}  // namespace surgewatch::statistics
