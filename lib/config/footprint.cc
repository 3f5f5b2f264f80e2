#include "config/footprint.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "config/checks.h"

namespace surgewatch::config {
namespace {

std::size_t families(const Catalogue& catalogue) {
  std::set<std::string_view> names{"unknown"};
  for (const auto& [sku, versions] : catalogue.by_sku) {
    for (const CatalogueEntry& entry : versions) names.insert(entry.family);
  }
  return names.size();
}

std::size_t longest_family(const Catalogue& catalogue) {
  std::size_t longest = std::string_view("unknown").size();
  for (const auto& [sku, versions] : catalogue.by_sku) {
    for (const CatalogueEntry& entry : versions) longest = std::max(longest, entry.family.size());
  }
  return longest;
}

constexpr std::size_t kControlClasses = 4;
constexpr std::size_t kLongestControlClass = 8;
constexpr std::size_t kCountryBytes = 5;  // "other" is longer than any

}  // namespace

bool is_open(Dimension dimension) {
  return !is_country(dimension) && dimension != Dimension::kFamily &&
         dimension != Dimension::kControlClass && dimension != Dimension::kFoundBy;
}

Saturating values_of(Dimension dimension, const Series& series, const Config& config) {
  Saturating values = Saturating::most();
  if (is_country(dimension)) {
    values = config.reference->countries.name_by_iso2.size() + 1;  // ZZ
  } else if (dimension == Dimension::kFamily) {
    values = families(config.reference->catalogue);
  } else if (dimension == Dimension::kControlClass) {
    values = kControlClasses;
  } else if (dimension == Dimension::kFoundBy) {
    values = config.rules.size();
  }
  for (const Condition& condition : series.where) {
    if (condition.field != dimension || condition.in.empty()) continue;
    values = std::min(values, Saturating(condition.in.size()));
  }
  return values;
}

std::size_t text_bytes_of(Dimension dimension, const Config& config) {
  if (is_country(dimension)) return kCountryBytes;
  if (dimension == Dimension::kControlClass) return kLongestControlClass;
  if (dimension == Dimension::kFoundBy) return kMaxNameBytes;
  if (dimension == Dimension::kFamily) return longest_family(config.reference->catalogue);
  return static_cast<std::size_t>(config.limits.text_bytes);
}

Saturating keys_of(const Series& series, std::span<const std::size_t> positions,
                   const std::vector<Rule::Filter>& where, std::int64_t limit,
                   const Config& config) {
  Saturating keys = 1;
  for (const std::size_t position : positions) {
    Saturating values = values_of(series.group_by[position], series, config);
    for (const Rule::Filter& filter : where) {
      if (filter.position != position || filter.condition.in.empty()) continue;
      values = std::min(values, Saturating(filter.condition.in.size()));
    }
    keys = keys * values;
  }
  return std::min(keys, Saturating(limit)) + (positions.empty() ? 0 : 1);
}

Saturating keys_of(const Series& series, std::int64_t limit, const Config& config) {
  std::vector<std::size_t> all(series.group_by.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return keys_of(series, all, {}, limit, config);
}

}  // namespace surgewatch::config
