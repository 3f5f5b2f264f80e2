#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/status.h"
#include "config/rule_check.h"

namespace surgewatch::config {

void RuleCheck::check_type() {
  std::vector<std::string> built;
  for (const RuleSpec* spec : specs_) {
    built.emplace_back(spec->name);
    if (spec->name == given_.type()) spec_ = spec;
  }
  if (spec_ != nullptr) {
    rule_.type = spec_;
    return;
  }
  if (!given("type")) {
    check_.missing(path_, "type", fmt::format("write one of {}", enumerate(built)));
    return;
  }
  const std::vector<std::string> all = rule_type_names_of_schema();
  if (std::ranges::find(all, given_.type()) != all.end()) {
    check_.problem(at("type"), "rule type '{}' is not in this version; it has {}", given_.type(),
                   enumerate(built));
  } else {
    check_.word(at("type"), given_.type(), all, "a rule type");
  }
}

std::optional<std::size_t> RuleCheck::find_series(const std::string& path,
                                                  const std::string& name) {
  std::vector<std::string> names;
  for (const Series& series : config_.series) names.push_back(series.name);
  if (names.empty()) {
    check_.problem(path, "'{}' is not a series; there are none", name);
    return std::nullopt;
  }
  const auto index = check_.word(path, name, names, "a series");
  if (index && config_.series[*index].event == Topic::kRules) {
    check_.problem(path,
                   "'{}' is a typology, which no rule can watch as a series; another typology can "
                   "weigh it, by its findings",
                   name);
    return std::nullopt;
  }
  return index;
}

void RuleCheck::check_series_name() {
  if (!given("series")) {
    check_.missing(path_, "series", "name the series to watch");
    return;
  }
  const auto index = find_series(at("series"), given_.series());
  if (!index) return;
  rule_.series = *index;
  if (sound_[*index]) series_ = &config_.series[*index];
}

void RuleCheck::take_own_series() {
  if (given("series")) {
    check_.problem_at_key(at("series"),
                          "{} takes no series: it {}, and what it finds is a series of the rule's "
                          "name",
                          spec_->name,
                          finds() ? "looks into orders" : "adds up what other rules find");
  }
  const Topic own = finds() ? Topic::kOrders : Topic::kRules;
  for (std::size_t i = 0; i < config_.series.size(); ++i) {
    const Topic event = config_.series[i].event;
    if (config_.series[i].name != given_.name() || event != own) continue;
    rule_.series = i;
    if (sound_[i]) series_ = &config_.series[i];
  }
}

std::vector<std::string> RuleCheck::group_by_names(const Series& series) const {
  std::vector<std::string> names;
  for (const Dimension dimension : series.group_by) names.emplace_back(dimension_name(dimension));
  return names;
}

void RuleCheck::check_measure() {
  std::vector<std::string> names;
  for (const Measure measure : series_->measures) {
    names.emplace_back(measure_name(*series_, measure));
  }
  if (!given("measure")) {
    check_.missing(path_, "measure", fmt::format("{} has {}", series_label(), enumerate(names)));
    return;
  }
  const auto index = check_.word(at("measure"), given_.measure(), names,
                                 fmt::format("a measure of {}", series_label()));
  if (index) rule_.measure = series_->measures[*index];
}

void RuleCheck::check_per() {
  const std::vector<std::string> names = group_by_names(*series_);
  for (int i = 0; i < given_.per_size(); ++i) {
    const std::string here = element(at("per"), i);
    const auto position = check_.word(here, given_.per(i), names,
                                      fmt::format("in the group_by of {}", series_label()));
    if (!position) continue;
    if (std::find(rule_.per.begin(), rule_.per.end(), *position) != rule_.per.end()) {
      check_.problem(here, "'{}' is there twice", given_.per(i));
      continue;
    }
    rule_.per.push_back(*position);
  }
}

void RuleCheck::take_measure_of_findings() {
  rule_.measure = Measure::kDocuments;
  if (!given("measure")) return;
  check_.word(at("measure"), given_.measure(), {std::string(measure_name(*series_, rule_.measure))},
              "what a typology counts");
}

// All of its series but who found it; checked where that series was made.
void RuleCheck::take_per_of_typology() {
  rule_.parts = series_->group_by.size() - 1;
  for (std::size_t i = 0; i < *rule_.parts; ++i) rule_.per.push_back(i);
}

void RuleCheck::check_where() {
  for (int i = 0; i < given_.where_size(); ++i) {
    auto condition =
        check_condition(check_, element(at("where"), i), given_.where(i), series_->group_by,
                        fmt::format("the group_by of {}", series_label()), *config_.reference);
    if (!condition) continue;
    const auto found =
        std::find(series_->group_by.begin(), series_->group_by.end(), condition->field);
    rule_.where.push_back(
        {static_cast<std::size_t>(found - series_->group_by.begin()), *std::move(condition)});
  }
}

// The span in panes of the series; nullopt with a problem if it is none.
std::optional<std::int64_t> RuleCheck::panes(std::string_view field, const std::string& text) {
  const auto span = check_.duration(at(field), text, 1, kLongest);
  if (!span || series_ == nullptr) return std::nullopt;
  if (*span % series_->pane_length != 0) {
    check_.problem(at(field), "{} is not a multiple of the pane of {}, {}", text, series_label(),
                   format_duration(series_->pane_length));
    return std::nullopt;
  }
  const std::int64_t count = *span / series_->pane_length;
  if (count > kMaxPanesPerRule) {
    check_.problem(at(field), "{} has {} panes of {}; at most {} are allowed: take longer panes",
                   text, count, format_duration(series_->pane_length), kMaxPanesPerRule);
    return std::nullopt;
  }
  return count;
}

void RuleCheck::check_window() {
  if (!given("window")) {
    if (spec_ != nullptr && !spec_->window.empty()) return take_window_of_type();
    check_.missing(path_, "window", "give a multiple of the series' pane, such as 7d");
    return;
  }
  if (!readable("window")) return;
  if (const auto count = panes("window", given_.window())) {
    rule_.window_panes = *count;
    window_known_ = true;
  }
}

void RuleCheck::take_window_of_type() {
  const auto span = parse_duration(spec_->window);
  SW_CHECK(span.ok());
  if (series_ == nullptr) return;
  if (*span % series_->pane_length != 0 || *span / series_->pane_length > kMaxPanesPerRule) {
    check_.missing(path_, "window",
                   fmt::format("{} takes {} where none is given, which panes of {}, {}, do not fit",
                               spec_->name, spec_->window, series_label(),
                               format_duration(series_->pane_length)));
    return;
  }
  rule_.window_panes = *span / series_->pane_length;
  window_known_ = true;
}

void RuleCheck::check_severity_and_mode() {
  if (given("severity")) {
    const auto severity = check_.word(at("severity"), given_.severity(),
                                      {"info", "warning", "critical"}, "a severity");
    if (severity) rule_.severity = static_cast<Severity>(*severity);
  }
  if (given("mode")) {
    const auto mode = check_.word(at("mode"), given_.mode(), {"live", "shadow"}, "a mode");
    rule_.shadow = mode == 1;
  }
}

void RuleCheck::check_runbook() {
  constexpr std::size_t kMaxUrlBytes = 2'048;
  if (!readable("runbook_url")) return;
  rule_.runbook_url = given_.runbook_url();
  // The page makes a link of it; nothing but the web may be behind a link.
  const bool web =
      rule_.runbook_url.starts_with("https://") || rule_.runbook_url.starts_with("http://");
  const bool printable = std::all_of(rule_.runbook_url.begin(), rule_.runbook_url.end(),
                                     [](char c) { return c > ' ' && c < '\x7f'; });
  if (!web || !printable || rule_.runbook_url.size() > kMaxUrlBytes) {
    check_.problem(at("runbook_url"),
                   "must start with https:// or http:// and be a URL of at most {} bytes",
                   kMaxUrlBytes);
  }
}

// What other types take, and this one doesn't.
void RuleCheck::refuse_others() {
  std::vector<std::string_view> refused;
  for (const RuleSpec* other : specs_) {
    for (const Parameter& parameter : other->parameters) {
      if (!given(parameter.name) || spec_->parameter(parameter.name) != nullptr) continue;
      if (std::ranges::find(refused, parameter.name) != refused.end()) continue;
      refused.push_back(parameter.name);
      std::vector<std::string> takes = names_of(spec_->parameters);
      takes.insert(takes.end(), {"fire_at", "clear_at", "clear_after"});
      check_.problem_at_key(at(parameter.name), "{} does not take '{}'; it takes {}", spec_->name,
                            parameter.name, enumerate(takes));
    }
  }
}

void RuleCheck::check_parameters() {
  refuse_others();
  if (!spec_->per_because.empty() && given_.per_size() == 0) {
    check_.missing(path_, "per", spec_->per_because);
  }
  if (finds()) {
    config::check_orders(check_, path_, given_, *spec_, *config_.reference, &rule_);
  }
  if (spec_->parameter("against") != nullptr) check_against();
  if (spec_->assumes) check_flows(check_, path_, given_, *spec_, config_, series_, &rule_);
  if (spec_->parameter("reference") == nullptr) {
    if (spec_->learns()) check_learning();
    return;
  }
  if (!spec_->learns()) {
    if (!given("reference")) {
      check_.missing(
          path_, "reference",
          fmt::format("{} compares with {{start: 2023-05-01, end: 2023-07-31}}", spec_->name));
    }
    return check_reference();
  }
  if (!given("reference")) return check_learning();
  for (const Parameter& parameter : spec_->parameters) {
    if (parameter.name == "reference" || !given(parameter.name)) continue;
    check_.problem_at_key(at(parameter.name), "{} takes either 'reference' or '{}'", spec_->name,
                          parameter.name);
  }
  check_reference();
}

void RuleCheck::check_reference() {
  if (!readable("reference")) return;
  const std::string reference = at("reference");
  std::array<std::optional<Micros>, 2> borders;
  const std::array<std::pair<std::string_view, const std::string*>, 2> fields{
      {{"start", &given_.reference().start()}, {"end", &given_.reference().end()}}};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& [field, text] = fields[i];
    const std::string here = child(reference, field);
    if (!check_.has(here)) {
      check_.missing(reference, field, "write it as 2023-05-01; the end is the day after the last");
      continue;
    }
    const auto date = parse_date(*text);
    if (!date.ok()) {
      check_.problem(here, "{}", message_of(date.status()));
      continue;
    }
    borders[i] = *date;
    if (series_ == nullptr || *date % series_->pane_length == 0) continue;
    const Micros before = pane_of(*date, series_->pane_length) * series_->pane_length;
    check_.problem(here, "{} is not on a border between panes of {}; the nearest are {} and {}",
                   *text, format_duration(series_->pane_length), format_time(before),
                   format_time(before + series_->pane_length));
  }
  if (!borders[0] || !borders[1]) return;
  if (*borders[0] >= *borders[1]) {
    check_.problem(child(reference, "end"), "{} is not after the start, {}",
                   given_.reference().end(), given_.reference().start());
    return;
  }
  rule_.reference = Period{*borders[0], *borders[1]};
  if (series_ != nullptr && (*borders[1] - *borders[0]) / series_->pane_length > kMaxPanesPerRule) {
    check_.problem(reference, "has more than {} panes of {}: take longer panes", kMaxPanesPerRule,
                   format_duration(series_->pane_length));
  }
}

