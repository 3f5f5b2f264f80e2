// Whatever a table holds, its reader answers. The first byte chooses the table.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/tables.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace surgewatch::config;
  if (size == 0) return 0;
  static const Countries countries = built_in_countries();
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Problems problems;
  ReferenceTables tables;
  switch (data[0] % 4) {
    case 0:
      tables.catalogue = read_catalogue(text, "fuzz.csv", &problems);
      break;
    case 1:
      tables.fx = read_fx(text, "fuzz.csv", &problems);
      break;
    case 2:
      tables.countries = read_countries(text, "fuzz.csv", &problems);
      break;
    default:
      tables.groups = read_country_groups(text, "fuzz.csv", countries, &problems);
  }
  (void)reference_version(tables);
  (void)problems.status();
  return 0;
}
