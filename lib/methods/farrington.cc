// Farrington's outbreak detection, the flexible version and the original's threshold.
//
// Source: Farrington, Andrews, Beale, Catchpole, J. R. Statist. Soc. A 159 (1996); Noufaily et al.,
// Statistics in Medicine 32 (2013); Salmon, Schumacher, Höhle, J. Statistical Software 70(10)
// (2016) describes R's farringtonFlexible, with which this agrees: docs/detectors.md says to what
// digits, and which of its habits are kept.
#include "methods/farrington.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/status.h"
#include "methods/distributions.h"
#include "methods/specs.h"

namespace surgewatch::methods {
namespace {

constexpr std::size_t kSeasonsForATrend = 3;

double upper_quantile(double mean, double phi, double alpha) {
  return phi > 1 ? negative_binomial_upper_quantile(mean / (phi - 1), 1 / phi, alpha)
                 : poisson_upper_quantile(mean, alpha);
}

double tail(double mean, double phi, double value) {
  return phi > 1 ? negative_binomial_tail(mean / (phi - 1), 1 / phi, value)
                 : poisson_tail(mean, value);
}

std::optional<double> finite(double value) {
  return std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

}  // namespace

// Groups are numbered from 0, as rows are; the last is the season of the present window.
void Farrington::gather(const Values& values, std::size_t t) {
  const FarringtonOptions& o = options_;
  const std::size_t last_group = o.no_periods - 1;
  fit_.clear(o.no_periods);
  const auto add = [&](std::size_t row, std::size_t group) {
    if (row + o.past_excluded < t && values[row]) {
      fit_.add({static_cast<double>(row), *values[row], group});
    }
  };
  for (std::size_t season = o.b; season > 0; --season) {
    const std::size_t centre = t - season * o.period;
    for (std::size_t row = centre - o.w; row <= centre + o.w; ++row) add(row, last_group);
    if (o.no_periods == 1) continue;
    const std::size_t gap = o.period - 2 * o.w - 1;
    const std::size_t length = gap / last_group;
    const std::size_t longer = gap % last_group;
    std::size_t row = centre + o.w + 1;
    for (std::size_t group = 0; group < last_group; ++group) {
      const std::size_t end = row + length + (group < longer ? 1 : 0);
      for (; row < end; ++row) add(row, group);
    }
  }
  if (o.no_periods == 1) return;
  for (std::size_t row = t - o.w; row < t; ++row) add(row, last_group);
}

// Fits once or, with reweighting, twice: rows that stand out above their mean count less.
bool Farrington::fit(bool with_trend) {
  static const std::vector<double> kUnweighted;
  if (!fit_.fit(with_trend, kUnweighted)) return false;
  phi_of_errors_ = fit_.dispersion();
  phi_ = std::max(phi_of_errors_, 1.0);
  if (!options_.reweight) return true;
  double sum = 0;
  weights_.resize(fit_.rows());
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const double mu = fit_.mean(i);
    const double y = fit_.y(i);
    const double sixth = std::cbrt(std::sqrt(mu));
    const double third = std::cbrt(y);
    // Anscombe's residual, standardised.
    const double a = 1.5 * (third * third / sixth - std::sqrt(mu)) /
                     std::sqrt(phi_ * std::max(1 - fit_.hat(i), 0.0));
    weights_[i] = a > options_.weights_threshold ? 1 / (a * a) : 1;
    sum += weights_[i];
  }
  const double scale = static_cast<double>(weights_.size()) / sum;
  for (double& weight : weights_) weight *= scale;
  if (!fit_.fit(with_trend, weights_)) return false;
  phi_ = std::max(fit_.dispersion(), 1.0);
  phi_of_errors_ = fit_.dispersion_with(weights_);
  return true;
}

bool Farrington::trend_holds(std::size_t t) const {
  if (!fit_.has_slope()) return false;
  const double error = std::sqrt(phi_of_errors_ * fit_.slope_variance());
  const double p = student_two_sided(fit_.slope() / error, fit_.freedom());
  double highest = 0;
  for (std::size_t i = 0; i < fit_.rows(); ++i) highest = std::max(highest, fit_.y(i));
  const double predicted =
      std::exp(fit_.predictor(static_cast<double>(t), options_.no_periods - 1));
  return p < options_.p_threshold_trend && predicted <= highest;
}

bool Farrington::enough_cases(const Values& values, std::size_t t) const {
  double cases = 0;
  for (std::size_t back = 0; back < options_.limit_windows && back <= t; ++back) {
    cases += values[t - back].value_or(0);
  }
  return cases >= options_.limit_cases;
}

Answer Farrington::answer(const Values& values, std::size_t t) {
  Answer none;
  gather(values, t);
  bool trend = options_.trend && options_.b >= kSeasonsForATrend;
  if (trend) {
    trend = fit(true) && trend_holds(t);
  }
  if (!trend && !fit(false)) return none;
  const std::size_t group = options_.no_periods - 1;
  if (!fit_.has_group(group)) return none;
  const auto now = static_cast<double>(t);
  const double eta = fit_.predictor(now, group);
  const double se = std::sqrt(phi_of_errors_ * fit_.predictor_variance(now, group));
  return judge({.eta = eta, .se = se, .trend = trend}, values, t);
}

Answer Farrington::judge(const Prediction& prediction, const Values& values, std::size_t t) const {
  const FarringtonOptions& o = options_;
  const double mu = std::exp(prediction.eta);
  double upper = 0;
  std::optional<double> p;
  if (o.threshold == FarringtonThreshold::kDelta) {
    const double se = mu * prediction.se;
    const double tau = phi_ + se * se / mu;
    const double spread = std::sqrt(4.0 / 9 * std::cbrt(mu) * tau);
    const double centre = std::cbrt(mu) * std::cbrt(mu);
    const double bound = centre + normal_upper_quantile(o.alpha) * spread;
    upper = std::pow(bound, 1.5);
    if (values[t]) {
      const double third = std::cbrt(*values[t]);
      p = normal_tail((third * third - centre) / spread);
    }
  } else {
    double mean = mu;
    if (o.threshold == FarringtonThreshold::kMuan) {
      mean = std::exp(prediction.eta + normal_upper_quantile(o.alpha) * prediction.se);
    }
    if (std::isfinite(mean)) {
      upper = upper_quantile(mean, phi_, o.alpha);
      if (values[t]) p = tail(mean, phi_, *values[t]);
    } else {
      upper = mean;
    }
  }
  Answer answer;
  answer.details = {p ? finite(*p) : std::nullopt, finite(phi_), prediction.trend ? 1.0 : 0.0};
  if (answer.details[0]) answer.score = surprise(*answer.details[0]);
  if (values[t]) answer.alarm = false;
  if (!enough_cases(values, t)) return answer;
  answer.expected = finite(mu);
  answer.upper = finite(upper);
  if (values[t] && answer.upper) answer.alarm = *values[t] > *answer.upper;
  return answer;
}

bool Farrington::has_history(std::size_t t) const {
  return t >= options_.b * options_.period + options_.w;
}

namespace {

absl::StatusOr<FarringtonOptions> options_from(const Settings& settings) {
  FarringtonOptions options;
  options.b = static_cast<std::size_t>(settings.integer("b"));
  options.w = static_cast<std::size_t>(settings.integer("w"));
  options.no_periods = static_cast<std::size_t>(settings.integer("no_periods"));
  options.past_excluded = static_cast<std::size_t>(settings.integer("past_excluded"));
  options.reweight = settings.flag("reweight");
  options.weights_threshold = settings.number("weights_threshold");
  options.trend = settings.flag("trend");
  options.p_threshold_trend = settings.number("p_threshold_trend");
  options.alpha = settings.number("alpha");
  options.period = static_cast<std::size_t>(settings.integer("period"));
  const std::string& threshold = settings.choice("threshold");
  options.threshold = threshold == "muan"    ? FarringtonThreshold::kMuan
                      : threshold == "delta" ? FarringtonThreshold::kDelta
                                             : FarringtonThreshold::kNbPlugin;
  const std::string& limit = settings.text("limit54");
  const char* const end = limit.data() + limit.size();
  const auto cases = std::from_chars(limit.data(), end, options.limit_cases);
  constexpr std::size_t kMostWindows = 10'000;
  bool sound = cases.ec == std::errc{} && cases.ptr != end && *cases.ptr == '/';
  if (sound) {
    const auto windows = std::from_chars(cases.ptr + 1, end, options.limit_windows);
    sound = windows.ec == std::errc{} && windows.ptr == end && options.limit_windows >= 1 &&
            options.limit_windows <= kMostWindows && options.limit_cases >= 0 &&
            std::isfinite(options.limit_cases);
  }
  if (!sound) {
    return invalid_argument(
        "farrington: limit54: '{}' is not CASES/WINDOWS, such as 5/4; CASES >= 0, WINDOWS in "
        "[1, {}]",
        limit, kMostWindows);
  }
  SW_RETURN_IF_ERROR(check_seasons("farrington", options.w, options.period));
  const std::size_t gap = options.period - 2 * options.w - 1;
  if (options.no_periods > 1 && options.no_periods - 1 > gap) {
    return invalid_argument(
        "farrington: no_periods = {} is too many for period = {} and w = {}; it takes [1, {}]",
        options.no_periods, options.period, options.w, gap + 1);
  }
  return options;
}

absl::StatusOr<Answers> run(const Settings& settings, const SeriesTable& table) {
  SW_ASSIGN_OR_RETURN(const FarringtonOptions options, options_from(settings));
  const std::size_t first =
      settings.has("first_t") ? static_cast<std::size_t>(settings.integer("first_t") - 1) : 0;
  Farrington farrington(options);
  return each_series(table, [&](const SeriesTable::Series& series) {
    std::vector<Answer> answers(series.values.size());
    for (std::size_t t = first; t < answers.size(); ++t) {
      if (farrington.has_history(t)) answers[t] = farrington.answer(series.values, t);
    }
    return answers;
  });
}

}  // namespace

MethodSpec farrington_spec() {
  MethodSpec spec;
  spec.name = "farrington";
  spec.what =
      "quasi-Poisson regression on the same season of earlier years, past outbreaks weighed down";
  spec.formula =
      "log mu = season of the year (no_periods levels) + trend; phi = max(1, Pearson / df)\n"
      "nb_plugin: upper = quantile(1-alpha) of NB(size = mu / (phi-1), prob = 1 / phi)\n"
      "muan: the same at the upper 1-alpha confidence bound of mu\n"
      "delta: upper = (mu^(2/3) + z(1-alpha) sqrt(4/9 mu^(1/3) (phi + se^2 / mu)))^(3/2)";
  spec.source =
      "Farrington et al., JRSS A 159 (1996); Noufaily et al., Statistics in Medicine 32 (2013); "
      "R surveillance::farringtonFlexible";
  spec.score = "-log10 of the detail p = P(Y >= value)";
  spec.parameters = {
      {.name = "b",
       .kind = Kind::kInteger,
       .fallback = "5",
       .unit = "seasons",
       .what = "how many seasons back",
       .low = 1,
       .high = 100},
      {.name = "w",
       .kind = Kind::kInteger,
       .fallback = "3",
       .unit = "windows",
       .what = "half the span around the same window of earlier seasons",
       .low = 0,
       .high = 10'000},
      {.name = "no_periods",
       .kind = Kind::kInteger,
       .fallback = "10",
       .what = "levels of the season factor; 1: only the spans of w are used",
       .low = 1,
       .high = 1'000},
      {.name = "past_excluded",
       .kind = Kind::kInteger,
       .fallback = "26",
       .unit = "windows",
       .what = "windows before the present one that are left out",
       .low = 0,
       .high = 100'000},
      {.name = "reweight",
       .kind = Kind::kFlag,
       .fallback = "true",
       .what = "weigh down past outbreaks"},
      {.name = "weights_threshold",
       .fallback = "2.58",
       .what = "Anscombe residual from which on a window is weighed down",
       .low = 0},
      {.name = "trend",
       .kind = Kind::kFlag,
       .fallback = "true",
       .what = "a trend, if b >= 3 and it doesn't predict more than was ever seen"},
      {.name = "p_threshold_trend",
       .fallback = "1",
       .what = "the trend's p must be below this for it to be kept",
       .low = 0,
       .high = 1},
      {.name = "limit54",
       .kind = Kind::kText,
       .fallback = "5/4",
       .unit = "cases/windows",
       .what = "no bound if there were fewer cases in so many windows, the present one included"},
      {.name = "threshold",
       .kind = Kind::kChoice,
       .fallback = "nb_plugin",
       .what = "how the bound is found",
       .choices = {"nb_plugin", "muan", "delta"}},
      alpha_parameter("0.005"),
      period_parameter(),
      first_t_parameter(),
  };
  spec.details = {"p", "phi", "trend"};
  spec.run = run;
  return spec;
}

}  // namespace surgewatch::methods
