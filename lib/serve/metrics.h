// Metrics that both servers count: one name has one help text everywhere.
#pragma once

#include "telemetry/telemetry.h"

namespace surgewatch::serve {

// `kind`: grpc or sse.
inline prometheus::Gauge& subscribers_gauge(telemetry::Telemetry& telemetry, const char* kind) {
  return telemetry.gauge("subscribers", "Streams of alerts that are open.", {{"kind", kind}});
}
inline prometheus::Counter& responses_counter(telemetry::Telemetry& telemetry, const char* kind) {
  return telemetry.counter("subscriber_responses_total",
                           "Responses written to streams of alerts, heartbeats included.",
                           {{"kind", kind}});
}
// `reason`: time (a response was not taken in time), bytes (it hung while all streams together left
// too much unsent) or behind (what it was to hear is no longer kept).
inline prometheus::Counter& subscribers_cut_counter(telemetry::Telemetry& telemetry,
                                                    const char* kind, const char* reason) {
  return telemetry.counter("subscribers_cut_total",
                           "Streams of alerts that were ended since their client reads too slowly.",
                           {{"kind", kind}, {"reason", reason}});
}
// `reason`: full (too many streams in all) or peer (of one peer).
inline prometheus::Counter& subscribers_refused_counter(telemetry::Telemetry& telemetry,
                                                        const char* kind, const char* reason) {
  return telemetry.counter("subscribers_refused_total",
                           "Streams of alerts that were refused since too many are open.",
                           {{"kind", kind}, {"reason", reason}});
}

}  // namespace surgewatch::serve
