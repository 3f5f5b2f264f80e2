// Surgewatch's own detectors, as methods over whole series. What they compute, lib/statistics says;
// here are only their settings and what of their answers goes into which column.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/status.h"
#include "methods/distributions.h"
#include "methods/specs.h"
#include "statistics/first_seen.h"
#include "statistics/reference_ratio.h"
#include "statistics/share_cusum.h"
#include "statistics/surge_ramp.h"

namespace surgewatch::methods {
namespace {

using statistics::GammaPoissonFilter;
using statistics::GammaPoissonParameters;
using statistics::Judgement;
using statistics::SurgeRamp;
using statistics::SurgeRampParameters;

constexpr double kLargestTotal = 1e18;       // that compare_with_reference takes
constexpr std::int64_t kLongestDaily = 14;   // a period up to this is days in a week or so
constexpr std::int64_t kLongestHourly = 30;  // up to this, hours in a day

std::size_t first_of(const Settings& settings) {
  return settings.has("first_t") ? static_cast<std::size_t>(settings.integer("first_t") - 1) : 0;
}

// The preset that suits the period, with what the caller set on top.
SurgeRampParameters surge_ramp_parameters(const Settings& settings, std::string_view alpha_of) {
  const std::int64_t period = settings.integer("period");
  SurgeRampParameters p = period <= kLongestDaily    ? SurgeRampParameters::daily()
                          : period <= kLongestHourly ? SurgeRampParameters::hourly()
                                                     : SurgeRampParameters::weekly();
  statistics::SeasonShape& season = p.baseline.season;
  season.period = static_cast<int>(period);
  // A wave needs two windows of its own at the least.
  season.harmonics = std::min(season.harmonics, static_cast<int>((period - 1) / 2));
  if (season.second_period > 0 && period != 24) season.second_period = 0;
  if (settings.has("harmonics")) season.harmonics = static_cast<int>(settings.integer("harmonics"));
  if (settings.has("guard")) p.baseline.guard = static_cast<int>(settings.integer("guard"));
  p.baseline.unit = settings.number("unit");
  if (alpha_of == "alpha" && settings.has("alpha")) p.baseline.alpha = settings.number("alpha");
  return p;
}

std::vector<Parameter> baseline_parameters() {
  return {
      period_parameter(),
      {.name = "harmonics",
       .kind = Kind::kInteger,
       .fallback = "auto",
       .unit = "waves",
       .what =
           "of the season; auto: 2 for weeks in a year, 3 for days in a week and hours in a day",
       .low = 0,
       .high = 5,
       .word = "auto"},
      {.name = "guard",
       .kind = Kind::kInteger,
       .fallback = "auto",
       .unit = "windows",
       .what = "between seeing a count and learning it; auto: 26 weeks, 14 days, 24 hours",
       .low = 1,
       .high = 400,
       .word = "auto"},
      {.name = "unit",
       .kind = Kind::kNumber,
       .fallback = "1",
       .what = "what counts as one; for money, the amount of a typical document",
       .low = 1e-6,
       .high = 1e15},
      first_t_parameter(),
  };
}

// Answers of one series, from one detector's step.
template <typename Detector, typename Step>
std::vector<Answer> step_through(Detector detector, const SeriesTable::Series& series,
                                 std::size_t first, Step step) {
  std::vector<Answer> answers(series.values.size());
  for (std::size_t t = 0; t < answers.size(); ++t) {
    Answer answer = step(&detector, series.values[t]);
    if (t >= first) answers[t] = std::move(answer);
  }
  return answers;
}

absl::StatusOr<Answers> run_surge(const Settings& settings, const SeriesTable& table) {
  const GammaPoissonParameters parameters = surge_ramp_parameters(settings, "alpha").baseline;
  SW_ASSIGN_OR_RETURN(const GammaPoissonFilter fresh, GammaPoissonFilter::create(parameters));
  return each_series(table, [&](const SeriesTable::Series& series) {
    return step_through(
        fresh, series, first_of(settings),
        [&](GammaPoissonFilter* filter, const std::optional<double>& value) {
          const Judgement judgement = filter->step(value);
          Answer answer;
          answer.details.resize(3);
          if (!judgement.known) return answer;
          answer.expected = judgement.expected;
          answer.upper = filter->upper_bound(judgement, parameters.alpha);
          answer.score = surprise(judgement.p);
          answer.alarm = judgement.alarm;
          answer.details = {judgement.p, judgement.dispersion, judgement.uncertainty};
          return answer;
        });
  });
}

statistics::RampParameters ramp_parameters(const Settings& settings) {
  return {.factor = settings.number("factor"), .threshold = settings.number("threshold")};
}

absl::StatusOr<Answers> run_ramp(const Settings& settings, const SeriesTable& table) {
  SurgeRampParameters parameters = surge_ramp_parameters(settings, "");
  parameters.ramp = ramp_parameters(settings);
  SW_ASSIGN_OR_RETURN(const SurgeRamp fresh, SurgeRamp::create(parameters));
  return each_series(table, [&](const SeriesTable::Series& series) {
    return step_through(
        fresh, series, first_of(settings),
        [](SurgeRamp* detector, const std::optional<double>& value) {
          const statistics::SurgeRampJudgement judgement = detector->step(value);
          Answer answer;
          answer.details.resize(2);
          if (!judgement.known()) return answer;
          answer.expected = judgement.surge.expected;
          answer.score = judgement.ramp.evidence;
          answer.alarm = judgement.ramp.alarm;
          answer.details = {static_cast<double>(judgement.ramp.windows), judgement.ramp.excess};
          return answer;
        });
  });
}

// How near to an alarm, on the scale of the level: 1 and above is one.
double nearness(double p, double alpha) { return surprise(p) / surprise(alpha); }

absl::StatusOr<Answers> run_surge_ramp(const Settings& settings, const SeriesTable& table) {
  SurgeRampParameters parameters = surge_ramp_parameters(settings, "alpha");
  if (settings.has("pair_alpha")) parameters.pair.alpha = settings.number("pair_alpha");
  if (settings.has("threshold")) parameters.ramp.threshold = settings.number("threshold");
  parameters.ramp.factor = settings.number("factor");
  SW_ASSIGN_OR_RETURN(const SurgeRamp fresh, SurgeRamp::create(parameters));
  return each_series(table, [&](const SeriesTable::Series& series) {
    return step_through(fresh, series, first_of(settings),
                        [&](SurgeRamp* detector, const std::optional<double>& value) {
                          const statistics::SurgeRampJudgement judgement = detector->step(value);
                          Answer answer;
                          answer.details.resize(4);
                          if (!judgement.known()) return answer;
                          answer.expected = judgement.surge.expected;
                          answer.upper = detector->baseline().upper_bound(
                              judgement.surge, parameters.baseline.alpha);
                          answer.score =
                              std::max({nearness(judgement.surge.p, parameters.baseline.alpha),
                                        nearness(judgement.pair.p, parameters.pair.alpha),
                                        judgement.ramp.evidence / parameters.ramp.threshold});
                          answer.alarm = judgement.alarm();
                          answer.details = {judgement.surge.p, judgement.surge.dispersion,
                                            judgement.pair.p, judgement.ramp.evidence};
                          return answer;
                        });
  });
}

absl::StatusOr<Answers> run_share_shift(const Settings& settings, const SeriesTable& table) {
  if (!table.times.empty() && table.series.size() < 2)
    return invalid_argument(
        "share_shift compares series with each other and got {}; give a column that names two or "
        "more",
        table.series.size());
  statistics::ShareParameters parameters;
  parameters.regions = static_cast<int>(std::clamp<std::size_t>(table.series.size(), 2, 1'000'000));
  parameters.odds_ratio = settings.number("odds_ratio");
  parameters.threshold = settings.number("threshold");
  parameters.discount = settings.number("discount");
  parameters.guard = static_cast<int>(settings.integer("guard"));
  parameters.warm_up = static_cast<int>(settings.integer("warm_up"));
  parameters.least_total = settings.number("least_total");
  SW_ASSIGN_OR_RETURN(statistics::ShareCusum cusum, statistics::ShareCusum::create(parameters));
  const std::size_t windows = table.times.size();
  Answers answers(table.series.size(), std::vector<Answer>(windows));
  std::vector<double> counts(table.series.size());
  for (std::size_t t = 0; t < windows; ++t) {
    bool whole = true;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      whole = whole && table.series[i].values[t].has_value();
      counts[i] = table.series[i].values[t].value_or(0);
    }
    const statistics::ShareJudgement& judgement = whole ? cusum.step(counts) : cusum.skip();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      Answer& answer = answers[i][t];
      answer.details.resize(4);
      if (!judgement.known || t < first_of(settings)) continue;
      const statistics::RegionShare& region = judgement.regions[i];
      answer.expected = judgement.total * region.baseline_share;
      answer.score = std::max(region.evidence_up, region.evidence_down);
      answer.alarm = region.alarm_up || region.alarm_down;
      answer.details = {region.share, region.baseline_share, region.evidence_up,
                        region.evidence_down};
    }
  }
  return answers;
}

