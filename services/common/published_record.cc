#include "common/published_record.h"

#include <array>

#include "base/proto_json.h"
#include "base/revision_chain.h"

namespace surgewatch::services {
namespace {

constexpr std::array<std::string_view, kPublishedFaults> kNames{"unreadable", "impossible_id",
                                                                "impossible_revision", "too_large"};
// Whoever is led to RevisionChain::kMost counts on from there.
constexpr std::int32_t kRevisionEnd = RevisionChain::kMost + (1 << 20);

}  // namespace

std::string_view fault_name(PublishedFault fault) {
  return kNames[static_cast<std::size_t>(fault)];
}

std::optional<PublishedFault> read_alert(const kafka::Message& record, v1::Alert* alert) {
  if (record.payload.size() > kMaxPublishedBytes) return PublishedFault::kTooLarge;
  if (!parse_printable(record.payload, alert)) return PublishedFault::kUnreadable;
  const std::string& id = alert->alert_id();
  if (id.empty() || id.size() > kMaxAlertIdBytes || id != record.key) {
    return PublishedFault::kImpossibleId;
  }
  if (alert->revision() < 1 || alert->revision() >= kRevisionEnd) {
    return PublishedFault::kImpossibleRevision;
  }
  return std::nullopt;
}

std::optional<PublishedFault> read_point(const kafka::Message& record, v1::SeriesPoint* point) {
  if (record.payload.size() > kMaxPublishedBytes) return PublishedFault::kTooLarge;
  if (!parse_printable(record.payload, point)) return PublishedFault::kUnreadable;
  return std::nullopt;
}

}  // namespace surgewatch::services
