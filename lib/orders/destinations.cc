#include "orders/destinations.h"

#include <algorithm>
#include <set>

namespace surgewatch::orders {
namespace {

bool is_group(const std::string& name) { return name.find(':') != std::string::npos; }

}  // namespace

Destinations::Destinations(const config::ReferenceTables& tables,
                           const std::vector<std::string>& groups,
                           const std::vector<std::string>& carved_out)
    : spans_(observe::kCountryCodes) {
  for (observe::CountryCode code = 1; code < observe::kCountryCodes; ++code) {
    const std::string country = observe::ReferenceIndex::country_name(code);
    if (!tables.countries.known(country)) continue;
    if (std::find(groups.begin(), groups.end(), country) != groups.end()) {
      spans_[code].push_back({kMinTime, kMaxTime});
      continue;
    }
    const auto found = tables.groups.by_country.find(country);
    if (found == tables.groups.by_country.end()) continue;
    // Between two dates of its memberships nothing changes.
    std::set<Micros> borders{kMinTime, kMaxTime};
    for (const config::CountryGroups::Membership& membership : found->second) {
      borders.insert({std::max(membership.from, kMinTime), std::min(membership.to, kMaxTime)});
    }
    const auto in_any = [&](const std::vector<std::string>& names, Micros time) {
      return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return is_group(name) && tables.groups.contains(name, country, time);
      });
    };
    for (auto from = borders.begin(), to = std::next(from); to != borders.end(); ++from, ++to) {
      if (in_any(groups, *from) && !in_any(carved_out, *from)) spans_[code].push_back({*from, *to});
    }
  }
}

}  // namespace surgewatch::orders