absl::StatusOr<Answers> run_new_entity(const Settings& settings, const SeriesTable& table) {
  statistics::NewEntityParameters parameters;
  parameters.prior = {.shape = settings.number("prior_shape"),
                      .weight = settings.number("prior_weight")};
  parameters.alpha = settings.number("alpha");
  parameters.dispersion = settings.number("dispersion");
  SW_ASSIGN_OR_RETURN(const statistics::NewEntity fresh, statistics::NewEntity::create(parameters));
  return each_series(table, [&](const SeriesTable::Series& series) {
    return step_through(fresh, series, first_of(settings),
                        [](statistics::NewEntity* cell, const std::optional<double>& value) {
                          const statistics::NewEntityJudgement judgement = cell->step(value);
                          Answer answer;
                          answer.details.resize(4);
                          if (!judgement.known) return answer;
                          answer.expected = judgement.expected;
                          answer.score = judgement.e_value;
                          answer.alarm = judgement.alarm;
                          answer.details = {judgement.p, judgement.e_value, judgement.e_detector,
                                            judgement.first_seen ? 1.0 : 0.0};
                          return answer;
                        });
  });
}

Answer ratio_answer(const statistics::RatioEstimate& estimate) {
  Answer answer;
  answer.details.resize(4);
  answer.expected = estimate.expected;
  answer.score = estimate.ratio;
  answer.alarm = estimate.alarm;
  answer.details = {estimate.ratio, estimate.change_percent, std::nullopt, std::nullopt};
  if (estimate.interval.has_value()) {
    answer.details[2] = estimate.interval->lower;
    answer.details[3] = estimate.interval->upper;
  }
  return answer;
}

