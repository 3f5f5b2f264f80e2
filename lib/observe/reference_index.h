// The reference tables arranged for the hot path: countries by their two letters, SKUs by a dense
// number, rates with a short cut for dollars.
//
// Threads: immutable after construction. Keeps pointers into the tables, which must outlive it.
// Cost: a country is one array access; a SKU or a currency one hash probe and a search among its
// few versions, from the newest.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/reference.h"
#include "observe/text_index.h"

namespace surgewatch::observe {

// Two capital letters as a number; kNoCountry for what no table knows.
using CountryCode = std::uint16_t;
inline constexpr CountryCode kNoCountry = 0;
inline constexpr std::size_t kCountryCodes = 26 * 26 + 1;

// What a version of a SKU counts for. Number 0 is every SKU that the catalogue lacks at the time.
struct Product {
  Micros effective_from = 0;
  std::int64_t chips_per_unit = 1;
  std::int64_t tpp_per_chip = 0;  // 0 where not known
  std::string_view sku;
  std::string_view family = "unknown";
  std::string_view control_class = "unknown";
};
using ProductNumber = std::uint32_t;
inline constexpr ProductNumber kUnknownProduct = 0;

class ReferenceIndex {
 public:
  explicit ReferenceIndex(const config::ReferenceTables* tables)
      : ReferenceIndex(*tables, Arranged(*tables)) {}

  // kNoCountry unless `iso2` is a country that the table knows, in capitals; `ZZ` is one.
  CountryCode country(std::string_view iso2) const {
    if (iso2.size() != 2) return kNoCountry;
    const auto first = static_cast<unsigned>(iso2[0] - 'A');
    const auto second = static_cast<unsigned>(iso2[1] - 'A');
    if (first >= 26 || second >= 26) return kNoCountry;
    const auto code = static_cast<CountryCode>(first * 26 + second + 1);
    return known_[code] ? code : kNoCountry;
  }
  static std::string country_name(CountryCode code);
  bool is_known(CountryCode code) const { return known_[code]; }

  ProductNumber product_number(std::string_view sku, Micros time) const;
  const Product& product(ProductNumber number) const { return products_[number]; }
  std::span<const Product> products() const { return products_; }

  std::optional<std::int64_t> usd_per_unit_e9(std::string_view currency, Micros time) const {
    if (currency == "USD") return 1'000'000'000;
    const auto number = currencies_.find(currency);
    if (!number) return std::nullopt;
    const std::vector<config::FxTable::Rate>& rates = *rates_[*number];
    for (auto rate = rates.rbegin(); rate != rates.rend(); ++rate) {
      if (rate->effective_from <= time) return rate->usd_per_unit_e9;
    }
    return std::nullopt;
  }

 private:
  struct Versions {
    ProductNumber first = 0;
    ProductNumber end = 0;
  };

  // Names in the order of numbers.
  struct Arranged {
    explicit Arranged(const config::ReferenceTables& tables);
    std::vector<std::string_view> skus, currencies;
  };
  ReferenceIndex(const config::ReferenceTables& tables, const Arranged& arranged);

  std::array<bool, kCountryCodes> known_{};
  std::vector<Product> products_;  // a SKU's versions side by side, in the order of their dates
  TextIndex skus_;
  std::vector<Versions> versions_;  // by the SKU's number
  TextIndex currencies_;
  std::vector<const std::vector<config::FxTable::Rate>*> rates_;  // by the currency's number
};

}  // namespace surgewatch::observe
