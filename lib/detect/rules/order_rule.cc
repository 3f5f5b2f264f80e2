#include "detect/rules/order_rule.h"

#include <fmt/format.h>

#include "detect/rules/threshold/threshold.h"
#include "detect/say/phrases.h"

namespace surgewatch::detect {

std::vector<config::FigureUse> finding_figures() {
  return {{"orders", "orders that something was found in", 1},
          {"units", "units of what was found"},
          {"chips", "chips of what was found"}};
}

config::Parameter finding_pane() {
  return {"pane", "", "the length of the panes of what is found", "1d",
          config::Structure{"1s to 366d"}};
}

Figures OrderRule::evaluate(const RuleShape& shape, const Operands& subject, const Figures& whole,
                            PaneIndex pane, PaneIndex first_pane) const {
  return threshold().evaluate(shape, subject, whole, pane, first_pane);
}

std::string OrderRule::facts(const Finding& finding, bool is_open) const {
  return fmt::format("{}: orders in which {}", amount_in_window_text(finding, is_open), found_);
}

void OrderRule::add_evidence(const Finding& finding, const Revision& revision,
                             EvidenceList* evidence) const {
  threshold().add_evidence(finding, revision, evidence);
}

}  // namespace surgewatch::detect
