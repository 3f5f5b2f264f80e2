#include "observe/reference_index.h"

#include <algorithm>
#include <utility>

namespace surgewatch::observe {

ReferenceIndex::ReferenceIndex(const config::ReferenceTables* tables) : tables_(tables) {
  for (CountryCode code = 1; code < kCountryCodes; ++code) {
    known_[code] = tables_->countries.known(country_name(code));
  }
  // In the order of SKUs, so that numbers do not depend on a hash.
  std::vector<const std::pair<const std::string, config::Catalogue::Versions>*> rows;
  for (const auto& row : tables_->catalogue.by_sku) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });

  products_.emplace_back();  // kUnknownProduct
  for (const auto* row : rows) {
    const auto first = static_cast<ProductNumber>(products_.size());
    for (const config::CatalogueEntry& entry : row->second) {
      products_.push_back({.effective_from = entry.effective_from,
                           .chips_per_unit = entry.chips_per_unit,
                           .tpp_per_chip = entry.tpp.value_or(0),
                           .sku = row->first,
                           .family = entry.family,
                           .control_class = entry.control_class});
    }
    versions_by_sku_[row->first] = {first, static_cast<ProductNumber>(products_.size())};
  }
}

std::string ReferenceIndex::country_name(CountryCode code) {
  const int index = code - 1;
  return {static_cast<char>('A' + index / 26), static_cast<char>('A' + index % 26)};
}

ProductNumber ReferenceIndex::product_number(std::string_view sku, Micros time) const {
  const auto found = versions_by_sku_.find(absl::string_view(sku.data(), sku.size()));
  if (found == versions_by_sku_.end()) return kUnknownProduct;
  const auto [first, end] = found->second;
  for (ProductNumber number = end; number > first; --number) {  // mostly the newest
    if (products_[number - 1].effective_from <= time) return number - 1;
  }
  return kUnknownProduct;
}

}  // namespace surgewatch::observe
