#include "simulate/parties.h"

#include <fmt/format.h>

namespace surgewatch::simulate {

v1::Party make_party(std::string_view party_id, std::string_view name, std::string_view country,
                     std::string_view parent_country, v1::Party::AddressType address_type) {
  v1::Party party;
  party.set_party_id(std::string(party_id));
  party.set_name(std::string(name));
  party.set_country(std::string(country));
  party.set_parent_country(std::string(parent_country));
  party.set_address_type(address_type);
  return party;
}

v1::Party nvidia() {
  return make_party("US-NVIDIA", "NVIDIA Corporation", "US", "US", v1::Party::ADDRESS_TYPE_OFFICE);
}

std::vector<v1::Party> make_companies(std::string_view country, std::string_view role,
                                      std::string_view name, int count,
                                      const std::vector<std::string_view>& parents,
                                      v1::Party::AddressType address_type) {
  std::vector<v1::Party> companies;
  for (int i = 0; i < count; ++i) {
    companies.push_back(make_party(fmt::format("{}-{}-{:03}", country, role, i + 1),
                                   fmt::format("{} {} ({})", name, i + 1, country), country,
                                   parents[static_cast<std::size_t>(i) % parents.size()],
                                   address_type));
  }
  return companies;
}

}  // namespace surgewatch::simulate
