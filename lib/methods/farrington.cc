#include "methods/specs.h"

namespace surgewatch::methods {

MethodSpec farrington_spec() {
  MethodSpec spec;
  spec.name = "farrington";
  spec.run = [](const Settings&, const SeriesTable& table) -> absl::StatusOr<Answers> {
    return each_series(table, [](const SeriesTable::Series& series) {
      return std::vector<Answer>(series.values.size());
    });
  };
  return spec;
}

}  // namespace surgewatch::methods
