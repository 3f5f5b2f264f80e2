// Orders that were credited and billed again to another country. What is found in an order:
// lib/orders/rebilled.cc.
#include "detect/rules/rebilled/rebilled.h"

#include "detect/rules/order_rule.h"
#include "orders/finders.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

config::RuleSpec declared() {
  return {.name = "rebilled",
          .says = "credited, and billed again to another country",
          .against = "the order's credit notes",
          .wire = v1::RULE_TYPE_REBILLED,
          .address = 14,
          .parameters = {finding_pane()},
          .figures = finding_figures(),
          .needs_figure = false,
          .window = "28d",
          .finder = &orders::rebilled_finder()};
}

}  // namespace

const RuleType& rebilled() {
  static const OrderRule type(declared(),
                              "what was credited to one country was billed again to another",
                              "Inquire: why the bill moved, and whether the goods moved with it.");
  return type;
}

}  // namespace surgewatch::detect
