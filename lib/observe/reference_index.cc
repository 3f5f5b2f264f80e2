#include "observe/reference_index.h"

#include <algorithm>

namespace surgewatch::observe {

// In the order of names, so that numbers do not depend on a hash.
ReferenceIndex::Arranged::Arranged(const config::ReferenceTables& tables) {
  for (const auto& [sku, versions] : tables.catalogue.by_sku) skus.push_back(sku);
  for (const auto& [currency, rates] : tables.fx.by_currency) currencies.push_back(currency);
  std::sort(skus.begin(), skus.end());
  std::sort(currencies.begin(), currencies.end());
}

ReferenceIndex::ReferenceIndex(const config::ReferenceTables& tables, const Arranged& arranged)
    : skus_(arranged.skus), currencies_(arranged.currencies) {
  for (CountryCode code = 1; code < kCountryCodes; ++code) {
    known_[code] = tables.countries.known(country_name(code));
  }
  products_.emplace_back();  // kUnknownProduct
  for (const std::string_view sku : arranged.skus) {
    const auto first = static_cast<ProductNumber>(products_.size());
    for (const config::CatalogueEntry& entry : *tables.catalogue.versions(sku)) {
      products_.push_back({.effective_from = entry.effective_from,
                           .chips_per_unit = entry.chips_per_unit,
                           .tpp_per_chip = entry.tpp.value_or(0),
                           .sku = sku,
                           .family = entry.family,
                           .control_class = entry.control_class});
    }
    versions_.push_back({first, static_cast<ProductNumber>(products_.size())});
  }
  for (const std::string_view currency : arranged.currencies) {
    rates_.push_back(&tables.fx.by_currency.at(std::string(currency)));
  }
}

std::string ReferenceIndex::country_name(CountryCode code) {
  const int index = code - 1;
  return {static_cast<char>('A' + index / 26), static_cast<char>('A' + index % 26)};
}

ProductNumber ReferenceIndex::product_number(std::string_view sku, Micros time) const {
  const auto found = skus_.find(sku);
  if (!found) return kUnknownProduct;
  const auto [first, end] = versions_[*found];
  for (ProductNumber number = end; number > first; --number) {  // mostly the newest
    if (products_[number - 1].effective_from <= time) return number - 1;
  }
  return kUnknownProduct;
}

}  // namespace surgewatch::observe
