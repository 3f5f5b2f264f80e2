#include "serve/footprint.h"

#include "serve/alert_store.h"
#include "serve/grpc_server.h"
#include "serve/http_server.h"

namespace surgewatch::serve {
namespace {

// Metrics whose label sets come from the data (services/gateway/meters.cc), and what one takes with
// its labels of 128 bytes at the most, which are kept twice.
constexpr std::size_t kMetrics = 8;
constexpr std::size_t kLabelSetBytes = 4'096;

}  // namespace

void add_gateway(const config::Config& config, Saturating alert, Saturating subject,
                 config::Shares* shares) {
  AlertStore::Limits limits;
  limits.revisions = config.limits.alert_revisions;
  const AlertStore::AtMost most = AlertStore::at_most(limits, alert, subject);
  const auto add = [&](const char* what, Saturating count, Saturating bytes,
                       std::string_view lever) {
    shares->push_back({"gateway", what, count, bytes, lever, {}});
  };
  add("revisions", limits.revisions, most.revisions,
      "lower limits.alert_revisions or limits.text_bytes");
  add("alerts", limits.alerts, most.alerts, "lower limits.text_bytes");
  add("points", Saturating(limits.subjects) * limits.points_per_subject, most.points,
      "lower limits.text_bytes");
  const Saturating label_sets = Saturating(config.limits.label_sets_per_metric) * kMetrics;
  add("label sets", label_sets, label_sets * kLabelSetBytes, "lower limits.label_sets_per_metric");
  add("answers", 2, Saturating(HttpLimits{}.unsent_bytes) + GrpcLimits{}.unsent_bytes, "");
}

}  // namespace surgewatch::serve
