// What a rule looks for in orders.
#include <algorithm>
#include <set>

#include "config/checks.h"
#include "config/control_class.h"
#include "config/rule_spec.h"

namespace surgewatch::config {
namespace {

constexpr Micros kMinute = 60 * kMicrosPerSecond;
constexpr Micros kLongestWait = 366 * kMicrosPerDay;
constexpr std::int64_t kLeastCap = 2, kMostCap = 1'000'000'000'000;
constexpr double kLeastNear = 0.5, kMostNear = 0.99;

using Texts = google::protobuf::RepeatedPtrField<std::string>;

// Each of the words once; `defaults` where none is given.
std::vector<std::string> words_of(const Checker& check, const std::string& path, const Texts& given,
                                  const std::vector<std::string>& words, std::string_view what,
                                  std::vector<std::string> defaults) {
  if (!check.has(path)) return defaults;
  if (given.empty() && !check.positions.damaged(path)) {
    check.problem(path, "is empty: leave it out for the default, or name one of {}",
                  enumerate(words));
  }
  std::vector<std::string> taken;
  for (int i = 0; i < given.size(); ++i) {
    const std::string here = element(path, i);
    if (!check.word(here, given[i], words, what)) continue;
    if (std::find(taken.begin(), taken.end(), given[i]) != taken.end()) {
      check.problem(here, "'{}' is there twice", given[i]);
      continue;
    }
    taken.push_back(given[i]);
  }
  return taken;
}

std::vector<std::string> classes_of(const ReferenceTables& tables) {
  std::set<std::string> classes{std::string(kClassA), std::string(kClassB)};
  for (const auto& [sku, versions] : tables.catalogue.by_sku) {
    for (const CatalogueEntry& entry : versions) classes.insert(entry.control_class);
  }
  classes.erase(std::string(kClassNone));
  classes.erase(std::string(kClassUnknown));
  return {classes.begin(), classes.end()};
}

// Groups of the table, and countries.
std::vector<std::string> groups_of(const ReferenceTables& tables) {
  std::set<std::string> groups;
  for (const auto& [country, memberships] : tables.groups.by_country) {
    for (const CountryGroups::Membership& membership : memberships) groups.insert(membership.group);
  }
  for (const auto& [country, name] : tables.countries.name_by_iso2) groups.insert(country);
  return {groups.begin(), groups.end()};
}

}  // namespace

void check_orders(const Checker& check, const std::string& path, const v1::RuleConfig& given,
                  const RuleSpec& spec, const ReferenceTables& tables, Rule* rule) {
  const auto takes = [&](std::string_view name) { return spec.parameter(name) != nullptr; };
  OrderSettings& orders = rule->orders;
  if (takes("classes")) {
    orders.classes = words_of(check, child(path, "classes"), given.classes(), classes_of(tables),
                              "a control class", {std::string(kClassA), std::string(kClassB)});
  }
  if (takes("groups")) {
    if (tables.groups.by_country.empty()) {
      check.problem(path,
                    "{} needs the groups of countries: name the table in "
                    "reference_data.country_groups",
                    spec.name);
    } else {
      orders.groups = words_of(check, child(path, "groups"), given.groups(), groups_of(tables),
                               "a group of the table, or a country", {"D:1", "D:4", "D:5", "MO"});
    }
  }
  if (takes("roles")) {
    const std::vector<std::string> roles =
        words_of(check, child(path, "roles"), given.roles(), {"ship_to", "end_user"}, "a role",
                 {"ship_to", "end_user"});
    const auto has = [&](std::string_view role) {
      return std::find(roles.begin(), roles.end(), role) != roles.end();
    };
    orders.ship_to = has("ship_to");
    orders.end_user = has("end_user");
  }
  if (takes("absence_after")) {
    check.duration_into(child(path, "absence_after"), given.absence_after(), kMinute, kLongestWait,
                        &orders.absence_after);
  }
  if (takes("deadline")) {
    check.duration_into(child(path, "deadline"), given.deadline(), kMinute, kLongestWait,
                        &orders.deadline);
  }
  if (takes("cap")) {
    if (!check.has(child(path, "cap"))) {
      check.missing(path, "cap", "say what orders stay just below, in chips: 512");
    } else if (check.readable(child(path, "cap")) &&
               check.in_range(child(path, "cap"), given.cap(), kLeastCap, kMostCap)) {
      orders.cap = given.cap();
    }
  }
  if (takes("near") && check.readable(child(path, "near"))) {
    orders.near = given.near();
    if (!(orders.near >= kLeastNear && orders.near <= kMostNear)) {
      check.problem(child(path, "near"), "{} is not within {} to {}", orders.near, kLeastNear,
                    kMostNear);
    }
  }
}

}  // namespace surgewatch::config
