// A rule of each type, on lines that random streams cross now and then.
#pragma once

#include "unit/detect/world.h"

namespace surgewatch::test {

inline config::Config all_rules() {
  config::Config config = two_series();
  config::Rule since = rule("surge_since", 3);
  since.name = "since";
  since.reference = days(5, 7);
  since.fire_at.ratio = 1.5;
  since.clear_at.ratio = 1.2;
  config::Rule excess = since;
  excess.name = "excess";
  excess.fire_at.excess_over_total = 1.1;
  const auto learning = [](std::string_view type, const char* name, std::int64_t window) {
    config::Rule result = learning_rule(type, window);
    result.name = name;
    result.learning->warm_up = 4;
    result.learning->alpha = 0.2;
    result.learning->h = 1;
    return result;
  };
  config::Rule surge = learning("surge", "surge", 1);
  config::Rule money = learning("surge", "money", 2);
  money.measure = Measure::kRevenueUsd;
  money.fire_at.excess_over_total = 1.1;
  config::Rule ramp = learning("ramp", "ramp", 1);
  ramp.learning->kappa = 1.5;
  config::Rule share = learning("share_shift", "share", 2);
  share.learning->odds_ratio = 1.5;
  share.learning->direction = config::Direction::kBoth;
  config::Rule entity = learning("new_entity", "entity", 2);
  entity.per = {0, 1};
  config::Rule tree = learning("surge", "tree", 1);
  tree.rollup = {{}, {0}, {0, 1}};
  tree.per = {0, 1};
  config::Rule own = rule("divergence", 2);
  own.name = "own";
  own.against_series = 0;
  own.against_position = 1;
  own.fire_at.divergence = 0.7;
  config::Rule other = own;
  other.name = "other";
  other.against_series = 1;
  other.against_position = 0;
  config::Rule line = rule("threshold", 3);
  line.name = "line";
  line.fire_at.observed = 4'000e6;
  line.clear_at.observed = 3'000e6;
  const auto flows = [](std::string_view type, const char* name) {
    config::Rule result = rule(type, 2);
    result.name = name;
    result.assumed = result.type->assumes;
    result.assumed->floor = 500e6;
    return result;
  };
  config::Rule hands = flows("concentration", "hands");
  hands.per = {};
  hands.parts = 0;
  hands.fire_at.change = 300;
  hands.clear_at.change = 250;
  config::Rule within = hands;
  within.name = "within";
  within.per = {0};
  within.parts = 1;
  within.assumed->changes_over = 2;
  config::Rule fits = flows("capacity", "fits");
  fits.series = 1;
  fits.fire_at.ratio = 1;
  fits.clear_at.ratio = 0.9;
  config::Rule routes = flows("intermediary", "routes");
  routes.parts = 1;
  routes.origins = {"MY", "US"};
  routes.fire_at.ratio = 1;
  routes.clear_at.ratio = 0.85;
  auto tables = std::make_shared<config::ReferenceTables>(*config.reference);
  for (const char* country : {"SG", "US", "CN"}) {
    tables->capacities.by_country[country] = {{.as_of = 0,
                                               .it_mw_e9 = 7'000'000'000'000'000,
                                               .vacancy_pct_e9 = 10'000'000'000,
                                               .accelerator_pct_e9 = 20'000'000'000,
                                               .data_centres = 10,
                                               .confidence = "low",
                                               .unsure = {}}};
  }
  config.reference = tables;
  config.rules = {since, excess, surge, money, ramp,   share, entity, tree,
                  own,   other,  line,  hands, within, fits,  routes};
  add_typology("sum", 4, {{"since", 2}, {"surge"}, {"share"}, {"entity"}, {"tree"}, {"line"}},
               &config);
  config.rules.back().fire_at.score = 3;
  config.rules.back().clear_at.score = 2;
  config.rules.back().typology->page_at = 4;
  add_typology("sum-of-sums", 2, {{"sum", 2}, {"other"}, {"routes"}}, &config);
  config.rules.back().fire_at.score = 2;
  config.rules.back().clear_at.score = 1.5;
  config.rules.back().typology->page_at = 3;
  return config;
}

}  // namespace surgewatch::test
