// At which figures a rule fires, and below which it ends.
#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "config/rule_check.h"

namespace surgewatch::config {
namespace {

constexpr int kMaxClearAfter = 10'000;
// clear_at where it is not given: this part of fire_at, so that a figure that wavers around its
// line does not end an alert and start it anew.
constexpr double kHysteresis = 0.85;

}  // namespace

void RuleCheck::check_thresholds() {
  if (!given("fire_at")) {
    for (const FigureUse& use : spec_->figures) {
      const auto figure = std::ranges::find(kFigures, use.name, &Figure::name);
      if (use.fallback > 0) rule_.fire_at.*figure->member = use.fallback;
    }
    if (spec_->needs_figure || rule_.reference)
      check_.missing(path_, "fire_at",
                     fmt::format("{} needs at least one of {}", spec_->name,
                                 enumerate(names_of(spec_->figures))));
  } else {
    rule_.fire_at = read_thresholds("fire_at", given_.fire_at());
    // One of another type has been told of already.
    const bool any = std::any_of(kFigures.begin(), kFigures.end(), [&](const Figure& figure) {
      return check_.has(child(at("fire_at"), figure.name));
    });
    if (!any && !check_.positions.damaged(at("fire_at"))) {
      check_.problem(at("fire_at"), "{} needs at least one of {}", spec_->name,
                     enumerate(names_of(spec_->figures)));
    }
  }
  if (rule_.fire_at.excess_over_total && given_.per_size() == 0 && rule_.rollup.empty()) {
    check_.problem(child(at("fire_at"), "excess_over_total"),
                   "compares a subject with the whole series: the rule needs 'per'");
  }
  rule_.clear_at = read_thresholds("clear_at", given_.clear_at());
  if (finds() && series_ != nullptr) check_line_of_findings();
  check_clear_at();
  if (readable("clear_after") &&
      check_.in_range(at("clear_after"), given_.clear_after(), 1, kMaxClearAfter)) {
    rule_.clear_after = given_.clear_after();
  }
}

Thresholds RuleCheck::read_thresholds(std::string_view field, const v1::Thresholds& thresholds) {
  Thresholds read;
  const google::protobuf::Descriptor& type = *v1::Thresholds::descriptor();
  for (const Figure& figure : kFigures) {
    const std::string here = child(at(field), figure.name);
    if (!check_.readable(here)) continue;
    if (!spec_->uses_figure(figure.name)) {
      check_.problem_at_key(here, "{} does not use '{}'; it uses {}", spec_->name, figure.name,
                            enumerate(names_of(spec_->figures)));
      continue;
    }
    const double value = thresholds.GetReflection()->GetDouble(
        thresholds, type.FindFieldByName(std::string(figure.name)));
    if (!(value > 0) || value > figure.high) {
      check_.problem(here, "{} is not above 0 and at most {}", value, figure.high);
      continue;
    }
    const bool dollars =
        figure.member == &Thresholds::observed && rule_.measure == Measure::kRevenueUsd;
    read.*figure.member = dollars ? value * static_cast<double>(kMicrosPerDollar) : value;
  }
  return read;
}

void RuleCheck::check_clear_at() {
  const bool any = std::any_of(kFigures.begin(), kFigures.end(), [&](const Figure& figure) {
    return (rule_.clear_at.*figure.member).has_value();
  });
  for (const Figure& figure : kFigures) {
    const auto fire = rule_.fire_at.*figure.member;
    auto& clear = rule_.clear_at.*figure.member;
    if (clear && fire && *clear > *fire) {
      check_.problem(child(at("clear_at"), figure.name),
                     "is above fire_at.{}: the alert would end as it starts", figure.name);
    }
    if (!any && fire && figure.member != &Thresholds::observed) clear = *fire * kHysteresis;
  }
  if (!any && spec_->calm_ratio) {
    rule_.clear_at.ratio =
        std::min(*spec_->calm_ratio, rule_.fire_at.ratio.value_or(*spec_->calm_ratio));
    rule_.clear_at.z.reset();  // how improbable a calm window may be does not depend on the line
  }
  const bool none = std::none_of(kFigures.begin(), kFigures.end(), [&](const Figure& figure) {
    return (rule_.clear_at.*figure.member).has_value();
  });
  // A rule on nothing but `observed` would otherwise end at once: no figure is below nothing.
  if (none && rule_.fire_at.observed)
    rule_.clear_at.observed = *rule_.fire_at.observed * kHysteresis;
}

// The figure of fire_at is what is measured.
void RuleCheck::check_line_of_findings() {
  struct Line {
    std::optional<double> Thresholds::*member;
    Measure measure;
  };
  static constexpr std::array kLines{Line{&Thresholds::orders, Measure::kDocuments},
                                     Line{&Thresholds::units, Measure::kUnits},
                                     Line{&Thresholds::chips, Measure::kChips}};
  const Line* chosen = nullptr;
  for (const Line& line : kLines) {
    if (!(rule_.fire_at.*line.member)) continue;
    if (chosen != nullptr) {
      check_.problem(at("fire_at"),
                     "a rule on findings has one line: orders, units or chips; write a second rule "
                     "for another");
      return;
    }
    chosen = &line;
  }
  if (chosen == nullptr) {
    chosen = &kLines[0];  // none of what is given can be read
  }
  rule_.measure = chosen->measure;
  rule_.fire_at.observed = rule_.fire_at.*chosen->member;
  for (const Line& line : kLines) {
    if (rule_.clear_at.*line.member && line.member != chosen->member) {
      check_.problem(at("clear_at"), "names another figure than fire_at does");
    }
  }
  rule_.clear_at.observed = rule_.clear_at.*chosen->member;
  if (given("measure") && given_.measure() != measure_name(*series_, rule_.measure)) {
    check_.problem(at("measure"), "'{}' is not what fire_at is about, {}", given_.measure(),
                   measure_name(*series_, rule_.measure));
  }
  for (Thresholds* thresholds : {&rule_.fire_at, &rule_.clear_at}) {
    thresholds->orders = thresholds->units = thresholds->chips = std::nullopt;
  }
}

}  // namespace surgewatch::config
