// The checks of rules that learn what is usual: of each parameter that their type declares.
#include <algorithm>
#include <variant>

#include "base/status.h"
#include "config/checks.h"
#include "config/rule_spec.h"

namespace surgewatch::config {
namespace {

constexpr Micros kWeek = 7 * kMicrosPerDay;
constexpr int kMaxAccepted = 1'000;

class LearningCheck {
 public:
  LearningCheck(const Checker& check, const std::string& path, const v1::RuleConfig& given,
                const RuleSpec& spec, const Series* series, Rule* rule)
      : check_(check), path_(path), given_(given), spec_(spec), series_(series), rule_(*rule) {}

  void run() {
    const Micros window = series_ != nullptr ? rule_.window_panes * series_->pane_length : kWeek;
    // Which tests there are decides how they share out the false alarms.
    for (const Parameter& parameter : spec_.parameters) take_word(parameter);
    spec_.defaults(window, &learning_);
    for (const Parameter& parameter : spec_.parameters) take_number(parameter);
    check_baseline();
    check_rollup();
    check_accepted();
    rule_.learning = learning_;
  }

 private:
  std::string at(std::string_view field) const { return child(path_, field); }
  bool readable(std::string_view field) const { return check_.readable(at(field)); }

  const google::protobuf::FieldDescriptor& field_of(const Parameter& parameter) const {
    return *given_.GetDescriptor()->FindFieldByName(std::string(parameter.name));
  }

  void take_word(const Parameter& parameter) {
    const auto* word = std::get_if<Word>(&parameter.kind);
    if (word == nullptr || !readable(parameter.name)) return;
    const std::string text = given_.GetReflection()->GetString(given_, &field_of(parameter));
    const auto index = check_.word(at(parameter.name), text, word->words, word->what);
    if (index) word->take(*index, &learning_);
  }

  void take_number(const Parameter& parameter) {
    if (!readable(parameter.name)) return;
    const google::protobuf::Reflection& given = *given_.GetReflection();
    if (const auto* whole = std::get_if<WholeNumber>(&parameter.kind)) {
      const std::int64_t value = given.GetInt32(given_, &field_of(parameter));
      const bool is_sound =
          check_.in_range(at(parameter.name), value, whole->range.low, whole->range.high);
      if (is_sound) learning_.*whole->into = value;
    } else if (const auto* number = std::get_if<Number>(&parameter.kind)) {
      const double value = given.GetDouble(given_, &field_of(parameter));
      if (number->range.holds(value)) {
        learning_.*number->into = value;
      } else {
        check_.problem(at(parameter.name), "{} is not within {} to {}", value, number->range.low,
                       number->range.high);
      }
    }
  }

  // How the length of the history was given before rules learned: the warm-up as a duration.
  void check_baseline() {
    if (!readable("baseline")) return;
    if (check_.has(at("warm_up"))) {
      check_.problem_at_key(at("baseline"), "says the same as 'warm_up', as a duration: give one");
      return;
    }
    const auto span = check_.duration(at("baseline"), given_.baseline(), 1, kLongest);
    if (!span || series_ == nullptr) return;
    const Micros window = rule_.window_panes * series_->pane_length;
    if (*span % window != 0) {
      check_.problem(at("baseline"), "{} is not a multiple of the window, {}", given_.baseline(),
                     format_duration(window));
      return;
    }
    const std::int64_t windows = *span / window;
    if (!statistics::kWarmUpRange.holds(windows)) {
      check_.problem(at("baseline"), "{} has {} windows; {} to {} are allowed", given_.baseline(),
                     windows, statistics::kWarmUpRange.low, statistics::kWarmUpRange.high);
      return;
    }
    learning_.warm_up = windows;
  }

  std::optional<std::size_t> position_of(const std::string& path, const std::string& name) const {
    std::vector<std::string> names;
    for (const Dimension dimension : series_->group_by)
      names.emplace_back(dimension_name(dimension));
    return check_.word(path, name, names,
                       fmt::format("in the group_by of series '{}'", series_->name));
  }

