// Where parts may not go without a licence, by country and day.
//
// A country is controlled while it is in one of the groups, but for groups that carve it out; or
// where it is named itself. Memberships have dates (config::CountryGroups).
//
// Threads: immutable after construction. Cost: an array access, and for a country that is ever
// controlled a glance at its spans.
// Source: 15 CFR 742.6(a)(6) with 88 FR 73458 (2023-10-25): Country Groups D:1, D:4 and D:5 that
// are not also in A:5 or A:6, and Macau; headquarters or an ultimate parent in D:5 or Macau.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "config/config.h"
#include "observe/reference_index.h"

namespace surgewatch::orders {

class Destinations {
 public:
  // `groups`: names of groups, which have a colon, and of countries.
  Destinations(const config::ReferenceTables& tables, const std::vector<std::string>& groups,
               const std::vector<std::string>& carved_out);

  bool contains(observe::CountryCode country, Micros time) const {
    for (const Span& span : spans_[country]) {
      if (span.from <= time && time < span.to) return true;
    }
    return false;
  }

 private:
  struct Span {
    Micros from = 0, to = 0;
  };
  std::vector<std::vector<Span>> spans_;  // by country
};

}  // namespace surgewatch::orders
