#include "config/tables.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/status.h"
#include "config/control_class.h"
#include "config/csv.h"
#include "config/text.h"

namespace surgewatch::config {
namespace {

constexpr std::int64_t kMaxChipsPerUnit = 1'000'000;
constexpr std::int64_t kMaxTpp = 1'000'000'000;
constexpr std::size_t kMaxNameBytes = 128;
constexpr std::size_t kMaxGroupBytes = 32;
constexpr std::int64_t kMaxUsdPerUnit = 1'000'000;
constexpr std::int64_t kMaxItMw = 1'000'000;
constexpr std::int64_t kMaxDataCentres = 1'000'000;

struct NamedCountry {
  std::string_view iso2;
  std::string_view name;
};
constexpr NamedCountry kIso3166[] = {
#include "config/iso3166.inc"
};

constexpr std::string_view kBuiltInCapacities =
#include "config/country_capacity.inc"
    ;

// Empty means always.
std::optional<Micros> read_date(CsvTable* table, std::size_t column, Micros if_empty) {
  const std::string_view text = (*table)[column];
  if (text.empty()) return if_empty;
  const auto date = parse_date(text);
  if (!date.ok()) {
    table->problem(column, "{}", message_of(date.status()));
    return std::nullopt;
  }
  return *date;
}

bool check_text(CsvTable* table, std::size_t column, std::string_view what) {
  const std::string_view text = (*table)[column];
  if (text.empty()) {
    table->problem(column, "{} is empty", what);
    return false;
  }
  if (text.size() > kMaxNameBytes) {
    table->problem(column, "{} is longer than {} bytes", what, kMaxNameBytes);
    return false;
  }
  return true;
}

bool check_country(CsvTable* table, std::size_t column) {
  if (is_capitals((*table)[column], 2)) return true;
  table->problem(column, "'{}' is not a country of ISO 3166-1 alpha-2's shape, such as SG",
                 (*table)[column]);
  return false;
}

// Where in `rows`, which are in the order of effective_from, a row of this date belongs; nullopt if
// the date is taken. Tables are mostly in order, so this is mostly the end.
template <typename Row>
std::optional<typename std::vector<Row>::iterator> place_for(std::vector<Row>* rows, Micros date) {
  const auto place =
      std::lower_bound(rows->begin(), rows->end(), date,
                       [](const Row& row, Micros bound) { return row.effective_from < bound; });
  if (place != rows->end() && place->effective_from == date) return std::nullopt;
  return place;
}

std::string from_text(Micros date) {
  return date == kMinTime ? "the beginning" : format_date(date);
}

class CatalogueReader {
 public:
  CatalogueReader(std::string_view text, std::string_view file, Problems* problems)
      : table_(text, file,
               {{"sku"},
                {"family"},
                {"vendor"},
                {"chips_per_unit"},
                {"tpp"},
                {"performance_density"},
                {"effective_from"},
                {"control_class", false},
                {"datacenter_marketed", false}},
               problems) {}

  Catalogue read() {
    while (table_.next()) read_row();
    return std::move(catalogue_);
  }

 private:
  enum : std::size_t {
    kSku,
    kFamily,
    kVendor,
    kChipsPerUnit,
    kTpp,
    kDensity,
    kEffectiveFrom,
    kControlClass,
    kDatacenterMarketed
  };

  void read_row() {
    CatalogueEntry entry;
    bool sound = check_text(&table_, kSku, "the SKU");
    sound &= check_text(&table_, kFamily, "the family");
    entry.family = std::string(table_[kFamily]);
    entry.vendor = std::string(table_[kVendor]);
    sound &= read_chips(&entry) && read_performance(&entry);
    const auto date = read_date(&table_, kEffectiveFrom, kMinTime);
    if (!sound || !date) return;
    entry.effective_from = *date;
    Catalogue::Versions& versions = catalogue_.by_sku[std::string(table_[kSku])];
    if (const auto place = place_for(&versions, *date)) {
      versions.insert(*place, std::move(entry));
    } else {
      table_.problem(kSku, "a second row of SKU '{}' in force from {}", table_[kSku],
                     from_text(*date));
    }
  }

  bool read_chips(CatalogueEntry* entry) {
    const auto chips = parse_int64(table_[kChipsPerUnit]);
    if (!chips || *chips < 1 || *chips > kMaxChipsPerUnit) {
      table_.problem(kChipsPerUnit, "chips_per_unit must be a whole number from 1 to {}, not '{}'",
                     kMaxChipsPerUnit, table_[kChipsPerUnit]);
      return false;
    }
    entry->chips_per_unit = *chips;
    return true;
  }

