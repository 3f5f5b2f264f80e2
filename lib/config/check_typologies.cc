// What a typology weighs. Its rules may stand anywhere in the file, so this comes behind all rules.
#include <algorithm>

#include "config/checks.h"
#include "config/rule_spec.h"

namespace surgewatch::config {
namespace {

constexpr double kMaxWeight = 1'000;
constexpr int kMaxFindings = 64;

// Whose values can be those of a typology's subject.
enum class Kind : std::uint8_t { kCountry, kParty, kOther };
Kind kind_of(Dimension dimension) {
  if (is_country(dimension)) return Kind::kCountry;
  return is_party(dimension) ? Kind::kParty : Kind::kOther;
}

const std::vector<std::size_t>& finest(const Rule& rule) {
  return rule.rollup.empty() ? rule.per : rule.rollup.back();
}

class TypologyCheck {
 public:
  TypologyCheck(const Checker& check, std::string path, const v1::RuleConfig& given,
                const Config& config, const Rule& rule)
      : check_(check), path_(std::move(path)), given_(given), config_(config), rule_(rule) {}

  Typology run() {
    const std::string findings = child(path_, "findings");
    if (given_.findings_size() == 0) {
      check_.missing(path_, "findings", "name the rules that count: [{rule: NAME, weight: 2}]");
      is_complete_ = false;
    } else if (given_.findings_size() > kMaxFindings) {
      check_.problem(findings, "has {} rules; at most {} are allowed", given_.findings_size(),
                     kMaxFindings);
    }
    for (int i = 0; i < given_.findings_size(); ++i) {
      check_finding(element(findings, i), given_.findings(i));
    }
    check_lines();
    return std::move(typology_);
  }

 private:
  void check_finding(const std::string& here, const v1::WeighedFinding& given) {
    WeighedFinding finding;
    if (given.has_weight()) {
      finding.weight = given.weight();
      if (!(given.weight() > 0) || given.weight() > kMaxWeight) {
        check_.problem(child(here, "weight"), "{} is not above 0 and at most {}", given.weight(),
                       kMaxWeight);
      }
    }
    if (!check_.has(child(here, "rule"))) {
      check_.missing(here, "rule", "name a rule");
      is_complete_ = false;
      return;
    }
    std::vector<std::string> names;
    for (const Rule& rule : config_.rules) names.push_back(rule.name);
    const auto index = check_.word(child(here, "rule"), given.rule(), names, "a rule");
    if (!index) {
      is_complete_ = false;
      return;
    }
    const Rule& weighed = config_.rules[*index];
    finding.rule = *index;
    finding.name = weighed.name;
    if (std::ranges::find(typology_.findings, *index, &WeighedFinding::rule) !=
        typology_.findings.end()) {
      check_.problem(child(here, "rule"), "'{}' is there twice", given.rule());
      return;
    }
    if (weighed.shadow && !rule_.shadow) {
      check_.problem(child(here, "rule"),
                     "'{}' is in shadow and pages nobody, so it can't count for a page: set "
                     "mode: shadow here too, or take it out of the shadow",
                     given.rule());
    }
    if (weighed.type == nullptr) return;  // which has been told of
    finding.type = std::string(weighed.type->name);
    check_by(here, given, weighed, &finding);
    typology_.findings.push_back(std::move(finding));
  }

  // Which of the rule's dimensions have the values of the subject.
  void check_by(const std::string& here, const v1::WeighedFinding& given, const Rule& weighed,
                WeighedFinding* finding) {
    const Series& series = config_.series[weighed.series];
    std::vector<std::string> names;
    for (const std::size_t position : finest(weighed)) {
      names.emplace_back(dimension_name(series.group_by[position]));
    }
    const std::vector<Dimension> subject = dimensions_of_subject();
    if (given.by_size() == 0) {
      for (const std::size_t position : finest(weighed)) {
        const Kind kind = kind_of(series.group_by[position]);
        if (std::ranges::find(subject, kind, kind_of) != subject.end()) {
          finding->by.push_back(position);
        }
      }
      if (finding->by.size() == subject.size()) return;
      check_.missing(here, "by",
                     fmt::format("say which of the dimensions of '{}' {} {}: {}", weighed.name,
                                 subject.size() == 1 ? "is" : "are", subject_text(),
                                 names.empty() ? "it has none" : enumerate(names)));
      return;
    }
    const std::string by = child(here, "by");
    if (static_cast<std::size_t>(given.by_size()) != subject.size()) {
      check_.problem(by, "names {} dimensions, and the typology is per {}", given.by_size(),
                     subject_text());
      return;
    }
    for (int i = 0; i < given.by_size(); ++i) {
      const auto at = check_.word(element(by, i), given.by(i), names,
                                  fmt::format("what rule '{}' is per", weighed.name));
      if (!at) continue;
      const std::size_t position = finest(weighed)[*at];
      const Dimension of = subject[static_cast<std::size_t>(i)];
      if (kind_of(series.group_by[position]) != kind_of(of)) {
        check_.problem(element(by, i), "'{}' has no values of {}", given.by(i), dimension_name(of));
      }
      finding->by.push_back(position);
    }
  }

