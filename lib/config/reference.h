// Reference data: what decides for how much an event counts. Catalogue, countries, groups and rates
// are CSV tables whose rows are effective-dated; they are read and checked whole before anything
// starts.
//
// Threads: immutable after loading; any thread may read.
// Units: rates are US dollars a unit times 10^9; dates are Micros at midnight UTC.
// Errors: INVALID_ARGUMENT with every problem as `file:line:column: message`, one a line.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/time.h"

namespace surgewatch::config {

// One version of one SKU, in force from effective_from until the SKU's next row.
struct CatalogueEntry {
  Micros effective_from = 0;
  std::string family;
  std::string vendor;
  std::int64_t chips_per_unit = 1;
  std::optional<std::int64_t> tpp;  // of one chip; absent: not known
  // 3A090.a, 3A090.b, none, or unknown where TPP is absent. Source: 88 FR 73458, in force
  // 2023-11-17; computed from tpp and performance_density unless the table has a column
  // `control_class`.
  std::string control_class;
};

class Catalogue {
 public:
  // Rows of one SKU in the order of their dates.
  using Versions = std::vector<CatalogueEntry>;

  // The SKU's row in force at `time`; null before its first, or for an unknown SKU.
  const CatalogueEntry* find(std::string_view sku, Micros time) const;
  // All versions, for those who resolve a SKU once and keep the answer; null for an unknown SKU.
  const Versions* versions(std::string_view sku) const;

  absl::flat_hash_map<std::string, Versions> by_sku;
};

class FxTable {
 public:
  struct Rate {
    Micros effective_from = 0;
    std::int64_t usd_per_unit_e9 = 0;
  };
  // The rate valid at `time`, or nullopt. USD is always 1.
  std::optional<std::int64_t> usd_per_unit_e9(std::string_view currency, Micros time) const;

  absl::flat_hash_map<std::string, std::vector<Rate>> by_currency;
};

class Countries {
 public:
  // `ZZ` (not stated) is known too.
  bool known(std::string_view iso2) const;
  // Empty for an unknown country.
  std::string_view name(std::string_view iso2) const;

  absl::flat_hash_map<std::string, std::string> name_by_iso2;
};

class CountryGroups {
 public:
  struct Membership {
    std::string group;
    Micros from = 0;
    Micros to = kMaxTime;  // exclusive
  };
  bool contains(std::string_view group, std::string_view iso2, Micros time) const;

  absl::flat_hash_map<std::string, std::vector<Membership>> by_country;
};

// What the data centres of a country hold, as it was at one time.
struct CountryCapacity {
  Micros as_of = 0;
  std::int64_t it_mw_e9 = 0;  // IT load that is in operation, MW
  // Percent of it: what stands empty, and what accelerators have of it.
  std::optional<std::int64_t> vacancy_pct_e9, accelerator_pct_e9;
  std::optional<std::int64_t> data_centres;
  std::string confidence;           // of the row: high, medium, low
  std::vector<std::string> unsure;  // columns whose source is not verified
};

// Decides what a capacity rule says, and for how much no event counts: so it is in the versions of
// these rules, and not in that of the reference data.
class Capacities {
 public:
  // The country's newest row that is not later than `time`; before the first row, that one. Null
  // for a country that the table lacks.
  const CountryCapacity* find(std::string_view iso2, Micros time) const;

  absl::flat_hash_map<std::string, std::vector<CountryCapacity>> by_country;  // in order of as_of
  std::string version;  // content address: `cap-` and 16 hexadecimal digits
};

struct ReferenceTables {
  Catalogue catalogue;
  Countries countries;
  CountryGroups groups;
  FxTable fx;
  Capacities capacities;
  // Content address of the first four: `rd-` and 16 hexadecimal digits.
  std::string version;
};

// Paths may be empty: see v1::ReferenceData for what that means.
struct ReferencePaths {
  std::string catalogue, countries, country_groups, fx, capacity = {};
};
absl::StatusOr<ReferenceTables> load_reference_tables(const ReferencePaths& paths);

}  // namespace surgewatch::config
