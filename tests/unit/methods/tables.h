// Builds series for tests of methods.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "methods/registry.h"

namespace surgewatch::methods {

using Values = std::vector<std::optional<double>>;

inline SeriesTable one_series(Values values) {
  SeriesTable table;
  for (std::size_t t = 1; t <= values.size(); ++t) table.times.push_back(std::to_string(t));
  table.series.push_back({"", std::move(values)});
  return table;
}

// The answers for a single series; the test fails on an error.
inline std::vector<Answer> answers_of(std::string_view method, const NamedTexts& settings,
                                      const Values& values) {
  const auto answers = run_method(method, settings, one_series(values));
  if (!answers.ok()) throw std::runtime_error(std::string(answers.status().message()));
  return answers->front();
}

inline Values repeated(std::size_t count, double value) { return Values(count, value); }

}  // namespace surgewatch::methods
