#include "methods/registry.h"

#include <cmath>

#include "base/check.h"
#include "base/status.h"
#include "base/suggestion.h"
#include "methods/specs.h"

namespace surgewatch::methods {
namespace {

void drop_unless_finite(std::optional<double>* figure) {
  if (*figure && !std::isfinite(**figure)) figure->reset();
}

// Counts beyond 1e150 or so have squares that no double holds: that is no answer.
void keep_finite(Answers* answers) {
  for (std::vector<Answer>& series : *answers) {
    for (Answer& answer : series) {
      if (answer.upper && !std::isfinite(*answer.upper)) answer.alarm.reset();
      for (std::optional<double>* figure : {&answer.expected, &answer.upper, &answer.score}) {
        drop_unless_finite(figure);
      }
      for (std::optional<double>& detail : answer.details) drop_unless_finite(&detail);
    }
  }
}

}  // namespace

const std::vector<MethodSpec>& methods() {
  static const std::vector<MethodSpec> all{surge_spec(),       ramp_spec(),       surge_ramp_spec(),
                                           share_shift_spec(), new_entity_spec(), reference_spec(),
                                           ears_spec(),        farrington_spec(), bayes_spec()};
  return all;
}

absl::StatusOr<const MethodSpec*> find_method(std::string_view name) {
  std::vector<std::string> names;
  for (const MethodSpec& method : methods()) {
    if (method.name == name) return &method;
    names.emplace_back(method.name);
  }
  return not_found("there is no method '{}'{}", name, suggestion(name, names, "there are"));
}

absl::StatusOr<Answers> run_method(std::string_view name, const NamedTexts& given,
                                   const SeriesTable& table) {
  SW_ASSIGN_OR_RETURN(const MethodSpec* const method, find_method(name));
  SW_ASSIGN_OR_RETURN(const Settings settings, Settings::parse(name, method->parameters, given));
  for (const SeriesTable::Series& series : table.series) {
    SW_CHECK(series.values.size() == table.times.size());
    for (const std::optional<double>& value : series.values) {
      SW_CHECK(!value || (std::isfinite(*value) && *value >= 0));
    }
  }
  SW_CHECK(table.days.empty() || table.days.size() == table.times.size());
  SW_ASSIGN_OR_RETURN(Answers answers, method->run(settings, table));
  keep_finite(&answers);
  return answers;
}

}  // namespace surgewatch::methods
