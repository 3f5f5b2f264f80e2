#include "serve/http_meters.h"

#include <string>

#include "serve/metrics.h"

namespace surgewatch::serve {
namespace {

// In the order of the enums.
constexpr std::array<const char*, 6> kClasses{"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
constexpr std::array<const char*, 7> kCuts{"request_time", "answer_time", "peer",   "full",
                                           "descriptors",  "unsent",      "unasked"};
constexpr std::array<const char*, 3> kRefusals{"peer", "full", "unsent"};
constexpr char kKind[] = "sse";

template <std::size_t kCount>
std::array<prometheus::Counter*, kCount> counters(telemetry::Telemetry& telemetry,
                                                  const std::string& name, const std::string& help,
                                                  const std::string& label,
                                                  const std::array<const char*, kCount>& values) {
  std::array<prometheus::Counter*, kCount> made{};
  for (std::size_t i = 0; i < kCount; ++i) {
    made[i] = &telemetry.counter(name, help, {{label, values[i]}});
  }
  return made;
}

void increment(prometheus::Counter* counter) {
  if (counter != nullptr) counter->Increment();
}

}  // namespace

HttpMeters::HttpMeters(telemetry::Telemetry* telemetry, bool has_streams) {
  if (telemetry == nullptr) return;
  requests_ =
      counters(*telemetry, "http_requests_total", "HTTP requests answered.", "code", kClasses);
  cuts_ = counters(*telemetry, "http_connections_cut_total",
                   "Connections closed that took too long, or to make room for others.", "reason",
                   kCuts);
  refusals_ = counters(*telemetry, "http_requests_refused_total",
                       "Queries answered 503 since there were too many.", "reason", kRefusals);
  connections_ =
      &telemetry->gauge("http_connections", "Connections that are open, streams included.", {});
  queries_ = &telemetry->gauge("http_queries",
                               "Queries that are being answered or wait for their turn.", {});
  if (!has_streams) return;
  streams_ = &subscribers_gauge(*telemetry, kKind);
  responses_ = &responses_counter(*telemetry, kKind);
  streams_cut_ = &subscribers_cut_counter(*telemetry, kKind, "time");
  streams_behind_ = &subscribers_cut_counter(*telemetry, kKind, "behind");
  streams_full_ = &subscribers_refused_counter(*telemetry, kKind, "full");
  streams_full_of_peer_ = &subscribers_refused_counter(*telemetry, kKind, "peer");
}

void HttpMeters::answered(int status) {
  const auto klass = static_cast<std::size_t>(status) / 100;
  increment(requests_[klass < requests_.size() ? klass : 0]);
}

void HttpMeters::cut(Cut why) { increment(cuts_[static_cast<std::size_t>(why)]); }

void HttpMeters::refused(Refused why) { increment(refusals_[static_cast<std::size_t>(why)]); }

void HttpMeters::set_connections(std::size_t count) {
  if (connections_ != nullptr) connections_->Set(static_cast<double>(count));
}

void HttpMeters::add_queries(int count) {
  if (queries_ != nullptr) queries_->Increment(count);
}

void HttpMeters::add_streams(int count) {
  if (streams_ != nullptr) streams_->Increment(count);
}

void HttpMeters::add_responses(int count) {
  if (responses_ != nullptr) responses_->Increment(count);
}

void HttpMeters::stream_cut() { increment(streams_cut_); }

void HttpMeters::stream_fell_behind() { increment(streams_behind_); }

void HttpMeters::stream_refused(bool of_peer) {
  increment(of_peer ? streams_full_of_peer_ : streams_full_);
}

}  // namespace surgewatch::serve
