// Orders of which controlled parts go, without a licence that is stated, to where they may not go
// without one. What is found in an order: lib/orders/controlled_destination.cc.
#include "detect/rules/controlled_destination/controlled_destination.h"

#include "detect/rules/order_rule.h"
#include "orders/finders.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

config::RuleSpec declared() {
  return {
      .name = "controlled_destination",
      .says = "controlled parts on their way without a licence",
      .against = "class, country and licence on the day",
      .wire = v1::RULE_TYPE_CONTROLLED_DESTINATION,
      .address = 11,
      .parameters = {{"classes", "", "control classes of the catalogue", "[3A090.a, 3A090.b]",
                      config::Structure{"a list of classes"}},
                     {"groups", "",
                      "groups of countries, and countries; those in A:5 or A:6 are not of a group",
                      "[D:1, D:4, D:5, MO]", config::Structure{"a list of groups and countries"}},
                     {"roles", "", "whose country, and whose parent's, is looked at",
                      "[ship_to, end_user]", config::Structure{"of ship_to, end_user"}},
                     {"absence_after", "", "how long a licence may follow its shipment", "1h",
                      config::Structure{"1m to 366d"}},
                     finding_pane()},
      .figures = finding_figures(),
      .needs_figure = false,
      .window = "28d",
      .finder = &orders::controlled_destination_finder()};
}

}  // namespace

const RuleType& controlled_destination() {
  static const OrderRule type(
      declared(),
      "parts of a controlled class go to a country that needs a licence for them, or to a party "
      "that is headquartered in one, and none is stated",
      "Inquire: whether there is a licence or an exception, and who will use the goods.");
  return type;
}

}  // namespace surgewatch::detect
