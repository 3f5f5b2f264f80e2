#include "statistics/gamma_poisson_filter.h"

#include <algorithm>
#include <cmath>

#include "base/at_most.h"
#include "statistics/negative_binomial.h"
#include "statistics/portable_math.h"
#include "statistics/ranges.h"
#include "statistics/state_bytes.h"

namespace surgewatch::statistics {
namespace {

constexpr std::uint32_t kFilterSnapshot = 0x44310001;  // "D1", format 1
constexpr double kLargestLog = 29.9;                   // e^29.9 is a little under 1e13
constexpr double kLargestVariance = 4;                 // of the logarithm, per component
constexpr double kLargestUncertainty = 1;  // of a judgement; learning must know all of it
constexpr double kLargestDispersion = 1e9;
constexpr double kLeastMean = 0.05;          // under which Pearson residuals mean little
constexpr double kResidualCap = 25;          // squared residuals count at most this many φ
constexpr double kAnscombeThreshold = 2.58;  // Noufaily et al. 2013
constexpr double kLeastWeight = 0.05;
constexpr double kMinExposure = 1e-6;
constexpr double kMaxExposure = 1e6;
// Whatever the mean, a negative binomial of at least this size exceeds mean + 1.5 sd more often
// than any outlier_p that is allowed (the tests say so): no need for its tail to call a value
// plain.
constexpr double kPlainSize = 0.1;
constexpr double kPlainDeviations = 1.5;
constexpr double kNewLevelVariance = 0.05;      // of the logarithm: a level unsure by a fifth
constexpr double kDispersionWindows = 200;      // how many φ remembers
constexpr double kLeastDispersionWeight = 0.6;  // outliers belong to φ more than to the mean

// NaN and what is beyond the range become its nearest end.
double clamped(double value, double low, double high) {
  if (!(value > low)) return low;
  return value < high ? value : high;
}

}  // namespace

GammaPoissonParameters GammaPoissonParameters::weekly() { return {}; }

GammaPoissonParameters GammaPoissonParameters::daily() {
  GammaPoissonParameters p;
  p.season = {.period = 7, .harmonics = 3};
  p.level_discount = 0.99;
  p.season_discount = 0.998;
  p.slope_variance = 0.01;
  p.guard = 14;
  return p;
}

GammaPoissonParameters GammaPoissonParameters::hourly() {
  GammaPoissonParameters p;
  p.season = {.period = 24, .harmonics = 3, .second_period = 168, .second_harmonics = 2};
  p.level_discount = 0.995;
  p.season_discount = 0.999;
  p.slope_variance = 0.001;
  p.guard = 24;
  p.level_windows = 48;
  return p;
}

absl::Status GammaPoissonParameters::check() const {
  SW_RETURN_IF_ERROR(check_within("period", season.period, kPeriodRange));
  SW_RETURN_IF_ERROR(check_within("second_period", season.second_period, 0, 10000));
  SW_RETURN_IF_ERROR(check_within("harmonics", season.harmonics, 0, 5));
  SW_RETURN_IF_ERROR(check_within("second_harmonics", season.second_harmonics, 0, 5));
  SW_RETURN_IF_ERROR(check_within("harmonics of both seasons", season.waves(), 0, 5));
  SW_RETURN_IF_ERROR(check_within("level_discount", level_discount, 0.8, 1));
  SW_RETURN_IF_ERROR(check_within("slope_discount", slope_discount, 0.8, 1));
  SW_RETURN_IF_ERROR(check_within("season_discount", season_discount, 0.8, 1));
  SW_RETURN_IF_ERROR(check_within("level_variance", level_variance, 1e-6, kLargestVariance));
  SW_RETURN_IF_ERROR(check_within("slope_variance", slope_variance, 1e-9, kLargestVariance));
  SW_RETURN_IF_ERROR(check_within("season_variance", season_variance, 1e-9, kLargestVariance));
  SW_RETURN_IF_ERROR(check_within("guard", guard, kGuardRange));
  SW_RETURN_IF_ERROR(check_within("level_windows", level_windows, kWarmUpRange));
  SW_RETURN_IF_ERROR(check_within("dispersion", dispersion, 1, 1e6));
  SW_RETURN_IF_ERROR(check_within("outlier_p", outlier_p, 1e-9, 0.02));
  SW_RETURN_IF_ERROR(check_within("outliers_accepted", outliers_accepted, 1, 1000));
  SW_RETURN_IF_ERROR(check_within("alpha", alpha, kAlphaRange));
  SW_RETURN_IF_ERROR(check_within("least_recent_count", least_recent_count, 0, kMaxCount));
  SW_RETURN_IF_ERROR(check_within("recent_windows", recent_windows, 1, 8));
  return check_within("unit", unit, 1e-6, 1e15);
}

std::uint64_t GammaPoissonParameters::fingerprint() const {
  Fingerprint f;
  f.add(season.period).add(season.harmonics).add(season.second_period).add(season.second_harmonics);
  f.add(level_discount).add(slope_discount).add(season_discount);
  f.add(level_variance).add(slope_variance).add(season_variance);
  f.add(guard).add(level_windows).add(dispersion).add(outlier_p).add(outliers_accepted);
  return f.add(alpha).add(least_recent_count).add(recent_windows).add(unit).value();
}

absl::StatusOr<GammaPoissonFilter> GammaPoissonFilter::create(
    const GammaPoissonParameters& parameters) {
  SW_RETURN_IF_ERROR(parameters.check());
  return GammaPoissonFilter(parameters);
}

GammaPoissonFilter::GammaPoissonFilter(const GammaPoissonParameters& parameters)
    : parameters_(std::make_shared<const GammaPoissonParameters>(parameters)),
      season_(std::make_shared<const Season>(parameters.season)),
      dimension_(2 + season_->width()),
      dispersion_(parameters.dispersion),
      covariance_(static_cast<std::size_t>(dimension_) * static_cast<std::size_t>(dimension_)),
      guarded_(static_cast<std::size_t>(parameters.guard)) {
  const auto diagonal = [this](int i) -> double& {
    return covariance_[static_cast<std::size_t>(i) * static_cast<std::size_t>(dimension_ + 1)];
  };
  diagonal(0) = parameters.level_variance;
  diagonal(1) = parameters.slope_variance;
  for (int i = 2; i < dimension_; ++i)
    diagonal(i) = parameters.season_variance / season_->order_of_wave((i - 2) / 2);
}

GammaPoissonFilter::Seen GammaPoissonFilter::seen_of(std::optional<double> value,
                                                     double exposure) const {
  if (!value.has_value()) return {0, 0};
  return {clamped(*value / parameters_->unit, 0, kMaxCount),
          clamped(exposure, kMinExposure, kMaxExposure)};
}

GammaPoissonFilter::AtMost GammaPoissonFilter::at_most(const GammaPoissonParameters& parameters) {
  constexpr std::size_t kCounts = 2 * sizeof(std::size_t);  // of a shared pointer
  const SeasonShape& season = parameters.season;
  const auto table = [](int period, int harmonics) {
    return at_most::exact_vector(Saturating(period) * (2 * harmonics), sizeof(double));
  };
  const Saturating dimension = 2 + 2 * season.waves();
  return {.own = at_most::exact_vector(dimension * dimension, sizeof(double)) +
                 at_most::exact_vector(parameters.guard, sizeof(Seen)),
          .shared = at_most::block(sizeof(GammaPoissonParameters) + kCounts) +
                    at_most::block(sizeof(Season) + kCounts) +
                    table(season.period, season.harmonics) +
                    table(season.second_period, season.second_harmonics)};
}

Judgement GammaPoissonFilter::step(std::optional<double> learned, std::optional<double> judged,
                                   double exposure) {
  Seen& oldest = guarded_[static_cast<std::size_t>(windows_ % parameters_->guard)];
  if (windows_ >= parameters_->guard) learn(windows_ - parameters_->guard, oldest);
  const Judgement judgement = judge_window(windows_, seen_of(judged, exposure));
  const Seen seen = seen_of(learned, exposure);
  oldest = seen;
  recent_[static_cast<std::size_t>(windows_ % 8)] = seen.value;
  ++windows_;
  return judgement;
}

Judgement GammaPoissonFilter::judge(std::optional<double> value, double exposure) const {
  return judge_window(windows_, seen_of(value, exposure));
}

bool GammaPoissonFilter::amend(int age, std::optional<double> value, double exposure) {
  if (age < 1 || age > parameters_->guard || age > windows_) return false;
  const std::int64_t window = windows_ - age;
  const Seen seen = seen_of(value, exposure);
  guarded_[static_cast<std::size_t>(window % parameters_->guard)] = seen;
  if (age <= 8) recent_[static_cast<std::size_t>(window % 8)] = seen.value;
  return true;
}

void GammaPoissonFilter::regressors(std::int64_t window, double lag, Vector* x) const {
  (*x)[0] = 1;
  (*x)[1] = lag / parameters_->season.period;
  season_->at(window, x->data() + 2);
}

GammaPoissonFilter::Prediction GammaPoissonFilter::predict(const Vector& x, Vector* px) const {
  // P is symmetric to the bit, so its rows serve as columns: the sums of the components then grow
  // side by side instead of one waiting for the other.
  px->fill(0);
  const auto d = static_cast<std::size_t>(dimension_);
  const double* row = covariance_.data();
  for (std::size_t j = 0; j < d; ++j, row += dimension_)
    for (std::size_t i = 0; i < d; ++i) (*px)[i] += row[i] * x[j];
  double log_mean = 0;
  double uncertainty = 0;
  for (std::size_t i = 0; i < d; ++i) {
    log_mean += x[i] * theta_[i];
    uncertainty += x[i] * (*px)[i];
  }
  return {clamped(log_mean, -kLargestLog, kLargestLog), std::max(uncertainty, 1e-12)};
}

Judgement GammaPoissonFilter::judge_window(std::int64_t window, const Seen& seen) const {
  Judgement judgement;
  if (!level_known_ || seen.exposure <= 0) return judgement;
  Vector x;
  Vector px;
  regressors(window, parameters_->guard, &x);
  const Prediction prediction = predict(x, &px);
  const double mean = seen.exposure * portable_exp(prediction.log_mean);
  const double uncertainty = std::min(prediction.uncertainty, kLargestUncertainty);
  const double variance = dispersion_ * mean + uncertainty * mean * mean;
  judgement.known = true;
  judgement.unit = parameters_->unit;
  judgement.observed = seen.value * parameters_->unit;
  judgement.expected = mean * parameters_->unit;
  judgement.variance = variance * parameters_->unit * parameters_->unit;
  judgement.dispersion = dispersion_;
  judgement.uncertainty = uncertainty;
  if (seen.value > mean) judgement.p = NegativeBinomial::of(mean, variance).upper_tail(seen.value);
  double recent = seen.value;
  for (std::int64_t i = 1; i < parameters_->recent_windows && i <= window; ++i)
    recent += recent_[static_cast<std::size_t>((window - i) % 8)];
  judgement.enough = recent >= parameters_->least_recent_count;
  judgement.alarm = judgement.enough && judgement.p <= parameters_->alpha;
  return judgement;
}

double GammaPoissonFilter::upper_bound(const Judgement& judgement, double alpha) const {
  const double unit = parameters_->unit;
  return unit * NegativeBinomial::of(judgement.expected / unit, judgement.variance / (unit * unit))
                    .upper_bound(alpha);
}

// Time passes: the slope moves the level, and what is known fades.
void GammaPoissonFilter::drift() {
  theta_[0] =
      clamped(theta_[0] + theta_[1] / parameters_->season.period, -kLargestLog, kLargestLog);
  // P becomes F P F', where F adds slope/period to the level: the top row first, then its column.
  const double per_window = 1.0 / parameters_->season.period;
  const auto d = static_cast<std::size_t>(dimension_);
  for (std::size_t j = 0; j < d; ++j) covariance_[j] += per_window * covariance_[d + j];
  for (std::size_t i = 0; i < d; ++i) covariance_[i * d] += per_window * covariance_[i * d + 1];
  const double level = 1 / std::sqrt(parameters_->level_discount);
  const double slope = 1 / std::sqrt(parameters_->slope_discount);
  const double season = 1 / std::sqrt(parameters_->season_discount);
  Vector scale;
  for (int i = 0; i < dimension_; ++i) {
    double factor = i == 0 ? level : i == 1 ? slope : season;
    const double grown =
        covariance_[static_cast<std::size_t>(i) * static_cast<std::size_t>(dimension_ + 1)] *
        factor * factor;
    if (grown > kLargestVariance) factor *= std::sqrt(kLargestVariance / grown);
    scale[static_cast<std::size_t>(i)] = factor;
  }
  double* row = covariance_.data();
  for (int i = 0; i < dimension_; ++i, row += dimension_)
    for (int j = 0; j < dimension_; ++j)
      row[j] *= scale[static_cast<std::size_t>(i)] * scale[static_cast<std::size_t>(j)];
}

void GammaPoissonFilter::learn_first_level(const Seen& seen) {
  level_sum_ += seen.value;
  level_exposure_ += seen.exposure;
  learned_ += 1;
  if (learned_ < parameters_->level_windows) return;
  // Half a count more: a series without any has a level, too.
  theta_[0] =
      clamped(portable_log((level_sum_ + 0.5) / level_exposure_), -kLargestLog, kLargestLog);
  level_known_ = true;
}

void GammaPoissonFilter::learn(std::int64_t window, const Seen& seen) {
  if (!level_known_) {
    if (seen.exposure > 0) learn_first_level(seen);
    return;
  }
  drift();
  if (seen.exposure <= 0) return;
  Vector x;
  Vector px;
  regressors(window, 0, &x);
  const Prediction prediction = predict(x, &px);
  const double q = prediction.uncertainty;
  const double mean = seen.exposure * portable_exp(prediction.log_mean);
  const double y = seen.value;
  const double weight = outlier_weight(y, mean, dispersion_ * mean + q * mean * mean);

  const double k = weight / dispersion_;
  const double precision = 1 / q + k * y;
  const double moved = portable_log(precision / (1 / q + k * mean));
  const double theta_step = moved / q;
  const double shrink = (1 - 1 / (precision * q)) / q;
  double* row = covariance_.data();
  for (int i = 0; i < dimension_; ++i, row += dimension_) {
    const double gain = px[static_cast<std::size_t>(i)];
    double& theta = theta_[static_cast<std::size_t>(i)];
    theta = clamped(theta + gain * theta_step, -kLargestLog, kLargestLog);
    for (int j = 0; j < dimension_; ++j) row[j] -= gain * px[static_cast<std::size_t>(j)] * shrink;
  }
  learn_dispersion(y, mean, q, weight);
  learned_ += 1;
}

double GammaPoissonFilter::outlier_weight(double y, double mean, double variance) {
  const NegativeBinomial law = NegativeBinomial::of(mean, variance);
  const double plain_limit =
      law.size >= kPlainSize ? mean + kPlainDeviations * std::sqrt(variance) : 0;
  const bool outlier = y > plain_limit && law.upper_tail(y) < parameters_->outlier_p;
  if (!outlier) {
    outlier_run_ = std::max(0.0, outlier_run_ - 0.25);
    return 1;
  }
  outlier_run_ = std::min(outlier_run_ + 1, 1000.0);
  if (outlier_run_ > parameters_->outliers_accepted) {
    // The level is new: what was known of it counts less, once for each such run.
    if (outlier_run_ <= parameters_->outliers_accepted + 1) covariance_[0] += kNewLevelVariance;
    return 1;
  }
  // Anscombe's residual of a Poisson-like count, 1.5 (y^⅔ μ^-⅙ - μ^½), over its overdispersion.
  const double log_mean = portable_log(mean);
  const double residual =
      1.5 * (portable_exp(portable_log(y) * (2.0 / 3) - log_mean / 6) - std::sqrt(mean)) /
      std::sqrt(variance / mean);
  const double ratio = kAnscombeThreshold / std::max(residual, kAnscombeThreshold);
  return std::max(kLeastWeight, 0.3 * ratio * ratio);
}

void GammaPoissonFilter::learn_dispersion(double y, double mean, double uncertainty,
                                          double weight) {
  const double residual = y - mean;
  const double pearson =
      residual * residual / std::max(mean, kLeastMean) / (1 + uncertainty * mean / dispersion_);
  const double e =
      std::max(weight, kLeastDispersionWeight) * std::min(pearson, kResidualCap * dispersion_);
  dispersion_ += std::max(1 / kDispersionWindows, 1 / (learned_ + 20)) * (e - dispersion_);
  dispersion_ = clamped(dispersion_, 1, kLargestDispersion);
}

std::string GammaPoissonFilter::snapshot() const {
  StateWriter out(kFilterSnapshot, parameters_->fingerprint());
  out.put_whole(static_cast<std::uint64_t>(windows_));
  out.put(learned_);
  out.put(level_sum_);
  out.put(level_exposure_);
  out.put_whole(level_known_ ? 1 : 0);
  out.put(dispersion_);
  out.put(outlier_run_);
  out.put_all(recent_);
  out.put_all(theta_);
  out.put_all(covariance_);
  for (const Seen& seen : guarded_) {
    out.put(seen.value);
    out.put(seen.exposure);
  }
  return out.take();
}

absl::Status GammaPoissonFilter::restore(std::string_view bytes) {
  GammaPoissonFilter fresh = *this;
  StateReader in(bytes, kFilterSnapshot, parameters_->fingerprint());
  fresh.windows_ = in.ordinal();
  fresh.learned_ = in.real();
  fresh.level_sum_ = in.real();
  fresh.level_exposure_ = in.real();
  fresh.level_known_ = in.whole() != 0;
  fresh.dispersion_ = in.real();
  fresh.outlier_run_ = in.real();
  in.get_all(&fresh.recent_);
  in.get_all(&fresh.theta_);
  in.get_all(&fresh.covariance_);
  for (Seen& seen : fresh.guarded_) {
    seen.value = in.real();
    seen.exposure = in.real();
  }
  SW_RETURN_IF_ERROR(in.finish());
  *this = std::move(fresh);
  return absl::OkStatus();
}

}  // namespace surgewatch::statistics
