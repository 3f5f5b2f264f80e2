// A rule that one invoice makes fire: of a party that bought on the reference day, on a day two
// weeks later.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "surgewatch/v1/events.pb.h"

namespace surgewatch::bench {

inline constexpr std::int64_t kReferenceDay = 19'723 * 86'400LL;  // 2024-01-01
inline constexpr std::int64_t kMeasuredDay = kReferenceDay + 14 * 86'400LL;

inline constexpr char kSuddenRule[] = R"(
event_time: {out_of_orderness: 1h, allowed_lateness: 1h, future_bound: 10000d}
series:
  - name: billed
    event: invoice
    group_by: [bill_to.party_id]
    measures: [documents, units]
    pane: 1d
rules:
  - name: sudden
    type: surge_since
    series: billed
    measure: units
    per: [bill_to.party_id]
    window: 1d
    reference: {start: 2024-01-01, end: 2024-01-02}
    fire_at: {ratio: 4}
)";

// The invoice of this number, within the day.
inline v1::Invoice sudden_invoice(std::int64_t number, const std::string& party, std::int64_t day,
                                  std::int64_t quantity) {
  v1::Invoice invoice;
  invoice.set_invoice_id(fmt::format("invoice-{:010}", number));
  invoice.set_order_id(fmt::format("order-{:010}", number));
  invoice.mutable_issue_time()->set_seconds(day + 3'600);
  invoice.mutable_bill_to()->set_country("SG");
  invoice.mutable_bill_to()->set_party_id(party);
  invoice.mutable_ship_to()->set_country("SG");
  auto* line = invoice.add_lines();
  line->set_sku("H100-SXM5-80GB");
  line->set_quantity(quantity);
  return invoice;
}

}  // namespace surgewatch::bench
