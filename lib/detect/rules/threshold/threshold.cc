// The sum of a window against a line that somebody has drawn.
//
//   observed = Σ of the window     expected = the line     ratio = observed / expected = score
//
// A window that begins before the series' history has not been seen whole: what is known of it is
// the least that it can be. So it may fire, and else there is no answer.
#include "detect/rules/threshold/threshold.h"

#include <fmt/format.h>

#include "base/check.h"
#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

config::RuleSpec declared() {
  return {.name = "threshold",
          .says = "a sum reaches a line",
          .against = "the line that is drawn",
          .wire = v1::RULE_TYPE_THRESHOLD,
          .address = 6,
          .parameters = {},
          .figures = {{"observed", "the line, in the measure's unit (revenue_usd: dollars)"}}};
}

class Threshold : public RuleType {
 public:
  Threshold()
      : RuleType(declared(),
                 {.against = "the line", .comparison = Comparison::kLine, .only_rises = true}) {}

  Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures&, PaneIndex pane,
                   PaneIndex first_pane) const override {
    const PaneIndex begin = shape.window_begin(pane);
    const std::optional<double>& line = shape.rule->fire_at.observed;
    SW_CHECK(line.has_value());  // a rule of this type is refused without
    Figures figures;
    figures.observed = static_cast<double>(subject.judged(begin, pane));
    const Judged judged[] = {{figures.observed, line, shape.rule->clear_at.observed}};
    figures.verdict = judge(judged);
    if (figures.verdict != Verdict::kFires && begin < first_pane) {
      figures.verdict = Verdict::kInconclusive;
      figures.missing = Missing::kHistory;
      return figures;
    }
    figures.expected = figures.upper_bound = *line;
    figures.ratio = figures.score = figures.rank = figures.observed / *line;
    return figures;
  }

  std::string facts(const Finding& finding, bool is_open) const override {
    const Figures& f = finding.figures;
    return fmt::format("{}, {} of the line of {}", amount_in_window_text(finding, is_open),
                       percent(f.ratio), amount_text(finding.rule.rule->measure, f.expected));
  }
  std::string_view inquiry() const override {
    return "Inquire: who ordered, who will use the goods, and where they were shipped.";
  }
  void add_evidence(const Finding& finding, const Revision&,
                    EvidenceList* evidence) const override {
    const Figures& f = finding.figures;
    const Measure measure = finding.rule.rule->measure;
    evidence->add("line", f.expected, unit_of(finding.rule), amount_text(measure, f.expected));
    evidence->add("part_of_line", f.ratio, "share", percent(f.ratio));
  }
};

}  // namespace

const RuleType& threshold() {
  static const Threshold type;
  return type;
}

}  // namespace surgewatch::detect
