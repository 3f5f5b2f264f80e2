#include "detect/rules/new_entity/new_entity.h"

#include <fmt/format.h>

#include "base/at_most.h"
#include "detect/rules/learning_parameters.h"
#include "detect/rules/new_entity/entity_learner.h"
#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "statistics/first_seen.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

std::string seen_text(const Figures& f) {
  if (!f.first_seen) {
    return fmt::format(
        "{:.1f} times what its like give; the evidence for a higher rate is {:.0f} "
        "to 1",
        f.ratio, f.evidence);
  }
  std::string text = fmt::format(
      "seen for the first time; so much or more of its like has a "
      "probability of {}",
      chance_text(f.p));
  if (f.others_new > 0) text += fmt::format("; {} others were new with it", f.others_new);
  return text;
}

void entity_defaults(Micros window, config::Learning* learning) {
  parameters::defaults(window, learning);
  learning->alpha = statistics::NewEntityParameters().alpha;
}

config::RuleSpec declared() {
  return {.name = "new_entity",
          .says = "never seen before",
          .against = "what its like do",
          .wire = v1::RULE_TYPE_NEW_ENTITY,
          .address = 5,
          .parameters = {parameters::warm_up(), parameters::alpha("0.005"),
                         parameters::false_discovery_rate()},
          .figures = {{"observed", "a floor in the measure's unit (revenue_usd: dollars)"}},
          .needs_figure = false,
          .defaults = entity_defaults};
}

class NewEntity : public RuleType {
 public:
  NewEntity() : RuleType(declared(), {.against = "what its like do", .knows_its_like = true}) {}

  std::unique_ptr<Learner> make_learner(const RuleShape&, std::vector<PaneIndex>) const override {
    return std::make_unique<EntityLearner>();
  }
  LearnerAtMost learner_at_most(const RuleShape&) const override {
    return {.own = at_most::block(sizeof(EntityLearner))};
  }
  Figures reassess(const RuleShape&, const Figures& figures, double amount) const override {
    if (!figures.conclusive()) return figures;
    return with_observed(figures, amount);
  }

  std::string facts(const Finding& finding, bool is_open) const override {
    return fmt::format("{}, {}", amount_in_window_text(finding, is_open),
                       seen_text(finding.figures));
  }
  std::string_view inquiry() const override {
    return "Inquire: who this is, who sold, and where the goods were shipped.";
  }
  void add_evidence(const Finding& finding, const Revision& revision,
                    EvidenceList* evidence) const override {
    const Figures& f = finding.figures;
    const config::Rule& rule = *finding.rule.rule;
    if (f.first_seen) {
      evidence->add("first_seen", 1, "flag", "never seen before in this series");
    } else {
      evidence->add("e_value", f.evidence, "odds",
                    fmt::format("for a higher rate than its like have; fires at {:.0f}",
                                1 / rule.learning->alpha));
    }
    evidence->add("expected_of_its_like", f.expected, unit_of(finding.rule),
                  fmt::format("{} a window", amount_text(rule.measure, f.expected)));
    evidence->add("p_value", f.p, "probability", "of so much or more of its like");
    evidence->add("others_new", f.others_new, "count",
                  "other subjects first seen in the same window");
    add_tier(finding, revision, evidence);
  }
};

}  // namespace

const RuleType& new_entity() {
  static const NewEntity type;
  return type;
}

}  // namespace surgewatch::detect