  std::vector<Dimension> dimensions_of_subject() const {
    std::vector<Dimension> dimensions;
    for (const std::size_t position : rule_.per) {
      dimensions.push_back(config_.series[rule_.series].group_by[position]);
    }
    return dimensions;
  }
  std::string subject_text() const {
    std::vector<std::string> names;
    for (const Dimension dimension : dimensions_of_subject()) {
      names.emplace_back(dimension_name(dimension));
    }
    return fmt::format("{}", fmt::join(names, " and "));
  }

  void check_lines() {
    const std::string page_at = child(path_, "page_at");
    double most = 0;
    for (const WeighedFinding& finding : typology_.findings) most += finding.weight;
    const double line = rule_.fire_at.score.value_or(0);
    if (is_complete_ && check_.readable(child(path_, "fire_at")) && most < line) {
      check_.problem(child(path_, "fire_at"),
                     "can't be reached: the weights add up to {}, and the line is {}", most, line);
    }
    if (!check_.has(child(page_at, "score"))) {
      if (check_.positions.damaged(page_at)) return;
      check_.missing(path_, "page_at", "say from which score on it pages: {score: 5}");
      return;
    }
    typology_.page_at = given_.page_at().score();
    if (!check_.readable(child(page_at, "score"))) return;
    if (typology_.page_at < line) {
      check_.problem(child(page_at, "score"), "{} is below fire_at.score, {}: what pages alerts",
                     typology_.page_at, line);
    } else if (is_complete_ && most < typology_.page_at) {
      check_.problem(child(page_at, "score"),
                     "can't be reached: the weights add up to {}, and the line is {}", most,
                     typology_.page_at);
    }
  }

  const Checker& check_;
  const std::string path_;
  const v1::RuleConfig& given_;
  const Config& config_;
  const Rule& rule_;
  Typology typology_;
  bool is_complete_ = true;  // each rule is known
};

// Each typology behind those that it weighs; none that weighs itself.
class Order {
 public:
  Order(const Checker& check, const Config& config)
      : check_(check), config_(config), states_(config.rules.size()) {}

  std::vector<std::size_t> run() {
    for (std::size_t i = 0; i < config_.rules.size(); ++i) visit(i);
    return std::move(order_);
  }

 private:
  enum class State : std::uint8_t { kNew, kOnTheWay, kDone };

  void visit(std::size_t index) {
    const Rule& rule = config_.rules[index];
    if (!rule.typology || states_[index] != State::kNew) return;
    states_[index] = State::kOnTheWay;
    way_.push_back(index);
    const auto& findings = rule.typology->findings;
    for (const WeighedFinding& finding : findings) {
      if (states_[finding.rule] == State::kOnTheWay) {
        tell_cycle(finding.rule);
      } else {
        visit(finding.rule);
      }
    }
    way_.pop_back();
    states_[index] = State::kDone;
    order_.push_back(index);
  }

  void tell_cycle(std::size_t back_to) {
    std::string text = fmt::format("'{}'", config_.rules[back_to].name);
    for (auto at = std::ranges::find(way_, back_to); at != way_.end(); ++at) {
      const std::size_t next = at + 1 == way_.end() ? back_to : *(at + 1);
      text += fmt::format(" (line {}) weighs '{}'", config_.rules[*at].at.line,
                          config_.rules[next].name);
      if (next != back_to) text += ", which";
    }
    check_.problem(child(element("rules", static_cast<int>(way_.back())), "findings"),
                   "go round in a circle: {}; take one of them out", text);
  }

  const Checker& check_;
  const Config& config_;
  std::vector<State> states_;
  std::vector<std::size_t> way_, order_;
};

}  // namespace

void check_typologies(const Checker& check, const v1::Config& given, Config* config) {
  for (std::size_t i = 0; i < config->rules.size(); ++i) {
    Rule& rule = config->rules[i];
    if (rule.type == nullptr || !rule.type->weighs_findings) continue;
    const int index = static_cast<int>(i);
    rule.typology =
        TypologyCheck(check, element("rules", index), given.rules(index), *config, rule).run();
  }
  config->typologies = Order(check, *config).run();
}

}  // namespace surgewatch::config
