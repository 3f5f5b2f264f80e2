// Every detector that can be run by name over whole series: our own and the field's reference
// methods. `surgewatch detect` and `surgewatch detectors` are this table with a command line.
//
// To add a method: write a function that returns its MethodSpec (see ears.cc for a short one),
// declare it in specs.h, and list it in registry.cc.
//
// Threads: any; methods have no state of their own. Determinism: the same table and settings give
// the same answers to the last bit. Errors: NOT_FOUND for an unknown method (the nearest is
// offered); INVALID_ARGUMENT for what settings.h refuses and for settings that don't fit together.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "methods/settings.h"
#include "methods/table.h"

namespace surgewatch::methods {

struct MethodSpec {
  std::string_view name;
  std::string_view what;     // in a line
  std::string_view formula;  // in plain text, one or more lines
  std::string_view source;   // paper or specification
  std::string_view score;    // what Answer::score is
  std::vector<Parameter> parameters;
  std::vector<std::string_view> details;  // names of Answer::details, if the method gives any

  absl::StatusOr<Answers> (*run)(const Settings& settings, const SeriesTable& table) = nullptr;
};

// Our own first, then the reference methods.
const std::vector<MethodSpec>& methods();

absl::StatusOr<const MethodSpec*> find_method(std::string_view name);

// find_method, Settings::parse and run in one. A table without times is no error: it is how
// settings are checked before there is data.
absl::StatusOr<Answers> run_method(std::string_view name, const NamedTexts& given,
                                   const SeriesTable& table);

}  // namespace surgewatch::methods
