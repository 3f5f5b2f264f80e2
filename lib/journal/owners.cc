#include "journal/owners.h"

#include <algorithm>

namespace surgewatch::journal {

void Owners::claim(SourceId source, const v1::JournalRecord& record, std::int64_t offset) {
  Source& of = sources_[source];
  of.claims.push_back({.name = {offset, record.owner()}, .ownership = record.ownership()});
  if (of.claims.size() <= kMaxClaims) return;
  make_former(of.claims.front().name, &of);
  of.claims.pop_front();
}

Owners::Standing Owners::hear(SourceId source, const v1::JournalRecord& record) {
  const Name name(record.has_epoch() ? std::optional(record.epoch()) : std::nullopt,
                  record.owner());
  const auto found = sources_.find(source);
  const bool is_old = !name.first.has_value();
  if (found == sources_.end() || (is_old && !found->second.owner && !anybody_owns_)) {
    if (!is_old || anybody_owns_) return Standing::kNoOwner;
    sources_[source].owner = Claim{.name = name, .ownership = {}};
    return Standing::kNewOwner;
  }
  Source& of = found->second;
  if (of.owner && of.owner->name == name) return Standing::kOwner;
  const auto claim = std::ranges::find(of.claims, name, &Claim::name);
  if (claim == of.claims.end()) {
    const bool was = std::ranges::find(of.former, name) != of.former.end();
    return was ? Standing::kFormer : of.owner ? Standing::kStranger : Standing::kNoOwner;
  }
  if (of.owner) make_former(of.owner->name, &of);
  for (auto passed = of.claims.begin(); passed != claim; ++passed) make_former(passed->name, &of);
  of.owner = std::move(*claim);
  of.claims.erase(of.claims.begin(), claim + 1);
  anybody_owns_ = true;
  return Standing::kNewOwner;
}

const v1::Ownership* Owners::owner(SourceId source) const {
  const auto found = sources_.find(source);
  if (found == sources_.end() || !found->second.owner || !found->second.owner->name.first) {
    return nullptr;
  }
  return &found->second.owner->ownership;
}

void Owners::make_former(Name name, Source* source) {
  source->former.push_back(name);
  if (source->former.size() > kMaxClaims) source->former.pop_front();
}

}  // namespace surgewatch::journal
