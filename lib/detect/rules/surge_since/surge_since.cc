//   observed = Σ of the window          expected = Σ of the reference × window / reference length
//   ratio    = observed / expected      excess   = ratio / the same ratio of the whole series
//   score    = ln ratio
//
// A ratio of two totals has no confidence interval without counts of documents; none is given.
// Source: ratio to a reference epoch as in public health's standardised ratios; D0 of the design.
#include "detect/rules/surge_since/surge_since.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

// `whole` is null for the whole itself.
Figures evaluate_since(const RuleShape& shape, const Operands& subject, const Figures* whole,
                       PaneIndex pane) {
  Figures figures;
  figures.observed = static_cast<double>(subject.judged(shape.window_begin(pane), pane));
  figures.base_amount = static_cast<double>(subject.reference());
  if (pane + 1 <= shape.reference_end) return figures;  // it ends within the reference
  if (subject.reference() <= 0) {
    figures.verdict = Verdict::kInconclusive;
    figures.missing = Missing::kReference;
    return figures;
  }
  figures.expected = figures.base_amount * static_cast<double>(shape.window) /
                     static_cast<double>(shape.reference_end - shape.reference_begin);
  figures.ratio = figures.observed / figures.expected;
  // A window of credit notes only has no logarithm; it is far below any line.
  figures.score = figures.ratio > 0 ? std::log(figures.ratio) : 0;
  figures.rank = figures.ratio;

  const config::Thresholds& fire = shape.rule->fire_at;
  const config::Thresholds& clear = shape.rule->clear_at;
  if (whole != nullptr) {
    compare_with_whole(*whole, whole->base_amount, &figures);
    if (shape.reads_whole && figures.whole_ratio <= 0) {
      figures.verdict = Verdict::kInconclusive;
      figures.missing = Missing::kWholeReference;
      return figures;
    }
  }
  const Judged judged[] = {
      {figures.ratio, fire.ratio, clear.ratio},
      {figures.excess, fire.excess_over_total, clear.excess_over_total},
      {figures.observed, fire.observed, clear.observed},
  };
  figures.verdict = judge(judged);
  figures.upper_bound =
      std::max({figures.expected * fire.ratio.value_or(0),
                figures.expected * figures.whole_ratio * fire.excess_over_total.value_or(0),
                fire.observed.value_or(0)});
  return figures;
}

config::RuleSpec declared() {
  return {.name = "surge_since",
          .says = "more than since a date",
          .against = "a fixed reference period",
          .wire = v1::RULE_TYPE_SURGE_SINCE,
          .address = 0,
          .parameters = {{"reference", "dates", "the period to compare with", "required",
                          config::Structure{"{start: 2023-05-01, end: 2023-07-31}; the end is the "
                                            "day after the last, both at borders of panes"}}},
          .figures = {{"ratio", "observed / expected"},
                      {"excess_over_total", "ratio over the ratio of the whole series"},
                      {"observed", "a floor in the measure's unit (revenue_usd: dollars)"}}};
}

class SurgeSince : public RuleType {
 public:
  SurgeSince() : RuleType(declared(), {.against = "the reference", .only_rises = true}) {}

  Figures evaluate_whole(const RuleShape& shape, const Operands& whole,
                         PaneIndex pane) const override {
    return evaluate_since(shape, whole, nullptr, pane);
  }
  Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures& whole,
                   PaneIndex pane, PaneIndex) const override {
    return evaluate_since(shape, subject, &whole, pane);
  }

  std::string facts(const Finding& finding, bool is_open) const override {
    const RuleShape& shape = finding.rule;
    const Figures& f = finding.figures;
    const bool same_length = shape.window == shape.reference_end - shape.reference_begin;
    const std::string amount = amount_text(shape.rule->measure, f.expected);
    const std::string expected =
        same_length ? fmt::format("{} of {}", amount, base_text(shape))
                    : fmt::format("{} that {} gives for this length", amount, base_text(shape));
    return fmt::format("{}, {:.3f} times the {} (growth {:+.1f} %){}",
                       amount_in_window_text(finding, is_open), f.ratio, expected,
                       growth_percent(f.ratio), whole_text(f));
  }
  std::string_view inquiry() const override {
    return "Inquire: who ordered, who will use the goods, and where they were shipped.";
  }
  void add_evidence(const Finding& finding, const Revision&,
                    EvidenceList* evidence) const override {
    const Measure measure = finding.rule.rule->measure;
    const double base = finding.figures.base_amount;
    evidence->add("reference_total", base, unit_of(finding.rule),
                  fmt::format("{} in {}", amount_text(measure, base), base_text(finding.rule)));
    add_ratio(finding, evidence);
    add_whole(finding.figures, evidence);
  }
};

}  // namespace

const RuleType& surge_since() {
  static const SurgeSince type;
  return type;
}

}  // namespace surgewatch::detect
