#include "config/reference.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "config/fingerprint.h"
#include "config/problems.h"
#include "config/tables.h"
#include "config/text.h"

namespace surgewatch::config {
namespace {

constexpr std::string_view kNotStated = "ZZ";

// Debian's absl::string_view is a type of its own, and the key that absl's containers look up.
absl::string_view as_key(std::string_view text) { return {text.data(), text.size()}; }

// The last row that is in force at `time`; rows are in the order of their dates.
template <typename Row>
const Row* in_force(const std::vector<Row>& rows, Micros time) {
  const auto after =
      std::upper_bound(rows.begin(), rows.end(), time,
                       [](Micros bound, const Row& row) { return bound < row.effective_from; });
  return after == rows.begin() ? nullptr : &*(after - 1);
}

template <typename Map>
std::vector<const typename Map::value_type*> in_order_of_keys(const Map& map) {
  std::vector<const typename Map::value_type*> entries;
  for (const auto& entry : map) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  return entries;
}

void add_catalogue(const Catalogue& catalogue, Fingerprint* fingerprint) {
  fingerprint->add("catalogue");
  for (const auto* entry : in_order_of_keys(catalogue.by_sku)) {
    for (const CatalogueEntry& row : entry->second) {
      fingerprint->add(entry->first);
      fingerprint->add(row.effective_from);
      fingerprint->add(row.family);
      fingerprint->add(row.vendor);
      fingerprint->add(row.chips_per_unit);
      fingerprint->add(row.tpp.value_or(-1));
      fingerprint->add(row.control_class);
    }
  }
}

void add_groups(const CountryGroups& groups, Fingerprint* fingerprint) {
  fingerprint->add("country_groups");
  for (const auto* entry : in_order_of_keys(groups.by_country)) {
    std::vector<CountryGroups::Membership> rows = entry->second;
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
      return std::tie(a.group, a.from) < std::tie(b.group, b.from);
    });
    for (const CountryGroups::Membership& row : rows) {
      fingerprint->add(entry->first);
      fingerprint->add(row.group);
      fingerprint->add(row.from);
      fingerprint->add(row.to);
    }
  }
}

}  // namespace

const CatalogueEntry* Catalogue::find(std::string_view sku, Micros time) const {
  const Versions* all = versions(sku);
  return all == nullptr ? nullptr : in_force(*all, time);
}

const Catalogue::Versions* Catalogue::versions(std::string_view sku) const {
  const auto found = by_sku.find(as_key(sku));
  return found == by_sku.end() ? nullptr : &found->second;
}

std::optional<std::int64_t> FxTable::usd_per_unit_e9(std::string_view currency, Micros time) const {
  if (currency == "USD") return kE9;
  const auto found = by_currency.find(as_key(currency));
  if (found == by_currency.end()) return std::nullopt;
  const Rate* rate = in_force(found->second, time);
  if (rate == nullptr) return std::nullopt;
  return rate->usd_per_unit_e9;
}

bool Countries::known(std::string_view iso2) const {
  return iso2 == kNotStated || name_by_iso2.contains(as_key(iso2));
}

std::string_view Countries::name(std::string_view iso2) const {
  const auto found = name_by_iso2.find(as_key(iso2));
  if (found != name_by_iso2.end()) return found->second;
  return iso2 == kNotStated ? "not stated" : std::string_view{};
}

bool CountryGroups::contains(std::string_view group, std::string_view iso2, Micros time) const {
  const auto found = by_country.find(as_key(iso2));
  if (found == by_country.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const Membership& membership) {
    return membership.group == group && membership.from <= time && time < membership.to;
  });
}

const CountryCapacity* Capacities::find(std::string_view iso2, Micros time) const {
  const auto found = by_country.find(as_key(iso2));
  if (found == by_country.end() || found->second.empty()) return nullptr;
  const std::vector<CountryCapacity>& rows = found->second;
  const auto after =
      std::upper_bound(rows.begin(), rows.end(), time,
                       [](Micros bound, const CountryCapacity& row) { return bound < row.as_of; });
  return after == rows.begin() ? &rows.front() : &*(after - 1);
}

std::string capacities_version(const Capacities& capacities) {
  Fingerprint fingerprint;
  for (const auto* entry : in_order_of_keys(capacities.by_country)) {
    for (const CountryCapacity& row : entry->second) {
      fingerprint.add(entry->first);
      fingerprint.add(row.as_of);
      fingerprint.add(row.it_mw_e9);
      fingerprint.add(row.vacancy_pct_e9.value_or(-1));
      fingerprint.add(row.accelerator_pct_e9.value_or(-1));
      fingerprint.add(row.data_centres.value_or(-1));
      fingerprint.add(row.confidence);
      fingerprint.add(static_cast<std::int64_t>(row.unsure.size()));
      for (const std::string& column : row.unsure) fingerprint.add(column);
    }
  }
  return fingerprint.address("cap-");
}

std::string reference_version(const ReferenceTables& tables) {
  Fingerprint fingerprint;
  add_catalogue(tables.catalogue, &fingerprint);
  fingerprint.add("countries");
  for (const auto* entry : in_order_of_keys(tables.countries.name_by_iso2)) {
    if (entry->first == kNotStated) continue;  // known in any case
    fingerprint.add(entry->first);
  }
  add_groups(tables.groups, &fingerprint);
  fingerprint.add("fx");
  for (const auto* entry : in_order_of_keys(tables.fx.by_currency)) {
    for (const FxTable::Rate& rate : entry->second) {
      fingerprint.add(entry->first);
      fingerprint.add(rate.effective_from);
      fingerprint.add(rate.usd_per_unit_e9);
    }
  }
  return fingerprint.address("rd-");
}

absl::StatusOr<ReferenceTables> load_reference_tables(const ReferencePaths& paths) {
  Problems problems;
  ReferenceTables tables = read_tables(
      paths, &problems,
      [&problems](std::string_view, const std::string& path, const std::string& message) {
        problems.add(path, {}, "{}", message);
      });
  if (!problems.empty()) return problems.status();
  return tables;
}

ReferenceTables read_tables(const ReferencePaths& paths, Problems* problems,
                            const UnreadableTable& unreadable) {
  const auto text_of = [&unreadable](std::string_view table,
                                     const std::string& path) -> std::optional<std::string> {
    if (path.empty()) return std::nullopt;
    auto text = read_file(path, kMaxTableBytes, FileKind::kRegular);
    if (text.ok()) return *std::move(text);
    unreadable(table, path, message_of(text.status()));
    return std::nullopt;
  };
  ReferenceTables tables;
  if (const auto text = text_of("catalogue", paths.catalogue)) {
    tables.catalogue = read_catalogue(*text, paths.catalogue, problems);
  }
  const auto countries = text_of("countries", paths.countries);
  tables.countries =
      countries ? read_countries(*countries, paths.countries, problems) : built_in_countries();
  if (const auto text = text_of("country_groups", paths.country_groups)) {
    tables.groups = read_country_groups(*text, paths.country_groups, tables.countries, problems);
  }
  if (const auto text = text_of("fx", paths.fx)) tables.fx = read_fx(*text, paths.fx, problems);
  const auto capacities = text_of("capacity", paths.capacity);
  tables.capacities = capacities
                          ? read_capacities(*capacities, paths.capacity, tables.countries, problems)
                          : built_in_capacities();
  tables.capacities.version = capacities_version(tables.capacities);
  tables.version = reference_version(tables);
  return tables;
}

}  // namespace surgewatch::config