  bool read_performance(CatalogueEntry* entry) {
    if (!table_[kTpp].empty()) {
      entry->tpp = parse_int64(table_[kTpp]);
      if (!entry->tpp || *entry->tpp < 0 || *entry->tpp > kMaxTpp) {
        table_.problem(kTpp,
                       "tpp must be empty (not known) or a whole number from 0 to {}, not '{}'",
                       kMaxTpp, table_[kTpp]);
        return false;
      }
    }
    std::optional<std::int64_t> density_e9;
    if (!table_[kDensity].empty()) {
      const auto density = parse_fixed_e9(table_[kDensity]);
      if (!density.ok()) {
        table_.problem(kDensity, "performance_density: {}", message_of(density.status()));
        return false;
      }
      density_e9 = *density;
    }
    const std::string_view marketed = table_[kDatacenterMarketed];
    if (!marketed.empty() && marketed != "true" && marketed != "false") {
      table_.problem(kDatacenterMarketed,
                     "datacenter_marketed must be true, false or empty, not '{}'", marketed);
      return false;
    }
    return read_class(control_class(entry->tpp, density_e9, marketed != "false"), entry);
  }

  bool read_class(std::string_view computed, CatalogueEntry* entry) {
    const std::string_view given = table_[kControlClass];
    entry->control_class = std::string(given.empty() ? computed : given);
    const std::vector<std::string> classes{std::string(kClassA), std::string(kClassB),
                                           std::string(kClassNone), std::string(kClassUnknown)};
    if (std::find(classes.begin(), classes.end(), entry->control_class) != classes.end()) {
      return true;
    }
    table_.problem(kControlClass, "'{}' is not a control class; known are {}", given,
                   enumerate(classes));
    return false;
  }

  CsvTable table_;
  Catalogue catalogue_;
};

class CapacityReader {
 public:
  CapacityReader(std::string_view text, std::string_view file, const Countries& countries,
                 Problems* problems)
      : countries_(countries),
        table_(text, file,
               {{"iso2"},
                {"dc_count"},
                {"it_capacity_mw"},
                {"it_capacity_asof"},
                {"vacancy_pct"},
                {"suggested_accelerator_share_pct"},
                {"confidence"},
                {"dc_count_source", false},
                {"it_capacity_source", false},
                {"vacancy_source", false}},
               problems) {}

  Capacities read() {
    while (table_.next()) read_row();
    return std::move(capacities_);
  }

 private:
  enum : std::size_t {
    kIso2,
    kDataCentres,
    kItMw,
    kAsOf,
    kVacancy,
    kAcceleratorShare,
    kConfidence,
    kFirstSource
  };

  void read_row() {
    // The table of countries may be given, which has a row for each and figures for some.
    if (table_[kItMw].empty()) return;
    CountryCapacity row;
    const std::string_view country = table_[kIso2];
    if (!check_country(&table_, kIso2)) return;
    if (!countries_.known(country) || country == "ZZ") {
      table_.problem(kIso2, "country {} is not in the list of countries", country);
      return;
    }
    const auto as_of = parse_date(table_[kAsOf]);
    if (!as_of.ok()) table_.problem(kAsOf, "it_capacity_asof: {}", message_of(as_of.status()));
    const auto megawatts = decimal(kItMw, "it_capacity_mw", kMaxItMw);
    bool sound = as_of.ok() && megawatts.has_value();
    if (megawatts.has_value()) row.it_mw_e9 = *megawatts;
    sound &= percent(kVacancy, "vacancy_pct", &row.vacancy_pct_e9);
    sound &= percent(kAcceleratorShare, "suggested_accelerator_share_pct", &row.accelerator_pct_e9);
    sound &= read_count(&row) && check_text(&table_, kConfidence, "the confidence");
    if (!sound) return;
    row.as_of = *as_of;
    row.confidence = std::string(table_[kConfidence]);
    read_sources(&row);
    std::vector<CountryCapacity>& rows = capacities_.by_country[std::string(country)];
    const auto place = std::ranges::lower_bound(rows, row.as_of, {}, &CountryCapacity::as_of);
    if (place != rows.end() && place->as_of == row.as_of) {
      table_.problem(kIso2, "a second row of {} as of {}", country, format_date(row.as_of));
      return;
    }
    rows.insert(place, std::move(row));
  }

  // Above 0, and at most `high`.
  std::optional<std::int64_t> decimal(std::size_t column, std::string_view name,
                                      std::int64_t high) {
    const auto value = parse_fixed_e9(table_[column]);
    if (value.ok() && *value > 0 && *value <= high * kE9) return *value;
    table_.problem(column, "{} must be above 0 and at most {}, not '{}'", name, high,
                   table_[column]);
    return std::nullopt;
  }

  bool percent(std::size_t column, std::string_view name, std::optional<std::int64_t>* into) {
    if (table_[column].empty()) return true;
    *into = decimal(column, name, 100);
    return into->has_value();
  }

  bool read_count(CountryCapacity* row) {
    if (table_[kDataCentres].empty()) return true;
    row->data_centres = parse_int64(table_[kDataCentres]);
    if (row->data_centres && *row->data_centres > 0 && *row->data_centres <= kMaxDataCentres) {
      return true;
    }
    table_.problem(kDataCentres,
                   "dc_count must be empty (not known) or a whole number from 1 to {}, not '{}'",
                   kMaxDataCentres, table_[kDataCentres]);
    return false;
  }

