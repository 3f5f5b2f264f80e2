#include "detector/refusals.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace surgewatch::services {

void Refusals::of_journal(std::int64_t offset, std::span<const journal::Refused> refused) {
  for (const journal::Refused& one : refused) name(offset, one);
}

void Refusals::unreadable(std::int64_t offset, const journal::Refused& refused) {
  meters_.unreadable();
  name(offset, refused);
}

void Refusals::name(std::int64_t offset, const journal::Refused& refused) {
  const std::string_view reason = journal::refusal_name(refused.reason);
  const auto unsaid = seldom_.says(reason);
  if (!unsaid.has_value()) return;
  spdlog::warn(
      "refused at offset {} of topic '{}': {}: {} (reason {}{}); no figure moves by it; see who "
      "writes to the journal",
      offset, journal_, refused.what, journal::refusal_text(refused.reason), reason,
      more_like_it(*unsaid));
}

}  // namespace surgewatch::services
