// What the types that look into orders have in common: their findings are a series of the rule's
// name (lib/orders), of which a window's sum is held to a line, one order by default.
#pragma once

#include <string_view>

#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

// The figures that a line of theirs can be drawn at, and the length of their panes.
std::vector<config::FigureUse> finding_figures();
config::Parameter finding_pane();

class OrderRule : public RuleType {
 public:
  // `found`: what the orders have in common, behind "in which".
  OrderRule(config::RuleSpec declared, std::string_view found, std::string_view inquiry)
      : RuleType(std::move(declared), {.against = "the line",
                                       .comparison = Comparison::kLine,
                                       .only_rises = true,
                                       .names_largest_document = false}),
        found_(found),
        inquiry_(inquiry) {}

  Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures& whole,
                   PaneIndex pane, PaneIndex first_pane) const override;
  std::string facts(const Finding& finding, bool is_open) const override;
  std::string_view inquiry() const override { return inquiry_; }
  void add_evidence(const Finding& finding, const Revision& revision,
                    EvidenceList* evidence) const override;

 private:
  const std::string_view found_, inquiry_;
};

}  // namespace surgewatch::detect
