#include "detect/rules/surge/surge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/at_most.h"
#include "detect/rules/learning_parameters.h"
#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "statistics/negative_binomial.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

using config::Method;

constexpr double kMicrosPerUnixSecond = 1e6;

void add_ramp(const Finding& finding, EvidenceList* evidence) {
  const RuleShape& shape = finding.rule;
  const Figures& f = finding.figures;
  const config::Learning& learning = *shape.rule->learning;
  if (learning.method == Method::kSurge) return;
  evidence->add("ramp_evidence", f.evidence, "log_likelihood_ratio",
                fmt::format("for {} times the usual; fires at {}", learning.kappa, learning.h));
  if (f.evidence_windows <= 0) return;
  const Micros start = shape.end_of(finding.window - f.evidence_windows * shape.window);
  evidence->add("ramp_start", static_cast<double>(start) / kMicrosPerUnixSecond, "unix_seconds",
                fmt::format("the rise began on {}", format_date(start)));
  evidence->add("ramp_excess", f.evidence_excess, unit_of(shape),
                fmt::format("{} more than usual since then",
                            amount_text(shape.rule->measure, f.evidence_excess)));
}

void add_new_normal(const RuleShape& shape, const Revision& revision, EvidenceList* evidence) {
  if (!revision.proposed.has_value()) return;
  evidence->add(
      kNewNormal, static_cast<double>(shape.end_of(*revision.proposed)) / kMicrosPerUnixSecond,
      "unix_seconds",
      fmt::format("firing since {}; to make it the new normal write under `accepted` of the rule: "
                  "from: {}. After {} windows of firing the baseline takes them in by itself, at "
                  "first with less weight",
                  last_day_text(shape.end_of(revision.onset)),
                  format_date(shape.window_begin(revision.onset) * shape.pane_length),
                  shape.rule->learning->guard));
}

config::RuleSpec declared(std::vector<config::FigureUse> figures, double calm_ratio) {
  using config::Learning;
  figures.insert(figures.begin(),
                 {"z", "the probability as standard deviations of a normal distribution"});
  return {
      .name = "surge",
      .says = "more than usual",
      .against = "what earlier windows have taught",
      .wire = v1::RULE_TYPE_SURGE,
      .address = 1,
      .parameters = {{"method", "",
                      "surge: this window, and it with the one before; ramp: a rise that lasts; "
                      "surge+ramp: both",
                      "surge+ramp",
                      config::Word{{"surge", "ramp", "surge+ramp"},
                                   "a method",
                                   [](std::size_t word, Learning* learning) {
                                     learning->method = static_cast<Method>(word);
                                   }}},
                     parameters::period(),
                     parameters::guard(),
                     parameters::warm_up(),
                     parameters::baseline(),
                     parameters::alpha("0.005; surge+ramp: 0.0012 of weeks, 0.0011 of days, since "
                                       "its tests share them"),
                     parameters::false_discovery_rate(),
                     parameters::kappa(),
                     parameters::h("where a ramp's cumulated evidence alarms",
                                   "4.5; surge+ramp: 4, of days 5.5"),
                     parameters::rollup(),
                     parameters::accepted()},
      .figures = std::move(figures),
      .needs_figure = false,
      .calm_ratio = calm_ratio,
      .defaults = parameters::defaults};
}

class Surge : public BaselineRule {
 public:
  Surge()
      : BaselineRule(declared(figures(), kCalmRatio),
                     [](const Figures& f) { return improbability(f.p); }) {}

 private:
  std::string chance(const Finding& finding) const override {
    if (finding.figures.p > finding.rule.rule->learning->alpha) return "";
    return fmt::format(", so much or more comes by chance with a probability of {}",
                       chance_text(finding.figures.p));
  }
};

}  // namespace

const RuleType& surge() {
  static const Surge type;
  return type;
}

BaselineRule::BaselineRule(config::RuleSpec declared, SurgeLearner::Score score)
    : RuleType(std::move(declared), {.against = "the baseline",
                                     .only_rises = true,
                                     .learns_whole = true,
                                     .may_be_new_normal = true}),
      score_(score) {}

std::vector<config::FigureUse> BaselineRule::figures() {
  return {{"ratio", "observed / expected"},
          {"excess_over_total", "ratio over the ratio of the whole series"},
          {"observed", "a floor in the measure's unit (revenue_usd: dollars)"}};
}

std::unique_ptr<Learner> BaselineRule::make_learner(const RuleShape& shape,
                                                    std::vector<PaneIndex> accepted) const {
  return std::make_unique<SurgeLearner>(shape, std::move(accepted), score_);
}

LearnerAtMost BaselineRule::learner_at_most(const RuleShape& shape) const {
  LearnerAtMost most = SurgeLearner::at_most(shape);
  most.own += at_most::block(sizeof(SurgeLearner));
  return most;
}

Figures BaselineRule::reassess(const RuleShape&, const Figures& figures, double amount) const {
  if (!figures.conclusive() || figures.observed == amount) return figures;
  Figures f = with_observed(figures, amount);
  if (f.tested) {
    f.p = statistics::NegativeBinomial::of(f.law_mean, f.law_variance)
              .upper_tail(std::max(0.0, amount) / f.unit);
    f.score = score_(f);
  }
  return f;
}

std::string BaselineRule::facts(const Finding& finding, bool is_open) const {
  const config::Rule& rule = *finding.rule.rule;
  const Figures& f = finding.figures;
  std::string rise;
  if (rule.learning->method != Method::kSurge && f.reaches) {
    rise = fmt::format(", and {} more than usual in the {} windows of the rise",
                       amount_text(rule.measure, f.evidence_excess), f.evidence_windows);
  }
  return fmt::format("{}, {:.3f} times the usual {} (growth {:+.1f} %){}{}{}",
                     amount_in_window_text(finding, is_open), f.ratio,
                     amount_text(rule.measure, f.expected), growth_percent(f.ratio),
                     chance(finding), rise, whole_text(f));
}

std::string_view BaselineRule::inquiry() const {
  return "Inquire: who ordered, who will use the goods, and where they were shipped.";
}

void BaselineRule::add_evidence(const Finding& finding, const Revision& revision,
                                EvidenceList* evidence) const {
  const RuleShape& shape = finding.rule;
  const Figures& f = finding.figures;
  const Measure measure = shape.rule->measure;
  const config::Learning& learning = *shape.rule->learning;
  evidence->add("baseline", f.expected, unit_of(finding.rule),
                fmt::format("{} a window, learned from all but the last {} windows",
                            amount_text(measure, f.expected), learning.guard));
  if (learning.method != Method::kRamp) {
    evidence->add(
        "p_value", f.p, "probability",
        fmt::format("of so much or more by chance; unusual from {} down", learning.alpha));
  }
  evidence->add("dispersion", f.dispersion, "ratio",
                "variance / mean of the counts around the baseline");
  if (shape.in_documents) {
    evidence->add("typical_document", f.unit, unit_of(finding.rule),
                  fmt::format("{}: sums are judged as so many documents of this size",
                              amount_text(measure, f.unit)));
  }
  add_ramp(finding, evidence);
  add_new_normal(shape, revision, evidence);
  add_ratio(finding, evidence);
  add_whole(f, evidence);
  add_tier(finding, revision, evidence);
}

}  // namespace surgewatch::detect