  // A source that says of itself that nobody has looked it up.
  void read_sources(CountryCapacity* row) {
    constexpr std::string_view kUnverified = "[unverified";
    constexpr std::array<std::string_view, 3> kColumns{"data centres", "MW", "vacancy"};
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      if (table_[kFirstSource + i].starts_with(kUnverified)) row->unsure.emplace_back(kColumns[i]);
    }
  }

  const Countries& countries_;
  CsvTable table_;
  Capacities capacities_;
};

}  // namespace

Capacities built_in_capacities() {
  Problems problems;
  Capacities capacities =
      read_capacities(kBuiltInCapacities, "country_capacity.csv", built_in_countries(), &problems);
  SW_CHECK(problems.empty());
  return capacities;
}

Capacities read_capacities(std::string_view text, std::string_view file, const Countries& countries,
                           Problems* problems) {
  return CapacityReader(text, file, countries, problems).read();
}

Countries built_in_countries() {
  Countries countries;
  for (const auto& [iso2, name] : kIso3166) countries.name_by_iso2.emplace(iso2, name);
  return countries;
}

Catalogue read_catalogue(std::string_view text, std::string_view file, Problems* problems) {
  return CatalogueReader(text, file, problems).read();
}

FxTable read_fx(std::string_view text, std::string_view file, Problems* problems) {
  enum : std::size_t { kCurrency, kUsdPerUnit, kEffectiveFrom };
  CsvTable table(text, file, {{"currency"}, {"usd_per_unit"}, {"effective_from"}}, problems);
  FxTable fx;
  while (table.next()) {
    const std::string_view currency = table[kCurrency];
    const auto date = read_date(&table, kEffectiveFrom, kMinTime);
    if (!is_capitals(currency, 3)) {
      table.problem(kCurrency, "'{}' is not a currency of ISO 4217's shape, such as EUR", currency);
      continue;
    }
    const auto rate = parse_fixed_e9(table[kUsdPerUnit]);
    if (!rate.ok()) {
      table.problem(kUsdPerUnit, "usd_per_unit: {}", message_of(rate.status()));
      continue;
    }
    if (*rate <= 0 || *rate > kMaxUsdPerUnit * kE9) {
      table.problem(kUsdPerUnit, "usd_per_unit must be above 0 and at most {}, not '{}'",
                    kMaxUsdPerUnit, table[kUsdPerUnit]);
      continue;
    }
    if (currency == "USD" && *rate != kE9) {
      table.problem(kUsdPerUnit, "usd_per_unit of USD is always 1, not '{}'", table[kUsdPerUnit]);
      continue;
    }
    if (!date || currency == "USD") continue;
    std::vector<FxTable::Rate>& rates = fx.by_currency[std::string(currency)];
    if (const auto place = place_for(&rates, *date)) {
      rates.insert(*place, {*date, *rate});
    } else {
      table.problem(kCurrency, "a second rate of {} in force from {}", currency, from_text(*date));
    }
  }
  return fx;
}

Countries read_countries(std::string_view text, std::string_view file, Problems* problems) {
  enum : std::size_t { kIso2, kName };
  CsvTable table(text, file, {{"iso2"}, {"name"}}, problems);
  Countries countries;
  while (table.next()) {
    if (!check_country(&table, kIso2) || !check_text(&table, kName, "the country's name")) continue;
    if (!countries.name_by_iso2.emplace(std::string(table[kIso2]), std::string(table[kName]))
             .second) {
      table.problem(kIso2, "country {} is there twice", table[kIso2]);
    }
  }
  return countries;
}

CountryGroups read_country_groups(std::string_view text, std::string_view file,
                                  const Countries& countries, Problems* problems) {
  enum : std::size_t { kIso2, kGroup, kFrom, kTo };
  CsvTable table(text, file, {{"iso2"}, {"group"}, {"effective_from"}, {"effective_to"}}, problems);
  CountryGroups groups;
  while (table.next()) {
    const auto from = read_date(&table, kFrom, kMinTime);
    const auto to = read_date(&table, kTo, kMaxTime);
    if (!check_country(&table, kIso2)) continue;
    if (!countries.known(table[kIso2])) {
      table.problem(kIso2, "country {} is not in the list of countries", table[kIso2]);
      continue;
    }
    if (!check_text(&table, kGroup, "the group") || !from || !to) continue;
    if (table[kGroup].size() > kMaxGroupBytes) {
      table.problem(kGroup, "the group is longer than {} bytes", kMaxGroupBytes);
      continue;
    }
    if (*to <= *from) {
      table.problem(kTo, "effective_to {} is not after effective_from {}", format_date(*to),
                    format_date(*from));
      continue;
    }
    auto& memberships = groups.by_country[std::string(table[kIso2])];
    const bool overlaps =
        std::any_of(memberships.begin(), memberships.end(), [&](const auto& membership) {
          return membership.group == table[kGroup] && membership.from < *to &&
                 *from < membership.to;
        });
    if (overlaps) {
      table.problem(kIso2, "country {} is already in group {} for a part of that time",
                    table[kIso2], table[kGroup]);
      continue;
    }
    memberships.push_back({std::string(table[kGroup]), *from, *to});
  }
  return groups;
}

}  // namespace surgewatch::config
