// Orders that were billed and not shipped, or shipped and not billed. What is found in an order:
// lib/orders/order_mismatch.cc.
#include "detect/rules/order_mismatch/order_mismatch.h"

#include "detect/rules/order_rule.h"
#include "orders/finders.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

config::RuleSpec declared() {
  return {.name = "order_mismatch",
          .says = "billed and not shipped, or shipped and not billed",
          .against = "the order's invoices and shipments, SKU by SKU",
          .wire = v1::RULE_TYPE_ORDER_MISMATCH,
          .address = 12,
          .parameters = {{"deadline", "", "how long after its newest document an order is complete",
                          "30d", config::Structure{"1m to 366d"}},
                         finding_pane()},
          .figures = finding_figures(),
          .needs_figure = false,
          .window = "28d",
          .finder = &orders::order_mismatch_finder()};
}

}  // namespace

const RuleType& order_mismatch() {
  static const OrderRule type(
      declared(), "what was billed and what was shipped of a SKU differ after the deadline",
      "Inquire: whether documents are missing, and where the goods that they speak of are.");
  return type;
}

}  // namespace surgewatch::detect
