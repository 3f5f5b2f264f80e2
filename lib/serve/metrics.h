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

}  // namespace surgewatch::serve
