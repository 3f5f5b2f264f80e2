// What was billed to a country against what was delivered there.
//
//   observed = billed       expected = delivered there, at most what was billed
//   score = d = 1 - delivered / billed (0 … 1)       ratio = billed / delivered
//
// Where the same documents declare the destination, what states none can lie anywhere: it is not
// counted as delivered, and if it is more than half of what was billed there is no answer. Nor is
// there one for a window that begins before the series' history: what is billed first is delivered
// a little later, and a few days would look like diversion. Where no deliveries are told of at all,
// and all who could tell are idle, nothing was delivered.
#include "detect/rules/divergence/divergence.h"

#include <fmt/format.h>

#include <algorithm>

#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

// Lines at or above 1 would need an infinite bound.
constexpr double kHighestLine = 1 - 1e-9;

config::RuleSpec declared() {
  return {.name = "divergence",
          .says = "billed there, not delivered there",
          .against = "what the documents, or the shipments, say",
          .wire = v1::RULE_TYPE_DIVERGENCE,
          .address = 2,
          .parameters = {{"against", "", "what the series is compared with", "required",
                          config::Structure{"{series, dimension}: a series with the same panes and "
                                            "measure, a country dimension of it"}}},
          .figures = {{"divergence", "part of what was billed that was not delivered"},
                      {"observed", "billed, in the measure's unit (revenue_usd: dollars)"}}};
}

class Divergence : public RuleType {
 public:
  Divergence()
      : RuleType(declared(), {.against = "what was delivered",
                              .comparison = Comparison::kShortfall,
                              .names_largest_document = false}) {}

  Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures&, PaneIndex pane,
                   PaneIndex first_pane) const override {
    Figures figures;
    const PaneIndex begin = shape.window_begin(pane);
    const Int128 billed = subject.judged(begin, pane);
    const Int128 delivered =
        std::min(std::max(subject.against(begin, pane), Int128{0}), std::max(billed, Int128{0}));
    const Int128 unstated = subject.unstated(begin, pane);
    figures.observed = static_cast<double>(billed);
    figures.unstated = static_cast<double>(unstated);
    if (billed <= 0) {
      figures.verdict = Verdict::kNothing;
      return figures;
    }
    figures.verdict = Verdict::kInconclusive;
    if (begin < first_pane) {
      figures.missing = Missing::kHistory;
      return figures;
    }
    if (2 * unstated > billed) {
      figures.missing = Missing::kDestination;
      return figures;
    }
    figures.expected = static_cast<double>(delivered);
    figures.ratio = delivered > 0 ? figures.observed / figures.expected : 0;
    figures.score = static_cast<double>(billed - delivered) / figures.observed;
    figures.rank = figures.score;

    const config::Thresholds& fire = shape.rule->fire_at;
    const config::Thresholds& clear = shape.rule->clear_at;
    const Judged judged[] = {
        {figures.score, fire.divergence, clear.divergence},
        {figures.observed, fire.observed, clear.observed},
    };
    figures.verdict = judge(judged);
    figures.upper_bound = fire.observed.value_or(0);
    if (fire.divergence.has_value()) {
      figures.upper_bound = std::max(
          figures.upper_bound, figures.expected / (1 - std::min(*fire.divergence, kHighestLine)));
    }
    return figures;
  }

  std::string facts(const Finding& finding, bool is_open) const override {
    const Figures& f = finding.figures;
    return fmt::format("{}; {} of it is known to have been delivered there: {} was not",
                       amount_in_window_text(finding, is_open),
                       amount_text(finding.rule.rule->measure, f.expected), percent(f.score));
  }
  std::string_view inquiry() const override {
    return "Shared invoicing is a usual reason. Inquire: where the goods went and who uses them.";
  }
  void add_evidence(const Finding& finding, const Revision&,
                    EvidenceList* evidence) const override {
    const Figures& f = finding.figures;
    const Measure measure = finding.rule.rule->measure;
    const std::string_view unit = unit_of(finding.rule);
    evidence->add(
        "delivered", f.expected, unit,
        fmt::format("{} known to have been delivered there", amount_text(measure, f.expected)));
    evidence->add("unstated_destination", f.unstated, unit,
                  fmt::format("{} states no destination", amount_text(measure, f.unstated)));
    evidence->add("divergence", f.score, "share",
                  fmt::format("{} of what was billed was not delivered there", percent(f.score)));
  }
};

}  // namespace

const RuleType& divergence() {
  static const Divergence type;
  return type;
}

}  // namespace surgewatch::detect
