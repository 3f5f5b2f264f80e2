// Orders of which goods were sent to a country that none of their invoices declares. What is found
// in an order: lib/orders/order_diversion.cc.
#include "detect/rules/order_diversion/order_diversion.h"

#include "detect/rules/order_rule.h"
#include "orders/finders.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

config::RuleSpec declared() {
  return {.name = "order_diversion",
          .says = "goods sent elsewhere than the order declares",
          .against = "the destinations that the order's invoices name",
          .wire = v1::RULE_TYPE_ORDER_DIVERSION,
          .address = 10,
          .parameters = {finding_pane()},
          .figures = finding_figures(),
          .needs_figure = false,
          .window = "28d",
          .finder = &orders::order_diversion_finder()};
}

}  // namespace

const RuleType& order_diversion() {
  static const OrderRule type(
      declared(), "goods were sent to a country that none of the order's invoices declares",
      "Inquire: who asked for the other destination, who took delivery, and who uses the goods.");
  return type;
}

}  // namespace surgewatch::detect
