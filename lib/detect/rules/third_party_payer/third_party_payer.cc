// Orders that somebody in another country pays than the one who is billed. What is found in an
// order: lib/orders/third_party_payer.cc.
#include "detect/rules/third_party_payer/third_party_payer.h"

#include "detect/rules/order_rule.h"
#include "orders/finders.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

config::RuleSpec declared() {
  return {.name = "third_party_payer",
          .says = "paid from another country than is billed",
          .against = "the country that the invoice bills",
          .wire = v1::RULE_TYPE_THIRD_PARTY_PAYER,
          .address = 15,
          .parameters = {finding_pane()},
          .figures = finding_figures(),
          .needs_figure = false,
          .window = "28d",
          .finder = &orders::third_party_payer_finder()};
}

}  // namespace

const RuleType& third_party_payer() {
  static const OrderRule type(declared(), "who pays is in another country than who is billed",
                              "Inquire: who the payer is to the buyer, and where the money comes "
                              "from.");
  return type;
}

}  // namespace surgewatch::detect
