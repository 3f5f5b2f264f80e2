// The checks of rules that compare flows: of each parameter that their type declares.
#include <algorithm>
#include <variant>

#include "config/checks.h"
#include "config/rule_spec.h"

namespace surgewatch::config {
namespace {

constexpr int kMaxOrigins = 64;
// The floor of money where none is given, in dollars; Assumptions has that of counts.
constexpr double kFloorOfMoney = 1e6;

class FlowCheck {
 public:
  FlowCheck(const Checker& check, const std::string& path, const v1::RuleConfig& given,
            const RuleSpec& spec, const Config& config, const Series* series, Rule* rule)
      : check_(check),
        path_(path),
        given_(given),
        spec_(spec),
        config_(config),
        series_(series),
        rule_(*rule),
        assumed_(*spec.assumes) {}

  void run() {
    for (const Parameter& parameter : spec_.parameters) take(parameter);
    check_load(check_.has(at("kw_per_chip_low")) ? "kw_per_chip_low" : "kw_per_chip_high");
    check_floor();
    if (spec_.parameter("origins") != nullptr) check_origins();
    if (series_ != nullptr) {
      if (spec_.by_country) check_country();
      if (!spec_.parts_parameter.empty()) check_parts();
      if (spec_.reads_capacities) check_chips();
      check_reach();
    }
    rule_.assumed = assumed_;
  }

 private:
  std::string at(std::string_view field) const { return child(path_, field); }
  bool readable(std::string_view field) const { return check_.readable(at(field)); }
  const google::protobuf::FieldDescriptor& field_of(std::string_view name) const {
    return *given_.GetDescriptor()->FindFieldByName(std::string(name));
  }
  std::string series_label() const { return fmt::format("series '{}'", series_->name); }
  Dimension subject() const { return series_->group_by[rule_.per[0]]; }

  void take(const Parameter& parameter) {
    if (!readable(parameter.name)) return;
    const std::string here = at(parameter.name);
    const google::protobuf::Reflection& given = *given_.GetReflection();
    const google::protobuf::FieldDescriptor& field = field_of(parameter.name);
    if (const auto* word = std::get_if<AssumedWord>(&parameter.kind)) {
      const auto index =
          check_.word(here, given.GetString(given_, &field), word->words, word->what);
      if (index) word->take(*index, &assumed_);
      if (!index && parameter.name == "basis") basis_is_known_ = false;
    } else if (const auto* whole = std::get_if<AssumedWholeNumber>(&parameter.kind)) {
      const std::int64_t value = given.GetInt32(given_, &field);
      if (check_.in_range(here, value, whole->range.low, whole->range.high)) {
        assumed_.*whole->into = value;
      }
    } else if (const auto* number = std::get_if<AssumedNumber>(&parameter.kind)) {
      const double value = given.GetDouble(given_, &field);
      if (number->range.holds(value)) {
        assumed_.*number->into = value;
      } else {
        check_.problem(here, "{} is not within {} to {}", value, number->range.low,
                       number->range.high);
      }
    }
  }

  void check_load(std::string_view field) {
    if (assumed_.kw_per_chip_low <= assumed_.kw_per_chip_high) return;
    check_.problem(at(field),
                   "kw_per_chip_low, {}, is above kw_per_chip_high, {}: give the less of the two "
                   "as the low one",
                   assumed_.kw_per_chip_low, assumed_.kw_per_chip_high);
  }

  void check_floor() {
    const bool dollars = rule_.measure == Measure::kRevenueUsd;
    if (dollars && !check_.has(at("floor"))) assumed_.floor = kFloorOfMoney;
    if (dollars) assumed_.floor *= static_cast<double>(kMicrosPerDollar);
  }

  void check_origins() {
    if (given_.origins_size() > kMaxOrigins) {
      check_.problem(at("origins"), "has {} countries; at most {} are allowed",
                     given_.origins_size(), kMaxOrigins);
      return;
    }
    std::vector<std::string>& origins = rule_.origins;
    for (int i = 0; i < given_.origins_size(); ++i) {
      const std::string& country = given_.origins(i);
      const std::string here = element(at("origins"), i);
      if (country == "ZZ" || !config_.reference->countries.known(country)) {
        if (check_.positions.damaged(here)) continue;
        check_.problem(here,
                       "'{}' is not a country; write two capital letters of ISO 3166-1 such as US",
                       country);
      } else if (std::ranges::find(origins, country) != origins.end()) {
        check_.problem(here, "'{}' is there twice", country);
      } else {
        origins.push_back(country);
      }
    }
    if (given_.origins_size() == 0 && !check_.positions.damaged(at("origins"))) {
      origins = {"TW", "US"};
    }
    std::ranges::sort(origins);
  }

