// Farrington's outbreak detection, the flexible version and the original's threshold.
//
// Source: Farrington, Andrews, Beale, Catchpole, J. R. Statist. Soc. A 159 (1996); Noufaily et al.,
// Statistics in Medicine 32 (2013); Salmon, Schumacher, Höhle, J. Statistical Software 70(10)
// (2016) describes R's farringtonFlexible, with which this agrees: docs/detectors.md says to what
// digits, and which of its habits are kept.
#include "methods/farrington.h"

#include <algorithm>
#include <charconv>
#include <chrono>
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

// R's seq() goes a year back from 29 February to 1 March.
std::int64_t years_before(std::int64_t day, std::size_t years) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  const std::chrono::year year = date.year() - std::chrono::years(years);
  const std::chrono::year_month_day earlier(year, date.month(), date.day());
  const std::chrono::sys_days found = earlier.ok()
                                          ? std::chrono::sys_days(earlier)
                                          : std::chrono::sys_days(std::chrono::year_month_day(
                                                year, std::chrono::March, std::chrono::day(1)));
  return found.time_since_epoch().count();
}

// The window of the date nearest to `day`; nullopt if the days begin later than half a step after.
std::optional<std::size_t> nearest_window(const std::vector<std::int64_t>& days, std::int64_t day) {
  const auto after = std::lower_bound(days.begin(), days.end(), day);
  const auto index = static_cast<std::size_t>(after - days.begin());
  if (index == 0) {
    const std::int64_t step = days.size() > 1 ? days[1] - days[0] : 1;
    if (2 * (days[0] - day) > step) return std::nullopt;
    return 0;
  }
  if (index == days.size() || day - days[index - 1] <= days[index] - day) return index - 1;
  return index;
}

bool Farrington::find_centres(std::size_t t) {
  const FarringtonOptions& o = options_;
  centres_.clear();
  for (std::size_t season = o.b; season > 0; --season) {
    std::optional<std::size_t> centre;
    if (!days_.empty()) {
      centre = nearest_window(days_, years_before(days_[t], season));
    } else if (t >= season * o.period) {
      centre = t - season * o.period;
    }
    if (!centre || *centre < o.w) return false;
    centres_.push_back(*centre);
  }
  centres_.push_back(t);
  for (std::size_t i = 1; i < centres_.size(); ++i) {
    if (centres_[i] < centres_[i - 1] + 2 * o.w + 1) return false;
  }
  return true;
}

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
  for (std::size_t season = 0; season < o.b; ++season) {
    const std::size_t centre = centres_[season];
    for (std::size_t row = centre - o.w; row <= centre + o.w; ++row) add(row, last_group);
    if (last_group == 0) continue;
    std::size_t row = centre + o.w + 1;
    const std::size_t gap = centres_[season + 1] - o.w - row;
    const std::size_t length = gap / last_group;
    const std::size_t longer = gap % last_group;
    for (std::size_t group = 0; group < last_group; ++group) {
      const std::size_t end = row + length + (group < longer ? 1 : 0);
      for (; row < end; ++row) add(row, group);
    }
  }
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
    if (!values[t - back]) return false;
    cases += *values[t - back];
  }
  return cases >= options_.limit_cases;
}

Answer Farrington::answer(const Values& values, std::size_t t) {
  if (!find_centres(t)) return {};
  gather(values, t);
  bool trend = options_.trend && options_.b >= kSeasonsForATrend;
  if (trend) {
    trend = fit(true) && trend_holds(t);
  }
  if (!trend && !fit(false)) return {};
  const std::size_t group = options_.no_periods - 1;
  if (!fit_.has_group(group)) return {};
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
  answer.alarm = false;
  if (!enough_cases(values, t)) return answer;
  answer.expected = finite(mu);
  answer.upper = finite(upper);
  if (answer.upper) answer.alarm = *values[t] > *answer.upper;
  return answer;
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
  return options;
}

// By date, a season is a year, of as many windows as the dates are apart.
absl::Status fit_together(const FarringtonOptions& options) {
  SW_RETURN_IF_ERROR(check_seasons("farrington", options.w, options.period));
  const std::size_t gap = options.period - 2 * options.w - 1;
  if (options.no_periods > 1 && options.no_periods - 1 > gap) {
    return invalid_argument(
        "farrington: no_periods = {} is too many for period = {} and w = {}; it takes [1, {}]",
        options.no_periods, options.period, options.w, gap + 1);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> windows_in_a_year(const SeriesTable& table) {
  if (table.days.empty()) {
    return invalid_argument(
        "farrington: by_date needs dates such as 2024-01-31 for times; '{}' is none",
        table.times.front());
  }
  constexpr double kDaysInAYear = 365.25;
  const auto span = static_cast<double>(table.days.back() - table.days.front());
  const double step = span / static_cast<double>(std::max<std::size_t>(table.days.size() - 1, 1));
  return static_cast<std::size_t>(kDaysInAYear / std::max(step, 1.0));
}

absl::StatusOr<Answers> run(const Settings& settings, const SeriesTable& table) {
  SW_ASSIGN_OR_RETURN(FarringtonOptions options, options_from(settings));
  const bool by_date = settings.flag("by_date");
  if (by_date && !table.times.empty()) {
    SW_ASSIGN_OR_RETURN(options.period, windows_in_a_year(table));
  }
  SW_RETURN_IF_ERROR(fit_together(options));
  const std::size_t first =
      settings.has("first_t") ? static_cast<std::size_t>(settings.integer("first_t") - 1) : 0;
  Farrington farrington(options, by_date ? table.days : std::vector<std::int64_t>{});
  return each_series(table, [&](const SeriesTable::Series& series) {
    std::vector<Answer> answers(series.values.size());
    for (std::size_t t = first; t < answers.size(); ++t) {
      answers[t] = farrington.answer(series.values, t);
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
      {.name = "by_date",
       .kind = Kind::kFlag,
       .fallback = "false",
       .what = "count seasons back in calendar years, not in periods; times must be dates"},
      first_t_parameter(),
  };
  spec.details = {"p", "phi", "trend"};
  spec.run = run;
  return spec;
}

}  // namespace surgewatch::methods
