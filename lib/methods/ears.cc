// EARS: the Early Aberration Reporting System's C1, C2 and C3.
//
// Source: Hutwagner et al., "The bioterrorism preparedness and response Early Aberration Reporting
// System (EARS)", J. Urban Health 80 (2003); Fricker, Hegler, Dunfee, Statistics in Medicine 27
// (2008). C3 is the formula as published; R's earsC puts the current count in place of the mean.
#include <algorithm>
#include <cmath>

#include "methods/distributions.h"
#include "methods/specs.h"

namespace surgewatch::methods {
namespace {

constexpr std::size_t kLag = 2;       // of C2's and C3's baseline
constexpr std::size_t kCarried = 2;   // earlier windows that C3 sums over
constexpr double kAlphaOfC1 = 0.001;  // and C2
constexpr double kAlphaOfC3 = 0.025;

struct Baseline {
  double mean = 0;
  double sd = 0;
};

using Values = std::vector<std::optional<double>>;

// The `length` windows that end `lag` windows before the one before t; nullopt if there aren't as
// many, or one has no value. Two passes: exact for counts as large as doubles hold.
std::optional<Baseline> baseline_at(const Values& values, std::size_t t, std::size_t length,
                                    std::size_t lag, double min_sigma) {
  if (t < length + lag) return std::nullopt;
  const std::size_t end = t - lag;
  Baseline baseline;
  for (std::size_t i = end - length; i < end; ++i) {
    if (!values[i]) return std::nullopt;
    baseline.mean += *values[i];
  }
  baseline.mean /= static_cast<double>(length);
  double squares = 0;
  for (std::size_t i = end - length; i < end; ++i) {
    const double off = *values[i] - baseline.mean;
    squares += off * off;
  }
  baseline.sd = std::max(min_sigma, std::sqrt(squares / static_cast<double>(length - 1)));
  return baseline;
}

// How far above the baseline, in its standard deviations; nullopt without a value or without
// spread. (y - mean) / 0 is infinite above the mean and says nothing at it.
std::optional<double> standardised(double y, const Baseline& baseline) {
  if (baseline.sd > 0) return (y - baseline.mean) / baseline.sd;
  return y > baseline.mean ? std::nullopt : std::optional<double>(0);
}

// Sum over the two windows before t of what C2 has above 1; nullopt if one of them has no answer.
std::optional<double> carried(const Values& values, std::size_t t, std::size_t length,
                              double min_sigma) {
  double sum = 0;
  for (std::size_t back = 1; back <= kCarried; ++back) {
    const auto baseline =
        t < back ? std::nullopt : baseline_at(values, t - back, length, kLag, min_sigma);
    if (!baseline || !values[t - back]) return std::nullopt;
    const auto excess = standardised(*values[t - back], *baseline);
    if (!excess) return std::nullopt;
    sum += std::max(0.0, *excess - 1);
  }
  return sum;
}

absl::StatusOr<Answers> run(const Settings& settings, const SeriesTable& table) {
  const std::string& variant = settings.choice("variant");
  const auto length = static_cast<std::size_t>(settings.integer("baseline"));
  const double min_sigma = settings.number("min_sigma");
  const bool third = variant == "C3";
  const double alpha =
      settings.has("alpha") ? settings.number("alpha") : (third ? kAlphaOfC3 : kAlphaOfC1);
  const double z = normal_upper_quantile(alpha);
  const std::size_t first =
      settings.has("first_t") ? static_cast<std::size_t>(settings.integer("first_t") - 1) : 0;
  return each_series(table, [&](const SeriesTable::Series& series) {
    const Values& values = series.values;
    std::vector<Answer> answers(values.size());
    for (std::size_t t = first; t < values.size(); ++t) {
      const auto baseline = baseline_at(values, t, length, variant == "C1" ? 0 : kLag, min_sigma);
      const auto carry = third ? carried(values, t, length, min_sigma) : std::optional<double>(0);
      if (!baseline || !carry) continue;
      Answer& answer = answers[t];
      answer.expected = baseline->mean;
      answer.upper = std::max(0.0, baseline->mean + baseline->sd * (z - *carry));
      if (!values[t]) continue;
      answer.alarm = *values[t] > *answer.upper;
      if (const auto c = standardised(*values[t], *baseline)) {
        answer.score = third ? std::max(0.0, *c) + *carry : *c;
      }
    }
    return answers;
  });
}

}  // namespace

MethodSpec ears_spec() {
  MethodSpec spec;
  spec.name = "ears";
  spec.what = "moving mean and standard deviation of the last windows: C1, C2 and C3 of EARS";
  spec.formula =
      "C1, C2: upper = mean + z(1-alpha) * max(sd, min_sigma) over the last `baseline` windows;\n"
      "C2 leaves out the two windows before the present one\n"
      "C3: upper = mean + max(sd, min_sigma) * (z(1-alpha) - sum over the two windows before of\n"
      "max(0, (value - mean) / sd - 1)), at least 0; mean and sd as C2 has them";
  spec.source =
      "Hutwagner et al., J. Urban Health 80 (2003); R surveillance::earsC (C3: as documented)";
  spec.score = "standard deviations above the mean; C3: with what is carried over";
  spec.parameters = {
      {.name = "variant",
       .kind = Kind::kChoice,
       .fallback = "C1",
       .what = "which of the three",
       .choices = {"C1", "C2", "C3"}},
      {.name = "baseline",
       .kind = Kind::kInteger,
       .fallback = "7",
       .unit = "windows",
       .what = "how many the mean and the standard deviation are of",
       .low = 2,
       .high = 10'000},
      {.name = "min_sigma",
       .fallback = "0",
       .unit = "counts",
       .what = "the least standard deviation",
       .low = 0},
      {.name = "alpha",
       .fallback = "auto",
       .what = "chance of a false alarm in a window; auto: 0.001, for C3 0.025",
       .low = 0,
       .high = 1,
       .low_open = true,
       .high_open = true,
       .word = "auto"},
      first_t_parameter(),
  };
  spec.run = run;
  return spec;
}

}  // namespace surgewatch::methods
