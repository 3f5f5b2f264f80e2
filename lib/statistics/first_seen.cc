#include "statistics/first_seen.h"

#include <algorithm>
#include <cmath>

#include "statistics/beta.h"
#include "statistics/gamma_poisson_filter.h"
#include "statistics/negative_binomial.h"
#include "statistics/portable_math.h"
#include "statistics/ranges.h"
#include "statistics/state_bytes.h"

namespace surgewatch::statistics {
namespace {

constexpr std::uint32_t kFirstSeenSnapshot = 0x44340001;
constexpr double kLargestPriorWeight = 8;
constexpr double kLargestLogE = 600;
constexpr double kLargestR = 1e200;

// Gamma is the limit of a beta whose second parameter grows: G(a) ≈ N · odds of B(a, N).
double gamma_quantile(double shape, double probability) {
  constexpr double kLimit = 1e12;
  return kLimit * beta_quantile_odds(shape, kLimit, probability);
}

}  // namespace

RatePrior pooled_prior(std::span<const double> sibling_rates) {
  if (sibling_rates.size() < 2) return {};
  const auto n = static_cast<double>(sibling_rates.size());
  double mean = 0;
  for (const double rate : sibling_rates) mean += rate / n;
  double variance = 0;
  for (const double rate : sibling_rates) variance += (rate - mean) * (rate - mean) / (n - 1);
  if (!(mean > 0)) return {};
  const double weight =
      variance > 0 ? std::min(mean / variance, kLargestPriorWeight) : kLargestPriorWeight;
  return {.shape = std::clamp(mean * weight, 1e-3, 1e9), .weight = std::max(weight, 1e-6)};
}

absl::Status NewEntityParameters::check() const {
  SW_RETURN_IF_ERROR(check_within("prior shape", prior.shape, 1e-3, 1e9));
  SW_RETURN_IF_ERROR(check_within("prior weight", prior.weight, 1e-6, 1e3));
  SW_RETURN_IF_ERROR(check_within("alpha", alpha, kAlphaRange));
  SW_RETURN_IF_ERROR(check_within("null_quantile", null_quantile, 0.5, 0.999));
  SW_RETURN_IF_ERROR(check_within("smallest_rise", smallest_rise, 1.1, 100));
  SW_RETURN_IF_ERROR(check_within("largest_rise", largest_rise, smallest_rise, 1000));
  return check_within("dispersion", dispersion, 1, 1e6);
}

std::uint64_t NewEntityParameters::fingerprint() const {
  Fingerprint f;
  f.add(prior.shape).add(prior.weight).add(alpha).add(null_quantile);
  return f.add(smallest_rise).add(largest_rise).add(dispersion).value();
}

absl::StatusOr<NewEntity> NewEntity::create(const NewEntityParameters& parameters) {
  SW_RETURN_IF_ERROR(parameters.check());
  return NewEntity(parameters);
}

NewEntity::NewEntity(const NewEntityParameters& parameters)
    : parameters_(parameters),
      null_rate_(std::max(1e-9, gamma_quantile(parameters.prior.shape, parameters.null_quantile) /
                                    parameters.prior.weight)) {
  // Evenly spaced in the logarithm.
  const double span = portable_log(parameters.largest_rise / parameters.smallest_rise);
  for (std::size_t j = 0; j < kRises; ++j)
    rises_[j] = parameters.smallest_rise *
                portable_exp(span * static_cast<double>(j) / static_cast<double>(kRises - 1));
}

NewEntityJudgement NewEntity::step(std::optional<double> learned, std::optional<double> judged,
                                   double exposure) {
  NewEntityJudgement answer;
  answer.null_rate = null_rate_;
  if (!learned.has_value() || !judged.has_value()) return answer;
  const auto count_of = [](double value) { return value > 0 ? std::min(value, kMaxCount) : 0; };
  const double y = count_of(*judged);
  const double w = exposure > 1e-6 ? std::min(exposure, 1e6) : 1e-6;
  answer.known = true;
  answer.first_seen = y > 0 && total_ == 0;

  const double weight = parameters_.prior.weight + exposure_;
  answer.expected = w * (parameters_.prior.shape + total_) / weight;
  answer.p =
      NegativeBinomial::of(answer.expected, answer.expected * (parameters_.dispersion + w / weight))
          .upper_tail(y);

  const double mean = w * null_rate_;
  const NegativeBinomial null = NegativeBinomial::of(mean, mean * parameters_.dispersion);
  double e = 0;
  double r = 0;
  for (std::size_t j = 0; j < kRises; ++j) {
    const double log_ratio = std::clamp(null.log_ratio(y, rises_[j]), -kLargestLogE, kLargestLogE);
    log_e_[j] = std::clamp(log_e_[j] + log_ratio, -1e15, kLargestLogE);
    r_[j] = std::min((1 + r_[j]) * portable_exp(log_ratio), kLargestR);
    e += portable_exp(log_e_[j]) / static_cast<double>(kRises);
    r += r_[j] / static_cast<double>(kRises);
  }
  answer.e_value = e;
  answer.e_detector = r;
  const double limit = 1 / parameters_.alpha;
  const bool ever = e >= limit && !reported_;
  reported_ = reported_ || ever;
  answer.alarm = ever || r >= limit;
  if (r >= limit) r_.fill(0);
  exposure_ += w;
  total_ += count_of(*learned);
  return answer;
}

std::string NewEntity::snapshot() const {
  StateWriter out(kFirstSeenSnapshot, parameters_.fingerprint());
  out.put(exposure_);
  out.put(total_);
  out.put_whole(reported_ ? 1 : 0);
  out.put_all(log_e_);
  out.put_all(r_);
  return out.take();
}

absl::Status NewEntity::restore(std::string_view bytes) {
  NewEntity fresh = *this;
  StateReader in(bytes, kFirstSeenSnapshot, parameters_.fingerprint());
  fresh.exposure_ = in.real();
  fresh.total_ = in.real();
  fresh.reported_ = in.whole() != 0;
  in.get_all(&fresh.log_e_);
  in.get_all(&fresh.r_);
  SW_RETURN_IF_ERROR(in.finish());
  *this = fresh;
  return absl::OkStatus();
}

}  // namespace surgewatch::statistics