void RuleCheck::check_learning() {
  config::check_learning(check_, path_, given_, *spec_, window_known_ ? series_ : nullptr, &rule_);
}

void RuleCheck::check_against() {
  if (series_ != nullptr) {
    const bool one_country = rule_.per.size() == 1 && is_country(series_->group_by[rule_.per[0]]);
    if (!one_country && static_cast<std::size_t>(given_.per_size()) == rule_.per.size()) {
      check_.problem(
          at("per"),
          "{} compares by country: name exactly one country dimension, such as [bill_to]",
          spec_->name);
    }
  }
  const std::string against = at("against");
  if (!given("against")) {
    check_.missing(path_, "against",
                   "say what to compare with: {series: shipped, dimension: ship_to}");
    return;
  }
  if (check_.positions.damaged(against)) return;
  const std::string dimension_path = child(against, "dimension");
  const bool has_series = check_.has(child(against, "series"));
  const bool has_dimension = check_.has(dimension_path);
  if (!has_series) check_.missing(against, "series", "name the series to compare with");
  if (!has_dimension)
    check_.missing(against, "dimension", "name a country dimension of that series");
  if (!has_series || !has_dimension) return;
  const auto index = find_series(child(against, "series"), given_.against().series());
  if (!index || !sound_[*index]) return;
  const Series& other = config_.series[*index];
  rule_.against_series = *index;
  const auto position =
      check_.word(dimension_path, given_.against().dimension(), group_by_names(other),
                  fmt::format("in the group_by of series '{}'", other.name));
  if (!position) return;
  rule_.against_position = *position;
  const Dimension dimension = other.group_by[*position];
  if (!is_country(dimension)) {
    check_.problem(dimension_path, "'{}' is not a country dimension", dimension_name(dimension));
  }
  if (series_ == nullptr) return;
  if (&other == series_) return check_against_own(dimension_path, dimension);
  if (other.pane_length != series_->pane_length) {
    check_.problem(child(against, "series"), "the panes of series '{}' are {} long, those of {} {}",
                   other.name, format_duration(other.pane_length), series_label(),
                   format_duration(series_->pane_length));
  }
  if (std::find(other.measures.begin(), other.measures.end(), rule_.measure) ==
      other.measures.end()) {
    check_.problem(child(against, "series"), "series '{}' has no measure '{}'", other.name,
                   measure_name(*series_, rule_.measure));
  }
}

void RuleCheck::check_against_own(const std::string& path, Dimension dimension) {
  if (rule_.per.size() == 1 && series_->group_by[rule_.per[0]] == dimension) {
    check_.problem(path,
                   "'{}' is what the rule is per; within one series, compare with another "
                   "dimension",
                   dimension_name(dimension));
  }
}

void check_rules(const Checker& check, const v1::Config& given, const std::vector<bool>& sound,
                 RuleSpecs specs, Config* config) {
  for (int i = 0; i < given.rules_size(); ++i) {
    const std::string path = element("rules", i);
    Rule rule = RuleCheck(check, path, given.rules(i), *config, sound, specs).run();
    for (int j = 0; j < i; ++j) {
      if (given.rules(j).name() != rule.name || rule.name.empty()) continue;
      check.problem(child(path, "name"), "'{}' is already the name of rules[{}]", rule.name, j);
      break;
    }
    rule.at = check.positions.value(path);
    if (rule.type != nullptr && rule.type->finder != nullptr &&
        config->series[rule.series].event == Topic::kOrders) {
      Series& found = config->series[rule.series];
      found.found_by = found_by(rule);
      found.definition = definition_of(found);
    }
    config->rules.push_back(std::move(rule));
  }
}

}  // namespace surgewatch::config