  void check_country() {
    const bool one_country = rule_.per.size() == 1 && is_country(subject());
    // None, and one that could not be read, have been told of already.
    const bool is_told =
        given_.per_size() == 0 || static_cast<std::size_t>(given_.per_size()) != rule_.per.size();
    if (one_country || is_told) return;
    check_.problem(at("per"),
                   "{} speaks of countries: name exactly one country dimension, such as [ship_to]",
                   spec_.name);
  }

  void check_parts() {
    const std::string_view parameter = spec_.parts_parameter;
    std::vector<std::string> names;
    for (const Dimension dimension : series_->group_by) {
      names.emplace_back(dimension_name(dimension));
    }
    std::string name(spec_.parts_fallback);
    if (check_.has(at(parameter))) {
      if (!readable(parameter)) return;
      name = given_.GetReflection()->GetString(given_, &field_of(parameter));
    } else if (std::ranges::find(names, name) == names.end()) {
      check_.missing(path_, parameter,
                     fmt::format("name a dimension of the group_by of {}, {}", series_label(),
                                 enumerate(names)));
      return;
    }
    const auto position = check_.word(at(parameter), name, names,
                                      fmt::format("in the group_by of {}", series_label()));
    if (!position) return;
    if (std::ranges::find(rule_.per, *position) != rule_.per.end()) {
      check_.problem(at(parameter), "'{}' is what the rule is per: each subject has one only",
                     name);
    } else if (spec_.by_country && !is_country(series_->group_by[*position])) {
      check_.problem(at(parameter), "'{}' is not a country dimension", name);
    } else {
      rule_.parts = *position;
    }
  }

  // On the basis of bills a country that invoices for others looks as if it ran what it pays for.
  void check_chips() {
    if (rule_.measure != Measure::kChips && check_.has(at("measure"))) {
      check_.problem(at("measure"), "{} takes chips: what they need is known by the chip",
                     spec_.name);
    }
    if (rule_.per.size() != 1 || !is_country(subject())) return;
    if (!basis_is_known_) return;
    const bool shipped = series_->event == Topic::kShipments &&
                         (subject() == Dimension::kShipTo || subject() == Dimension::kEndUser);
    if (shipped == (assumed_.basis == Basis::kShipped)) return;
    const std::string what = fmt::format(
        "{} is of {} by {}", series_label(),
        series_->event == Topic::kShipments ? "shipments" : "invoices", dimension_name(subject()));
    if (shipped) {
      check_.problem(at("basis"), "{}, which is the basis 'shipped'", what);
    } else {
      const std::string_view advice =
          "take a series of shipments by ship_to or end_user, or insist with basis: billed";
      if (check_.has(at("basis"))) {
        check_.problem(at("basis"), "{}, which says not where the goods are: {}", what, advice);
      } else {
        check_.problem(at("per"), "{}, which says not where the goods are: {}", what, advice);
      }
    }
  }

  void check_reach() {
    const std::int64_t panes = rule_.window_panes * (1 + assumed_.changes_over);
    if (panes <= kMaxPanesPerRule) return;
    check_.problem(check_.has(at("changes_over")) ? at("changes_over") : path_,
                   "looks back {} panes; at most {} are allowed: take longer panes", panes,
                   kMaxPanesPerRule);
  }

  const Checker& check_;
  const std::string& path_;
  const v1::RuleConfig& given_;
  const RuleSpec& spec_;
  const Config& config_;
  const Series* series_;  // null: not known, or not sound
  Rule& rule_;
  Assumptions assumed_;
  bool basis_is_known_ = true;
};

}  // namespace

void check_flows(const Checker& check, const std::string& path, const v1::RuleConfig& given,
                 const RuleSpec& spec, const Config& config, const Series* series, Rule* rule) {
  FlowCheck(check, path, given, spec, config, series, rule).run();
}

}  // namespace surgewatch::config
