// A rule that one invoice makes fire: of a party that bought on the reference day, on a day two
// weeks later.
#pragma once

#include <cstdint>

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

}  // namespace surgewatch::bench
