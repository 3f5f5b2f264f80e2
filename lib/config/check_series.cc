#include <algorithm>
#include <set>

#include "config/checks.h"
#include "config/control_class.h"
#include "config/rule_spec.h"

namespace surgewatch::config {
namespace {

constexpr Micros kShortestPane = kMicrosPerSecond;
constexpr Micros kLongestPane = 366 * kMicrosPerDay;
constexpr std::size_t kMaxValueBytes = 256;
// What the aggregator counts contributions beyond keys_per_series under.
constexpr std::string_view kOther = "other";
// The family of a SKU that the catalogue lacks.
constexpr std::string_view kUnknownFamily = "unknown";

// What documents of a kind are grouped and filtered by.
struct EventTraits {
  std::string_view label;
  std::vector<Dimension> dimensions;
};
// Where the event is not known, any dimension may be right.
const EventTraits& traits_of(std::optional<Topic> event) {
  using enum Dimension;
  static const EventTraits invoice{
      "an invoice",
      {kSeller, kBillTo, kShipTo, kEndUser, kPayer, kSellerId, kBillToId, kShipToId, kEndUserId,
       kPayerId, kFamily, kSku, kControlClass}};
  static const EventTraits shipment{
      "a shipment",
      {kShipFrom, kShipTo, kEndUser, kIntermediateConsignee, kFreightForwarder, kShipFromId,
       kShipToId, kEndUserId, kIntermediateConsigneeId, kFreightForwarderId, kFamily, kSku,
       kControlClass}};
  static const EventTraits any = [] {
    EventTraits all{"an event", {}};
    for (std::size_t i = 0; i < kDimensionCount; ++i) {
      const auto one = static_cast<Dimension>(i);
      const auto has = [one](const EventTraits& traits) {
        return std::ranges::find(traits.dimensions, one) != traits.dimensions.end();
      };
      if (has(invoice) || has(shipment)) all.dimensions.push_back(one);
    }
    return all;
  }();
  if (!event) return any;
  return *event == Topic::kInvoices ? invoice : shipment;
}

std::vector<std::string> names_of(const std::vector<Dimension>& dimensions) {
  std::vector<std::string> names;
  names.reserve(dimensions.size());
  for (const Dimension dimension : dimensions) names.emplace_back(dimension_name(dimension));
  return names;
}

// A dimension that there is, but not here, gets another message than one that there isn't.
std::optional<Dimension> check_dimension(const Checker& check, const std::string& path,
                                         const std::string& text,
                                         const std::vector<Dimension>& allowed,
                                         std::string_view whose) {
  const auto dimension = dimension_from_name(text);
  if (dimension && std::find(allowed.begin(), allowed.end(), *dimension) != allowed.end()) {
    return dimension;
  }
  if (dimension) {
    check.problem(path, "{} has no '{}'; it has {}", whose, text, enumerate(names_of(allowed)));
  } else if (!check.positions.damaged(path)) {
    check.problem(path, "'{}' is not a dimension{}", text,
                  suggestion(text, names_of(allowed), "known here:"));
  }
  return std::nullopt;
}

bool check_family(const Checker& check, const std::string& path, const std::string& value,
                  const Catalogue& catalogue) {
  if (value == kUnknownFamily) return true;
  std::set<std::string> families{std::string(kUnknownFamily)};
  for (const auto& [sku, versions] : catalogue.by_sku) {
    for (const CatalogueEntry& entry : versions) {
      if (entry.family == value) return true;
      families.insert(entry.family);
    }
  }
  return check.word(path, value, {families.begin(), families.end()}, "a family of the catalogue")
      .has_value();
}

// A value that can never occur would make a filter that silently drops everything.
bool check_value(const Checker& check, const std::string& path, Dimension field,
                 const std::string& value, const ReferenceTables& tables) {
  if (value.empty() || value.size() > kMaxValueBytes) {
    if (!check.positions.damaged(path)) {
      check.problem(path, "must have 1 to {} bytes", kMaxValueBytes);
    }
    return false;
  }
  if (value == kOther) return true;
  if (is_country(field) && !tables.countries.known(value)) {
    check.problem(path,
                  "'{}' is not a country; write two capital letters of ISO 3166-1 such as SG, "
                  "or ZZ for not stated",
                  value);
    return false;
  }
  if (field == Dimension::kControlClass) {
    return check
        .word(path, value,
              {std::string(kClassA), std::string(kClassB), std::string(kClassNone),
               std::string(kClassUnknown)},
              "a control class")
        .has_value();
  }
  if (field == Dimension::kFamily && !tables.catalogue.by_sku.empty()) {
    return check_family(check, path, value, tables.catalogue);
  }
  return true;
}

std::optional<Topic> check_event(const Checker& check, const std::string& path,
                                 const v1::SeriesConfig& given) {
  if (!check.has(child(path, "event"))) {
    check.missing(path, "event", "write invoice or shipment");
    return std::nullopt;
  }
  const auto event =
      check.word(child(path, "event"), given.event(), {"invoice", "shipment"}, "an event");
  if (!event) return std::nullopt;
  return *event == 0 ? Topic::kInvoices : Topic::kShipments;
}

void check_group_by(const Checker& check, const std::string& path, const v1::SeriesConfig& given,
                    const EventTraits& event, Series* series) {
  for (int i = 0; i < given.group_by_size(); ++i) {
    const std::string here = element(child(path, "group_by"), i);
    const auto dimension =
        check_dimension(check, here, given.group_by(i), event.dimensions, event.label);
    if (!dimension) continue;
    if (std::find(series->group_by.begin(), series->group_by.end(), *dimension) !=
        series->group_by.end()) {
      check.problem(here, "'{}' is there twice", given.group_by(i));
      continue;
    }
    series->group_by.push_back(*dimension);
  }
  if (static_cast<std::size_t>(given.group_by_size()) > kMaxGroupBy) {
    check.problem(child(path, "group_by"), "{} dimensions; at most {} are allowed",
                  given.group_by_size(), kMaxGroupBy);
  }
}

void check_measures(const Checker& check, const std::string& path, const v1::SeriesConfig& given,
                    std::optional<Topic> event, Series* series) {
  const std::vector<std::string> known(kMeasureNames.begin(), kMeasureNames.end());
  if (given.measures_size() == 0) {
    check.missing(path, "measures", fmt::format("name at least one of {}", enumerate(known)));
  }
  for (int i = 0; i < given.measures_size(); ++i) {
    const std::string here = element(child(path, "measures"), i);
    const auto index = check.word(here, given.measures(i), known, "a measure");
    if (!index) continue;
    const auto measure = static_cast<Measure>(*index);
    if (std::find(series->measures.begin(), series->measures.end(), measure) !=
        series->measures.end()) {
      check.problem(here, "'{}' is there twice", given.measures(i));
    } else if (measure == Measure::kRevenueUsd && event == Topic::kShipments) {
      check.problem(here, "a shipment carries no prices, so it has no revenue_usd");
    } else {
      series->measures.push_back(measure);
    }
  }
}

void check_largest_document(const Checker& check, const std::string& path,
                            const v1::SeriesConfig& given, Series* series) {
  const std::vector<Measure>& measures = series->measures;
  auto measure = std::find(measures.begin(), measures.end(), Measure::kRevenueUsd);
  const bool has_revenue = measure != measures.end();
  if (!(given.has_largest_document() ? given.largest_document() : has_revenue)) return;
  if (!has_revenue) {
    measure = std::find_if(measures.begin(), measures.end(),
                           [](Measure one) { return one != Measure::kDocuments; });
  }
  if (measure != measures.end()) {
    series->largest_document = *measure;
  } else if (!measures.empty()) {
    check.problem(child(path, "largest_document"),
                  "needs a measure beyond documents: each document counts as one");
  }
}

Series check_one(const Checker& check, const std::string& path, const v1::SeriesConfig& given,
                 const ReferenceTables& tables) {
  Series series;
  check.name(path, given.name());
  series.name = given.name();
  const std::optional<Topic> event = check_event(check, path, given);
  const EventTraits& traits = traits_of(event);
  series.event = event.value_or(series.event);
  for (int i = 0; i < given.where_size(); ++i) {
    auto condition = check_condition(check, element(child(path, "where"), i), given.where(i),
                                     traits.dimensions, traits.label, tables);
    if (condition) series.where.push_back(*std::move(condition));
  }
  check_group_by(check, path, given, traits, &series);
  check_measures(check, path, given, event, &series);
  check_largest_document(check, path, given, &series);
  const std::string pane = child(path, "pane");
  if (!check.has(pane)) {
    check.missing(path, "pane", "give the length of a pane, such as 1d");
  } else {
    check.duration_into(pane, given.pane(), kShortestPane, kLongestPane, &series.pane_length);
  }
  series.definition = definition_of(series);
  return series;
}

void check_values(const Checker& check, const std::string& path,
                  const google::protobuf::RepeatedPtrField<std::string>& values, Dimension field,
                  const ReferenceTables& tables, std::vector<std::string>* taken) {
  for (int i = 0; i < values.size(); ++i) {
    const std::string here = element(path, i);
    if (!check_value(check, here, field, values[i], tables)) continue;
    if (std::find(taken->begin(), taken->end(), values[i]) != taken->end()) {
      check.problem(here, "'{}' is there twice", values[i]);
      continue;
    }
    taken->push_back(values[i]);
  }
}

// What a typology is per; a region where it says nothing that makes sense.
std::vector<Dimension> check_typology_per(const Checker& check, const std::string& path,
                                          const v1::RuleConfig& rule) {
  const std::vector<Dimension> known(kTypologyDimensions.begin(), kTypologyDimensions.end());
  std::vector<Dimension> dimensions;
  for (int i = 0; i < rule.per_size(); ++i) {
    const std::string here = element(child(path, "per"), i);
    const auto at = check.word(here, rule.per(i), names_of(known), "what a typology can be about");
    if (!at) continue;
    if (std::find(dimensions.begin(), dimensions.end(), known[*at]) != dimensions.end()) {
      check.problem(here, "'{}' is there twice", rule.per(i));
      continue;
    }
    dimensions.push_back(known[*at]);
  }
  if (dimensions.empty()) dimensions.push_back(Dimension::kRegion);
  return dimensions;
}

}  // namespace

bool is_country(Dimension dimension) { return dimension <= Dimension::kTo; }
bool is_party(Dimension dimension) {
  return dimension >= Dimension::kSellerId && dimension <= Dimension::kParty;
}

std::optional<Condition> check_condition(const Checker& check, const std::string& path,
                                         const v1::Condition& given,
                                         const std::vector<Dimension>& allowed,
                                         std::string_view whose, const ReferenceTables& tables) {
  if (!check.has(child(path, "field"))) {
    check.missing(path, "field", fmt::format("name one of {}", enumerate(names_of(allowed))));
    return std::nullopt;
  }
  const auto field = check_dimension(check, child(path, "field"), given.field(), allowed, whose);
  if (given.in_size() == 0 && given.not_in_size() == 0) {
    check.missing(path, "in", "list the values to take in 'in', or those to leave out in 'not_in'");
  }
  if (!field) return std::nullopt;
  Condition condition;
  condition.field = *field;
  check_values(check, child(path, "in"), given.in(), *field, tables, &condition.in);
  check_values(check, child(path, "not_in"), given.not_in(), *field, tables, &condition.not_in);
  for (const std::string& value : condition.not_in) {
    if (std::find(condition.in.begin(), condition.in.end(), value) != condition.in.end()) {
      check.problem(child(path, "not_in"), "'{}' is in both 'in' and 'not_in'", value);
    }
  }
  return condition;
}

void check_series(const Checker& check, const v1::Config& given, Config* config,
                  std::vector<bool>* sound) {
  for (int i = 0; i < given.series_size(); ++i) {
    const std::string path = element("series", i);
    const std::size_t problems_before = check.problems.count();
    Series series = check_one(check, path, given.series(i), *config->reference);
    for (int j = 0; j < i; ++j) {
      if (given.series(j).name() != series.name || series.name.empty()) continue;
      check.problem(child(path, "name"), "'{}' is already the name of series[{}]", series.name, j);
      break;
    }
    sound->push_back(check.problems.count() == problems_before && !check.positions.damaged(path));
    series.at = check.positions.value(path);
    config->series.push_back(std::move(series));
  }
}

void check_own_series(const Checker& check, const v1::Config& given, RuleSpecs specs,
                      Config* config, std::vector<bool>* sound) {
  for (int i = 0; i < given.rules_size(); ++i) {
    const v1::RuleConfig& rule = given.rules(i);
    const auto found = std::find_if(specs.begin(), specs.end(), [&](const RuleSpec* one) {
      return one->name == rule.type() && one->has_own_series();
    });
    if (found == specs.end() || rule.name().empty()) continue;
    const RuleSpec& spec = **found;
    const std::string path = element("rules", i);
    const auto same = std::find_if(config->series.begin(), config->series.end(),
                                   [&](const Series& one) { return one.name == rule.name(); });
    if (same != config->series.end()) {
      if (same->event != Topic::kOrders && same->event != Topic::kRules) {
        check.problem(child(path, "name"),
                      "'{}' is the name of a series, and what a rule of type {} {} is a series of "
                      "the rule's name: choose another",
                      rule.name(), rule.type(), spec.weighs_findings ? "weighs" : "finds");
      }
      continue;  // two rules of one name are told of where rules are checked
    }
    Series series;
    series.name = rule.name();
    if (spec.weighs_findings) {
      series.event = Topic::kRules;
      series.group_by = check_typology_per(check, path, rule);
      series.group_by.push_back(Dimension::kFoundBy);
      series.measures = {Measure::kDocuments};
    } else {
      series.event = Topic::kOrders;
      series.group_by.assign(kFindingDimensions.begin(), kFindingDimensions.end());
      series.measures = {Measure::kDocuments, Measure::kUnits, Measure::kChips};
    }
    check.duration_into(child(path, "pane"), rule.pane(), kShortestPane, kLongestPane,
                        &series.pane_length);
    series.at = check.positions.value(path);
    config->series.push_back(std::move(series));
    sound->push_back(!check.positions.damaged(child(path, "pane")));
  }
}

}  // namespace surgewatch::config
