// Several orders of one party that each stay just below a cap. What is found in an order:
// lib/orders/structuring.cc.
#include "detect/rules/structuring/structuring.h"

#include <algorithm>

#include "detect/rules/order_rule.h"
#include "orders/finders.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

constexpr double kOrders = 3;

std::vector<config::FigureUse> figures() {
  std::vector<config::FigureUse> figures = finding_figures();
  std::ranges::find(figures, "orders", &config::FigureUse::name)->fallback = kOrders;
  return figures;
}

config::RuleSpec declared() {
  return {.name = "structuring",
          .says = "orders that stay just below a cap",
          .against = "the cap that is drawn",
          .wire = v1::RULE_TYPE_STRUCTURING,
          .address = 16,
          .parameters = {{"cap", "chips", "what an order as a whole does not reach", "required",
                          config::Structure{"2 to 1000000000000"}},
                         {"near", "", "from which part of the cap on an order counts", "0.8",
                          config::Structure{"0.5 to 0.99"}},
                         finding_pane()},
          .figures = figures(),
          .needs_figure = false,
          .window = "30d",
          .finder = &orders::structuring_finder()};
}

}  // namespace

const RuleType& structuring() {
  static const OrderRule type(
      declared(), "what was billed stays just below the cap",
      "Inquire: who is behind the orders, whether they are for one site, and what the cap would "
      "have asked for.");
  return type;
}

}  // namespace surgewatch::detect
