// Reads the reference tables; what reference.h offers to the rest of Surgewatch is made here.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "config/problems.h"
#include "config/reference.h"

namespace surgewatch::config {

// Longest table, bytes.
inline constexpr std::size_t kMaxTableBytes = std::size_t{256} << 20;

// The countries of ISO 3166-1 as Debian's package iso-codes lists them, with common names.
Countries built_in_countries();

// data/trade/country_capacity.csv, as the build found it.
Capacities built_in_capacities();

// Told of each table that can't be read: its key in reference_data, its path, and why.
using UnreadableTable = std::function<void(std::string_view table, const std::string& path,
                                           const std::string& message)>;
ReferenceTables read_tables(const ReferencePaths& paths, Problems* problems,
                            const UnreadableTable& unreadable);

// From the text of a table; `file` is used in messages.
Catalogue read_catalogue(std::string_view text, std::string_view file, Problems* problems);
FxTable read_fx(std::string_view text, std::string_view file, Problems* problems);
Countries read_countries(std::string_view text, std::string_view file, Problems* problems);
CountryGroups read_country_groups(std::string_view text, std::string_view file,
                                  const Countries& countries, Problems* problems);
Capacities read_capacities(std::string_view text, std::string_view file, const Countries& countries,
                           Problems* problems);

// Content address; two sets of tables that say the same have the same, however their rows are
// ordered. Countries' names are not in it: they decide nothing.
std::string reference_version(const ReferenceTables& tables);
std::string capacities_version(const Capacities& capacities);

}  // namespace surgewatch::config
