#include "methods/registry.h"

#include <cmath>

#include "base/check.h"
#include "base/status.h"
#include "base/words.h"
#include "methods/specs.h"

namespace surgewatch::methods {

const std::vector<MethodSpec>& methods() {
  static const std::vector<MethodSpec> all{ears_spec(), farrington_spec(), bayes_spec()};
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
  return method->run(settings, table);
}

}  // namespace surgewatch::methods