absl::StatusOr<Answers> run_reference(const Settings& settings, const SeriesTable& table) {
  const auto from = static_cast<std::size_t>(settings.integer("from") - 1);
  const auto to = static_cast<std::size_t>(settings.integer("to"));  // exclusive, from 0
  if (from >= to)
    return invalid_argument(
        "the reference period begins at window {} and ends at {}; give from <= to", from + 1, to);
  statistics::RatioOptions options;
  options.kind = settings.choice("kind") == "money" ? statistics::TotalKind::kMoney
                                                    : statistics::TotalKind::kCount;
  options.fire_ratio = settings.number("fire_ratio");
  options.dispersion = settings.number("dispersion");
  options.confidence = settings.number("confidence");
  options.least_total = settings.number("least_total");
  Answers answers;
  for (const SeriesTable::Series& series : table.series) {
    answers.emplace_back(series.values.size());
    statistics::PeriodTotal reference{.total = 0, .exposure = 0};
    for (std::size_t t = 0; t < series.values.size(); ++t) {
      Answer& answer = answers.back()[t];
      answer.details.resize(4);
      if (!series.values[t].has_value()) continue;
      if (t >= from && t < to) {
        reference.total += *series.values[t];
        reference.exposure += 1;
      }
      if (t < std::max(to, first_of(settings)) || reference.exposure <= 0) continue;
      if (std::max(*series.values[t], reference.total) > kLargestTotal) continue;  // NA
      SW_ASSIGN_OR_RETURN(
          const statistics::RatioEstimate estimate,
          statistics::compare_with_reference({.total = *series.values[t]}, reference, options));
      answer = ratio_answer(estimate);
    }
  }
  return answers;
}

