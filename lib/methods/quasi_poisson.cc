#include "methods/quasi_poisson.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace surgewatch::methods {
namespace {

constexpr int kMaxRounds = 25;
constexpr double kConverged = 1e-8;
constexpr double kStart = 0.1;  // added to y, so that 0 has a log
constexpr double kLeastMean = std::numeric_limits<double>::epsilon();  // keeps weights above 0
// Below this share of its unadjusted size, the spread of time within groups is rounding.
constexpr double kAliased = 1e-11;

}  // namespace

void QuasiPoisson::clear(std::size_t groups) {
  time_.clear();
  y_.clear();
  log_y_.clear();
  group_.clear();
  groups_.assign(groups, Group{});
}

void QuasiPoisson::add(const Row& row) {
  time_.push_back(row.time);
  y_.push_back(row.y);
  log_y_.push_back(row.y > 0 ? std::log(row.y) : 0);
  group_.push_back(row.group);
}

bool QuasiPoisson::fit(bool with_slope, const std::vector<double>& weights) {
  const std::size_t n = y_.size();
  if (n == 0) return false;
  if (weights.empty()) {
    prior_.assign(n, 1);
  } else {
    prior_ = weights;
  }
  has_slope_ = with_slope;
  weight_.resize(n);
  eta_.resize(n);
  mu_.resize(n);
  double deviance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    mu_[i] = y_[i] + kStart;
    eta_[i] = std::log(mu_[i]);
    deviance += 2 * prior_[i] * (y_[i] * (log_y_[i] - eta_[i]) - (y_[i] - mu_[i]));
  }
  bool converged = false;
  for (int round = 0; round < kMaxRounds && !converged; ++round) {
    solve();
    const double before = deviance;
    deviance = update();
    if (!std::isfinite(deviance)) return false;
    converged = std::abs(deviance - before) / (std::abs(deviance) + 0.1) < kConverged;
  }
  if (!converged) return false;
  const auto rank = static_cast<std::size_t>(
      std::count_if(groups_.begin(), groups_.end(), [](const Group& g) { return g.weight > 0; }) +
      (has_slope_ ? 1 : 0));
  if (n <= rank) return false;
  freedom_ = static_cast<double>(n - rank);
  return true;
}

// Weighted least squares of the working response: group means first, the slope from what varies
// within groups.
void QuasiPoisson::solve() {
  const std::size_t n = y_.size();
  for (Group& group : groups_) group = Group{};
  for (std::size_t i = 0; i < n; ++i) {
    const double w = prior_[i] * mu_[i];
    weight_[i] = w;
    // From here on eta_ holds the working response.
    eta_[i] += (y_[i] - mu_[i]) / mu_[i];
    Group& group = groups_[group_[i]];
    group.weight += w;
    group.time += w * time_[i];
    group.intercept += w * eta_[i];
  }
  for (Group& group : groups_) {
    if (!(group.weight > 0)) continue;
    group.time /= group.weight;
    group.intercept /= group.weight;
  }
  slope_ = 0;
  time_squares_ = std::numeric_limits<double>::infinity();
  if (!has_slope_) return;
  double squares = 0, products = 0, unadjusted = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Group& group = groups_[group_[i]];
    const double off = time_[i] - group.time;
    squares += weight_[i] * off * off;
    products += weight_[i] * off * (eta_[i] - group.intercept);
    unadjusted += weight_[i] * time_[i] * time_[i];
  }
  if (!(squares > kAliased * unadjusted)) {
    has_slope_ = false;
    return;
  }
  time_squares_ = squares;
  slope_ = products / squares;
}

double QuasiPoisson::update() {
  double deviance = 0;
  for (std::size_t i = 0; i < y_.size(); ++i) {
    eta_[i] = predictor(time_[i], group_[i]);
    mu_[i] = std::max(std::exp(eta_[i]), kLeastMean);
    deviance += 2 * prior_[i] * (y_[i] * (log_y_[i] - eta_[i]) - (y_[i] - mu_[i]));
  }
  return deviance;
}

double QuasiPoisson::dispersion() const {
  double sum = 0;
  for (std::size_t i = 0; i < y_.size(); ++i) {
    const double residual = (y_[i] - mu_[i]) / mu_[i];
    sum += weight_[i] * residual * residual;
  }
  return sum / freedom_;
}

double QuasiPoisson::dispersion_with(const std::vector<double>& weights) const {
  double sum = 0;
  for (std::size_t i = 0; i < y_.size(); ++i) {
    const double residual = (y_[i] - mu_[i]) / mu_[i];
    sum += weights[i] * residual * residual;
  }
  return sum / freedom_;
}

double QuasiPoisson::hat(std::size_t row) const {
  return weight_[row] * predictor_variance(time_[row], group_[row]);
}

double QuasiPoisson::predictor(double time, std::size_t group) const {
  return groups_[group].intercept + slope_ * (time - groups_[group].time);
}

double QuasiPoisson::predictor_variance(double time, std::size_t group) const {
  const double off = time - groups_[group].time;
  return 1 / groups_[group].weight + off * off / time_squares_;
}

}  // namespace surgewatch::methods
