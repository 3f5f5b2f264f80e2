// The Gamma-Poisson predictive bound.
//
// Source: Riebler, "Empirischer Vergleich von statistischen Methoden zur Ausbruchserkennung"
// (2004); Höhle, "surveillance: An R package for the monitoring of infectious diseases",
// Computational Statistics 22 (2007). With Jeffreys' prior Gamma(1/2, 0) on the rate, the next
// count is negative binomial with size sum + 1/2 and probability n / (n + 1).
#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "methods/distributions.h"
#include "methods/specs.h"

namespace surgewatch::methods {
namespace {

struct Shape {
  std::size_t b, w, period, first;
  double alpha;
};

// The values of the w windows before t and of the windows up to w away from t in each of b earlier
// seasons; nullopt if the history doesn't reach as far back, or holds no value.
struct Sum {
  double total = 0;
  double count = 0;
};
std::optional<Sum> reference_sum(const std::vector<std::optional<double>>& values, std::size_t t,
                                 const Shape& shape) {
  if (t < shape.b * shape.period + shape.w) return std::nullopt;
  Sum sum;
  const auto add = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (!values[i]) continue;
      sum.total += *values[i];
      sum.count += 1;
    }
  };
  add(t - shape.w, t);
  for (std::size_t season = 1; season <= shape.b; ++season) {
    const std::size_t centre = t - season * shape.period;
    add(centre - shape.w, centre + shape.w + 1);
  }
  return sum.count > 0 ? std::optional<Sum>(sum) : std::nullopt;
}

Answer answer_at(const std::optional<double>& value, const Sum& sum, double alpha) {
  const double size = sum.total + 0.5;
  const double probability = sum.count / (sum.count + 1);
  Answer answer;
  answer.expected = size / sum.count;
  answer.upper = negative_binomial_upper_quantile(size, probability, alpha);
  answer.details.resize(1);
  if (!value) return answer;
  answer.alarm = *value > *answer.upper;
  const double p = negative_binomial_tail(size, probability, *value);
  answer.details[0] = p;
  answer.score = surprise(p);
  return answer;
}

absl::StatusOr<Answers> run(const Settings& settings, const SeriesTable& table) {
  Shape shape{};
  shape.b = static_cast<std::size_t>(settings.integer("b"));
  shape.w = static_cast<std::size_t>(settings.integer("w"));
  shape.period = static_cast<std::size_t>(settings.integer("period"));
  shape.alpha = settings.number("alpha");
  shape.first =
      settings.has("first_t") ? static_cast<std::size_t>(settings.integer("first_t") - 1) : 0;
  if (shape.b > 0) SW_RETURN_IF_ERROR(check_seasons("bayes", shape.w, shape.period));
  return each_series(table, [&](const SeriesTable::Series& series) {
    std::vector<Answer> answers(series.values.size());
    for (std::size_t t = shape.first; t < answers.size(); ++t) {
      const auto sum = reference_sum(series.values, t, shape);
      if (sum) answers[t] = answer_at(series.values[t], *sum, shape.alpha);
    }
    return answers;
  });
}

}  // namespace

MethodSpec bayes_spec() {
  MethodSpec spec;
  spec.name = "bayes";
  spec.what = "Poisson counts with a Gamma prior: the predictive negative binomial's bound";
  spec.formula =
      "reference: the w windows before, and those up to w from the same window of b seasons\n"
      "upper = quantile(1-alpha) of NB(size = sum + 1/2, prob = n / (n + 1))";
  spec.source = "Hoehle, Computational Statistics 22 (2007); R surveillance::bayes";
  spec.score = "-log10 of the detail p = P(Y >= value)";
  spec.parameters = {
      {.name = "b",
       .kind = Kind::kInteger,
       .fallback = "0",
       .unit = "seasons",
       .what = "how many seasons back",
       .low = 0,
       .high = 100},
      {.name = "w",
       .kind = Kind::kInteger,
       .fallback = "6",
       .unit = "windows",
       .what = "windows before the present one, and half the span around it in earlier seasons",
       .low = 1,
       .high = 10'000},
      alpha_parameter("0.05"),
      period_parameter(),
      first_t_parameter(),
  };
  spec.details = {"p"};
  spec.run = run;
  return spec;
}

}  // namespace surgewatch::methods