Parameter positive(std::string_view name, std::string_view fallback, std::string_view what,
                   double low, double high) {
  return {.name = name, .fallback = fallback, .what = what, .low = low, .high = high};
}

Parameter windows_parameter(std::string_view name, std::string_view fallback, std::string_view what,
                            double low, double high) {
  return {.name = name,
          .kind = Kind::kInteger,
          .fallback = fallback,
          .unit = "windows",
          .what = what,
          .low = low,
          .high = high};
}

Parameter ramp_factor(std::string_view fallback) {
  return positive("factor", fallback, "the rise that the ramp test looks for", 1.01, 20);
}
Parameter ramp_threshold(std::string_view fallback) {
  return positive("threshold", fallback, "evidence at which the ramp test alarms", 0.5, 50);
}

}  // namespace

MethodSpec surge_spec() {
  MethodSpec spec;
  spec.name = "surge";
  spec.what = "one window against a rolling baseline with trend and season (D1)";
  spec.formula =
      "mu = exp(level + slope + waves), learned `guard` windows late by a discounted Gamma-Poisson "
      "filter\n"
      "p = P(NB(mu, phi mu + q mu^2) >= value); alarm at p <= alpha with 5 counts in 4 windows";
  spec.source = "West, Harrison, Migon, JASA 80 (1985); Noufaily et al., Stat. Med. 32 (2013)";
  spec.score = "-log10 of the detail p, which is 1 where the value is not above what is expected";
  spec.parameters = baseline_parameters();
  spec.parameters.push_back(alpha_parameter("0.005"));
  spec.details = {"p", "phi", "q"};
  spec.run = run_surge;
  return spec;
}

MethodSpec ramp_spec() {
  MethodSpec spec;
  spec.name = "ramp";
  spec.what = "a rise that lasts, too little in any one window to be a surge (D2)";
  spec.formula =
      "C = max(0, C + log NB(value; factor mu, r) - log NB(value; mu, r)), mu and r of surge's "
      "baseline\n"
      "alarm at C >= threshold, then C = 0";
  spec.source = "Page, Biometrika 41 (1954); Hoehle and Paul, CSDA 52 (2008)";
  spec.score = "C, before it starts again";
  spec.parameters = baseline_parameters();
  spec.parameters.push_back(ramp_factor("2"));
  spec.parameters.push_back(ramp_threshold("4.5"));
  spec.details = {"windows", "excess"};
  spec.run = run_ramp;
  return spec;
}

MethodSpec surge_ramp_spec() {
  MethodSpec spec;
  spec.name = "surge+ramp";
  spec.what = "one window, two windows together and a rise that lasts, on one baseline";
  spec.formula =
      "alarm if surge's p <= alpha, or that of the sum of two windows <= pair_alpha, or ramp's C "
      ">= "
      "threshold";
  spec.source = "surge and ramp; two windows: the scan statistic of Naus, JASA 60 (1965)";
  spec.score = "the largest of log p / log alpha, the same of two windows, and C / threshold";
  spec.parameters = baseline_parameters();
  Parameter alpha = alpha_parameter("auto");
  alpha.word = "auto";
  alpha.what = "chance of a false alarm of one window; auto: 0.0012, of days 0.0011";
  spec.parameters.push_back(alpha);
  alpha.name = "pair_alpha";
  alpha.what = "the same of two windows together; auto: 0.0052, of days 0.0056";
  spec.parameters.push_back(alpha);
  spec.parameters.push_back(ramp_factor("2"));
  Parameter threshold = ramp_threshold("auto");
  threshold.word = "auto";
  threshold.what = "evidence at which the ramp test alarms; auto: 4, of days 5.5";
  spec.parameters.push_back(threshold);
  spec.details = {"p", "phi", "p_pair", "ramp"};
  spec.run = run_surge_ramp;
  return spec;
}

