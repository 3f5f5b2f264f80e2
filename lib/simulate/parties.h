// The made-up companies of the scenarios: names say that they are examples, ids are stable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "surgewatch/v1/events.pb.h"

namespace surgewatch::simulate {

v1::Party make_party(std::string_view party_id, std::string_view name, std::string_view country,
                     std::string_view parent_country, v1::Party::AddressType address_type);

// The real seller, the only party that is not made up.
v1::Party nvidia();

// `count` companies of one country and role, such as SG-CUST-001 "Example Cloud 1 (SG)".
// `parents` are the headquarters' countries, taken in turn.
std::vector<v1::Party> make_companies(std::string_view country, std::string_view role,
                                      std::string_view name, int count,
                                      const std::vector<std::string_view>& parents,
                                      v1::Party::AddressType address_type);

}  // namespace surgewatch::simulate
