// Against a reference period: the subject's share of the whole in the window, against
// its share then. (Without a reference the share is learned: see share_learner.h.)
//
//   observed = subject / whole in the window (0 … 1)       expected = the same in the reference
//   points = 100 × (observed - expected) = score    ratio = observed / expected
//
// A share can rise because the rest fell (Simpson's trap), so the whole's totals before and now are
// part of the evidence.
#include "detect/rules/share_shift/share_shift.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/at_most.h"
#include "detect/rules/learning_parameters.h"
#include "detect/rules/share_shift/share_learner.h"
#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "statistics/share_cusum.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

void share_defaults(Micros window, config::Learning* learning) {
  parameters::defaults(window, learning);
  learning->h = statistics::ShareParameters().threshold;
  learning->odds_ratio = statistics::ShareParameters().odds_ratio;
}

config::RuleSpec declared() {
  using config::Learning;
  return {
      .name = "share_shift",
      .says = "a larger part of the whole",
      .against = "the share that earlier windows have taught, or that of a reference period",
      .wire = v1::RULE_TYPE_SHARE_SHIFT,
      .address = 3,
      .parameters = {{"reference", "dates", "the period to compare with, instead of learning",
                      "none",
                      config::Structure{
                          "{start: 2023-05-01, end: 2023-07-31}; the end is the day after the "
                          "last, both at borders of panes"}},
                     parameters::guard(),
                     parameters::warm_up(),
                     parameters::baseline(),
                     parameters::false_discovery_rate(),
                     {"odds_ratio", "ratio", "the change of the share's odds that is looked for",
                      "2", config::Number{statistics::kOddsRatioRange, &Learning::odds_ratio}},
                     parameters::h("where the cumulated evidence alarms", "5"),
                     {"direction", "", "of the share's change", "up",
                      config::Word{{"up", "down", "both"},
                                   "a direction",
                                   [](std::size_t word, Learning* learning) {
                                     learning->direction = static_cast<config::Direction>(word);
                                   }}}},
      .figures = {{"points", "percentage points of the whole"},
                  {"ratio", "observed / expected share"},
                  {"observed",
                   "what the window holds, in the measure's unit (revenue_usd: dollars)"}},
      .needs_figure = false,
      .per_because = "share_shift compares a subject with the whole",
      .defaults = share_defaults};
}

class ShareShift : public RuleType {
 public:
  ShareShift()
      : RuleType(declared(), {.unit = "share", .against = "the share before", .shares = true}) {}

  Figures evaluate_whole(const RuleShape& shape, const Operands& whole,
                         PaneIndex pane) const override {
    Figures figures;
    figures.amount = static_cast<double>(whole.judged(shape.window_begin(pane), pane));
    figures.base_amount = static_cast<double>(whole.reference());
    return figures;
  }
  Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures& whole,
                   PaneIndex pane, PaneIndex first_pane) const override {
    Figures figures;
    figures.amount = static_cast<double>(subject.judged(shape.window_begin(pane), pane));
    figures.whole_amount = whole.amount;
    figures.whole_base = whole.base_amount;
    if (figures.whole_amount > 0) figures.observed = figures.amount / figures.whole_amount;
    if (pane + 1 <= shape.reference_end) return figures;

    figures.verdict = Verdict::kInconclusive;
    if (figures.whole_amount <= 0) {
      figures.missing = Missing::kWhole;
      return figures;
    }
    if (shape.window_begin(pane) < first_pane) {
      figures.missing = Missing::kHistory;
      return figures;
    }
    figures.base_amount = static_cast<double>(subject.reference());
    if (figures.whole_base <= 0) {
      figures.missing = Missing::kWholeReference;
      return figures;
    }
    figures.expected = figures.base_amount / figures.whole_base;
    figures.ratio = figures.expected > 0 ? figures.observed / figures.expected : 0;
    figures.score = 100 * (figures.observed - figures.expected);
    figures.rank = figures.score;

    const config::Thresholds& fire = shape.rule->fire_at;
    const config::Thresholds& clear = shape.rule->clear_at;
    const Judged judged[] = {
        {figures.score, fire.points, clear.points},
        {figures.ratio, fire.ratio, clear.ratio},
        {figures.amount, fire.observed, clear.observed},
    };
    figures.verdict = judge(judged);
    figures.upper_bound =
        std::max({fire.points.has_value() ? figures.expected + *fire.points / 100 : 0,
                  figures.expected * fire.ratio.value_or(0),
                  fire.observed.value_or(0) / figures.whole_amount});
    return figures;
  }

  std::unique_ptr<Learner> make_learner(const RuleShape& shape,
                                        std::vector<PaneIndex>) const override {
    return std::make_unique<ShareLearner>(shape);
  }
  LearnerAtMost learner_at_most(const RuleShape& shape) const override {
    return {.own = at_most::block(sizeof(ShareLearner)) + ShareLearner::at_most(shape)};
  }

  std::string facts(const Finding& finding, bool is_open) const override {
    const RuleShape& shape = finding.rule;
    const Figures& f = finding.figures;
    const Measure measure = shape.rule->measure;
    return fmt::format(
        "{} was {} of the whole {}, against {} in {}: {:+.1f} percentage points, {:.3f} times. "
        "At stake: {}. The whole was {}, against {} {} {}",
        what_text(finding), percent(f.observed), when_text(finding, is_open), percent(f.expected),
        base_text(shape), f.score, f.ratio, amount_text(measure, f.amount),
        amount_text(measure, f.whole_amount), amount_text(measure, f.whole_base),
        shape.learns ? "a window of" : "in", base_text(shape));
  }
  std::string_view inquiry() const override {
    return "Inquire: what moved the share, the subject or the rest, and who ordered.";
  }
  void add_evidence(const Finding& finding, const Revision& revision,
                    EvidenceList* evidence) const override {
    const RuleShape& shape = finding.rule;
    const Figures& f = finding.figures;
    const Measure measure = shape.rule->measure;
    const std::string_view unit = unit_of(finding.rule);
    const std::string base = base_text(shape);
    evidence->add("share_before", f.expected, "share",
                  fmt::format("{} in {}", percent(f.expected), base));
    evidence->add("share_now", f.observed, "share", percent(f.observed));
    evidence->add("points", f.score, "points", "percentage points");
    evidence->add("base_total", f.base_amount, unit,
                  fmt::format("{} in {}", amount_text(measure, f.base_amount), base));
    evidence->add("whole_before", f.whole_base, unit,
                  fmt::format("{} in {}", amount_text(measure, f.whole_base), base));
    evidence->add("whole_now", f.whole_amount, unit,
                  fmt::format("{} {}", amount_text(measure, f.whole_amount),
                              window_text(shape, finding.window)));
    if (!shape.learns) return;
    evidence->add("share_evidence", f.evidence, "log_likelihood_ratio",
                  fmt::format("for odds {} times the usual; fires at {}",
                              shape.rule->learning->odds_ratio, shape.rule->learning->h));
    add_tier(finding, revision, evidence);
  }
};

}  // namespace

const RuleType& share_shift() {
  static const ShareShift type;
  return type;
}

}  // namespace surgewatch::detect
