// Serial numbers that an order's shipments name more often than its returns let them. What is found
// in an order: lib/orders/repeated_serial.cc.
#include "detect/rules/repeated_serial/repeated_serial.h"

#include "detect/rules/order_rule.h"
#include "orders/finders.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

config::RuleSpec declared() {
  return {.name = "repeated_serial",
          .says = "a serial number sent again that had not come back",
          .against = "the serial numbers that the order has sent before",
          .wire = v1::RULE_TYPE_REPEATED_SERIAL,
          .address = 17,
          .parameters = {finding_pane()},
          .figures = finding_figures(),
          .needs_figure = false,
          .window = "28d",
          .finder = &orders::repeated_serial_finder()};
}

}  // namespace

const RuleType& repeated_serial() {
  static const OrderRule type(declared(), "serial numbers were sent again that had not come back",
                              "Inquire: where each of the units is now, and whether the first "
                              "delivery took place.");
  return type;
}

}  // namespace surgewatch::detect