  void check_rollup() {
    if (series_ == nullptr || !readable("rollup")) return;
    std::vector<std::vector<std::size_t>> levels;
    for (int i = 0; i < given_.rollup_size(); ++i) {
      const std::string here = element(at("rollup"), i);
      std::vector<std::size_t> level;
      for (int j = 0; j < given_.rollup(i).per_size(); ++j) {
        const auto position = position_of(element(here, j), given_.rollup(i).per(j));
        if (!position) return;
        level.push_back(*position);
      }
      if (!levels.empty()) {
        const bool holds_all =
            std::all_of(levels.back().begin(), levels.back().end(), [&](std::size_t position) {
              return std::count(level.begin(), level.end(), position) == 1;
            });
        if (!holds_all || level.size() <= levels.back().size()) {
          check_.problem(here,
                         "a level names the dimensions of the level before it, once each, and at "
                         "least one more");
          return;
        }
      }
      levels.push_back(std::move(level));
    }
    if (levels.size() < 2) {
      check_.problem(at("rollup"), "needs at least two levels, such as [[], [{}]]",
                     series_->group_by.empty() ? "bill_to" : dimension_name(series_->group_by[0]));
      return;
    }
    if (given_.per_size() > 0 && rule_.per != levels.back()) {
      check_.problem_at_key(at("per"), "the last level of 'rollup' says it; leave 'per' out");
      return;
    }
    rule_.per = levels.back();
    rule_.rollup = std::move(levels);
  }

  void check_accepted() {
    if (series_ == nullptr || !readable("accepted")) return;
    if (given_.accepted_size() > kMaxAccepted) {
      check_.problem(at("accepted"), "has {} entries; at most {} are allowed",
                     given_.accepted_size(), kMaxAccepted);
      return;
    }
    for (int i = 0; i < given_.accepted_size(); ++i) {
      check_accepted_level(element(at("accepted"), i), given_.accepted(i));
    }
  }

  void check_accepted_level(const std::string& here, const v1::AcceptedLevel& given) {
    AcceptedLevel accepted;
    std::vector<std::vector<std::size_t>> levels = rule_.rollup;
    if (levels.empty()) levels.push_back(rule_.per);
    for (const auto& [name, value] : given.subject()) {
      if (!position_of(child(child(here, "subject"), name), name)) return;
    }
    for (const std::vector<std::size_t>& level : levels) {
      if (level.size() != given.subject().size()) continue;
      for (const std::size_t position : level) {
        const auto value =
            given.subject().find(std::string(dimension_name(series_->group_by[position])));
        if (value != given.subject().end()) accepted.values.push_back(value->second);
      }
      if (accepted.values.size() == level.size()) {
        accepted.per = level;
        break;
      }
      accepted.values.clear();
    }
    if (accepted.per.size() != given.subject().size()) {
      check_.problem(child(here, "subject"),
                     "names a value for each dimension of the rule's 'per'");
      return;
    }
    if (!check_.has(child(here, "from"))) {
      check_.missing(here, "from", "write the first day of the new level as 2024-05-01");
      return;
    }
    const auto from = parse_date(given.from());
    if (!from.ok()) {
      check_.problem(child(here, "from"), "{}", message_of(from.status()));
      return;
    }
    accepted.from = *from;
    rule_.accepted.push_back(std::move(accepted));
  }

  const Checker& check_;
  const std::string& path_;
  const v1::RuleConfig& given_;
  const RuleSpec& spec_;
  const Series* series_;  // null: not known
  Rule& rule_;
  Learning learning_;
};

}  // namespace

void check_learning(const Checker& check, const std::string& path, const v1::RuleConfig& given,
                    const RuleSpec& spec, const Series* series, Rule* rule) {
  LearningCheck(check, path, given, spec, series, rule).run();
}

}  // namespace surgewatch::config