MethodSpec share_shift_spec() {
  MethodSpec spec;
  spec.name = "share_shift";
  spec.what = "a series' share of all series of the file, up or down (D3)";
  spec.formula =
      "C = max(0, C + (y log psi - n log(1 + pi (psi - 1))) / phi), and the same with 1/psi\n"
      "pi: its share in a discounted baseline; alarm at C >= threshold, then C = 0";
  spec.source = "Hoehle, Online change-point detection in categorical time series (2010)";
  spec.score = "the larger of both C";
  spec.parameters = {
      positive("odds_ratio", "2", "psi: the change of odds that it looks for", 1.05, 100),
      positive("threshold", "5", "evidence at which it alarms", 0.5, 50),
      positive("discount", "0.98", "what a window of the baseline keeps per window", 0.5, 1),
      windows_parameter("guard", "26", "between seeing shares and learning them", 1, 400),
      windows_parameter("warm_up", "26", "learned before anything is said", 4, 400),
      positive("least_total", "20", "counts that a window must have", 1, 1e12),
      first_t_parameter(),
  };
  spec.details = {"share", "baseline_share", "up", "down"};
  spec.run = run_share_shift;
  return spec;
}

MethodSpec new_entity_spec() {
  MethodSpec spec;
  spec.name = "new_entity";
  spec.what =
      "a cell too young for a baseline: first count, and rises above what siblings had (D4)";
  spec.formula =
      "E = mean over rises k of 2 to 20 of the product of NB(y; k l0) / NB(y; l0), l0 the prior's "
      "95 "
      "% quantile\n"
      "alarm when E first reaches 1/alpha, or when R = (1 + R) L does, which then starts again";
  spec.source = "Ville (1939); Shin, Ramdas, Rinaldo, E-detectors, NEJSDS 2 (2024)";
  spec.score = "E";
  spec.parameters = {
      positive("prior_shape", "0.5", "of the Gamma prior of a rate per window", 1e-3, 1e9),
      positive("prior_weight", "1", "of the prior, in windows", 1e-6, 1e3),
      positive("dispersion", "1", "variance over mean of a window's count", 1, 1e6),
      alpha_parameter("0.005"),
      first_t_parameter(),
  };
  spec.details = {"p", "e", "r", "first_seen"};
  spec.run = run_new_entity;
  return spec;
}

MethodSpec reference_spec() {
  MethodSpec spec;
  spec.name = "reference";
  spec.what = "a window against the mean of a reference period: ratio, change and interval (D0)";
  spec.formula =
      "ratio = value / mean of the reference; interval from the binomial share of value in both "
      "totals\n"
      "alarm if its lower limit (money: the ratio itself) exceeds fire_ratio";
  spec.source = "Clopper and Pearson, Biometrika 26 (1934); Przyborowski and Wilenski, 31 (1940)";
  spec.score = "the ratio";
  spec.parameters = {
      windows_parameter("from", "1", "first of the reference period, counted from 1", 1, 1e6),
      windows_parameter("to", "13", "last of the reference period", 1, 1e6),
      {.name = "kind",
       .kind = Kind::kChoice,
       .fallback = "count",
       .what = "money has no interval without the number of documents",
       .choices = {"count", "money"}},
      positive("fire_ratio", "2", "ratio that the lower limit must exceed", 1e-6, 1e6),
      positive("confidence", "0.95", "of the interval, two-sided", 0.5, 0.999999),
      positive("dispersion", "1", "variance over mean of a window's count", 1, 1e6),
      positive("least_total", "5", "least value that can alarm", 0, 1e18),
      first_t_parameter(),
  };
  spec.details = {"ratio", "change_percent", "lower", "upper_limit"};
  spec.run = run_reference;
  return spec;
}

}  // namespace surgewatch::methods
