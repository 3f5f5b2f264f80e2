// What several rules found about one subject, weighed and added up.
//
//   observed = score = Σ weight of the rules of which an alert on the subject was in force in a
//                      window that ended in these panes          expected = the line
//
// Each rule counts once, however many of its windows fired. The series is where they did
// (firings.h), its parts the rules. A page takes two rules at least: a single one pages by
// itself, or does not.
//
// A rule that could not say has found nothing: the score is the least that it can be.
//
// Source: the typologies of Tazama, weighted sums of the results of rules with two thresholds
// (tazama-lf/docs, "typology processing").
#include "detect/rules/typology/typology.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "detect/rules/order_rule.h"
#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

constexpr std::size_t kRulesForAPage = 2;

config::RuleSpec declared() {
  return {.name = "typology",
          .says = "several rules have found something",
          .against = "the line that is drawn",
          .wire = v1::RULE_TYPE_TYPOLOGY,
          .address = 40,
          .parameters = {{"findings", "", "the rules that count, with their weights", "required",
                          config::Structure{"[{rule: NAME, weight: 2, by: [bill_to]}, …]"}},
                         {"page_at", "", "from which score on it pages; a ticket below", "required",
                          config::Structure{"{score: 5}, not below fire_at"}},
                         finding_pane()},
          .figures = {{"score", "the sum of the weights of the rules that found something"}},
          .window = "28d",
          .weighs_findings = true};
}

const config::WeighedFinding* finding_of(const RuleShape& shape, std::string_view rule) {
  const std::vector<config::WeighedFinding>& findings = shape.rule->typology->findings;
  const auto found = std::ranges::find(findings, rule, &config::WeighedFinding::name);
  return found == findings.end() ? nullptr : &*found;
}

struct Found {
  const config::WeighedFinding* finding = nullptr;
  double windows = 0;
};

// The heaviest first.
std::vector<Found> found_in(const Finding& finding) {
  std::vector<Found> found;
  for (const WindowPart& part : finding.parts) {
    const config::WeighedFinding* of = finding_of(finding.rule, part.value);
    if (of != nullptr && part.amount > 0) found.push_back({of, part.amount});
  }
  std::ranges::sort(found, [](const Found& a, const Found& b) {
    if (a.finding->weight != b.finding->weight) return a.finding->weight > b.finding->weight;
    return a.finding->name < b.finding->name;
  });
  return found;
}

class Typology : public RuleType {
 public:
  Typology()
      : RuleType(declared(), {.unit = "weight",
                              .against = "the line",
                              .comparison = Comparison::kLine,
                              .names_largest_document = false,
                              .figures_apart = true}) {}

  Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures&, PaneIndex pane,
                   PaneIndex first_pane) const override {
    const PaneIndex begin = shape.window_begin(pane);
    const std::optional<double>& line = shape.rule->fire_at.score;
    SW_CHECK(line.has_value() && shape.rule->typology.has_value());  // refused without
    Figures figures;
    std::size_t rules = 0;
    subject.for_each_part(begin, pane, [&](std::string_view rule, Int128 windows) {
      const config::WeighedFinding* finding = finding_of(shape, rule);
      if (finding == nullptr || windows <= 0) return;
      figures.observed += finding->weight;
      ++rules;
    });
    figures.amount = static_cast<double>(subject.judged(begin, pane));
    const Judged judged[] = {{figures.observed, line, shape.rule->clear_at.score}};
    figures.verdict = judge(judged);
    if (figures.verdict != Verdict::kFires && begin < first_pane) {
      figures.verdict = Verdict::kInconclusive;
      figures.missing = Missing::kHistory;
      return figures;
    }
    const bool pages = figures.observed >= shape.rule->typology->page_at && rules >= kRulesForAPage;
    figures.tier = pages ? Tier::kPage : Tier::kTicket;
    figures.expected = figures.upper_bound = *line;
    figures.score = figures.rank = figures.observed;
    figures.ratio = figures.observed / *line;
    return figures;
  }

  std::string facts(const Finding& finding, bool is_open) const override {
    std::string text =
        fmt::format("{} weigh {:g} {}; the line is {:g}, that of a page {:g}", what_text(finding),
                    finding.figures.observed, when_text(finding, is_open), finding.figures.expected,
                    finding.rule.rule->typology->page_at);
    std::string_view between = ": ";
    for (const Found& found : found_in(finding)) {
      text += fmt::format("{}{} {:g}", between, found.finding->name, found.finding->weight);
      between = ", ";
    }
    return text;
  }
  std::string_view inquiry() const override {
    return "Inquire: whether one cause explains all of it; each of these rules has an alert of its "
           "own.";
  }
  void add_evidence(const Finding& finding, const Revision& revision,
                    EvidenceList* evidence) const override {
    const Figures& f = finding.figures;
    const double page_at = finding.rule.rule->typology->page_at;
    evidence->add("score", f.observed, "weight", "the weights of the rules that found something");
    evidence->add("line", f.expected, "weight", fmt::format("alerts from {:g} on", f.expected));
    evidence->add(
        "page_line", page_at, "weight",
        fmt::format("pages from {:g} on, if {} rules found something", page_at, kRulesForAPage));
    const bool page = revision.tier == Tier::kPage;
    evidence->add("tier", page ? 1 : 0, "tier",
                  page ? "page: the score has reached the line of a page"
                       : "ticket: one severity lower, below the line of a page");
    for (const Found& found : found_in(finding)) {
      const config::WeighedFinding& of = *found.finding;
      v1::Evidence& added =
          evidence->add("finding", of.weight, "weight",
                        fmt::format("{} ({}) weighs {:g}; in force at the end of {:g} windows",
                                    of.name, of.type, of.weight, found.windows));
      (*added.mutable_labels())["rule"] = of.name;
      (*added.mutable_labels())["rule_type"] = of.type;
    }
  }
};

}  // namespace

const RuleType& typology() {
  static const Typology type;
  return type;
}

}  // namespace surgewatch::detect
