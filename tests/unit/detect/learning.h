// What the tests of rules that learn share: a world of countries that sell as usual.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "unit/detect/world.h"

namespace surgewatch::test {

inline config::Config with(config::Rule rule) {
  config::Config config = two_series();
  config.rules = {std::move(rule)};
  return config;
}

// Twenty a day, give or take three.
inline std::int64_t usual(PaneIndex day) { return 20 + (day * 7 % 7 + day * 3 % 5) % 7 - 3; }

constexpr PaneIndex kQuietDays = 30;

// Days 0 … kQuietDays - 1 as usual, for each country.
inline void live_quietly(World* world, const std::vector<std::string>& countries,
                         PaneIndex first = 0, PaneIndex days = kQuietDays) {
  for (PaneIndex day = first; day < first + days; ++day) {
    for (const std::string& country : countries) world->count(country, day, usual(day));
    world->pass(day);
  }
}

}  // namespace surgewatch::test
