// Orders of which a shipment was sent elsewhere than it said first. What is found in an order:
// lib/orders/redirected.cc.
#include "detect/rules/redirected/redirected.h"

#include "detect/rules/order_rule.h"
#include "orders/finders.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

config::RuleSpec declared() {
  return {.name = "redirected",
          .says = "shipments whose destination was changed",
          .against = "the destination that a shipment named first",
          .wire = v1::RULE_TYPE_REDIRECTED,
          .address = 13,
          .parameters = {finding_pane()},
          .figures = finding_figures(),
          .needs_figure = false,
          .window = "28d",
          .finder = &orders::redirected_finder()};
}

}  // namespace

const RuleType& redirected() {
  static const OrderRule type(declared(),
                              "a shipment goes to another country than its first revision said",
                              "Inquire: who changed the destination, when and why, and who took "
                              "delivery.");
  return type;
}

}  // namespace surgewatch::detect
