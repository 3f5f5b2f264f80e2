// The checks of one rule: who it is and what it watches (check_rules.cc), and at which figures it
// fires and ends (check_figures.cc).
//
// Threads: one.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/checks.h"
#include "config/rule_spec.h"

namespace surgewatch::config {

template <typename Named>
std::vector<std::string> names_of(const std::vector<Named>& all) {
  std::vector<std::string> names;
  for (const Named& one : all) names.emplace_back(one.name);
  return names;
}

// Checks one rule; what it can't do without a sound series or type is left out.
class RuleCheck {
 public:
  RuleCheck(const Checker& check, std::string path, const v1::RuleConfig& given,
            const Config& config, const std::vector<bool>& sound, RuleSpecs specs)
      : check_(check),
        path_(std::move(path)),
        given_(given),
        config_(config),
        sound_(sound),
        specs_(specs) {}

  Rule run() {
    check_.name(path_, given_.name());
    rule_.name = given_.name();
    check_type();
    if (spec_ != nullptr && spec_->has_own_series()) {
      take_own_series();
    } else {
      check_series_name();
    }
    check_severity_and_mode();
    check_runbook();
    if (series_ != nullptr) {
      if (weighs()) {
        take_measure_of_findings();
        take_per_of_typology();
      } else {
        if (!finds()) check_measure();
        check_per();
      }
      check_where();
    }
    check_window();
    if (spec_ != nullptr) {
      check_parameters();
      check_thresholds();
    }
    return std::move(rule_);
  }

 private:
  std::string at(std::string_view field) const { return child(path_, field); }
  bool given(std::string_view field) const { return check_.has(at(field)); }
  bool readable(std::string_view field) const { return check_.readable(at(field)); }

  // Looks into orders: what it finds is a series of its own.
  bool finds() const { return spec_ != nullptr && spec_->finder != nullptr; }
  // Adds up what other rules find.
  bool weighs() const { return spec_ != nullptr && spec_->weighs_findings; }

  void check_type();
  void check_series_name();
  void take_own_series();
  void check_line_of_findings();
  void check_measure();
  void check_per();
  void take_measure_of_findings();
  void take_per_of_typology();
  void check_where();
  void check_window();
  void take_window_of_type();
  void check_severity_and_mode();
  void check_runbook();

  void check_parameters();
  void refuse_others();
  void check_reference();
  void check_learning();
  void check_against();
  void check_against_own(const std::string& path, Dimension dimension);

  void check_thresholds();
  Thresholds read_thresholds(std::string_view field, const v1::Thresholds& given);
  void check_clear_at();

  std::optional<std::size_t> find_series(const std::string& path, const std::string& name);
  std::optional<std::int64_t> panes(std::string_view field, const std::string& text);
  std::string series_label() const { return fmt::format("series '{}'", series_->name); }
  std::vector<std::string> group_by_names(const Series& series) const;

  const Checker& check_;
  const std::string path_;
  const v1::RuleConfig& given_;
  const Config& config_;
  const std::vector<bool>& sound_;
  const RuleSpecs specs_;

  Rule rule_;
  const RuleSpec* spec_ = nullptr;  // null: not known
  const Series* series_ = nullptr;  // null: not known, or not sound
  bool window_known_ = false;
};

}  // namespace surgewatch::config
