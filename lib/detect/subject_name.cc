#include "detect/subject_name.h"

namespace surgewatch::detect {

SubjectName subject_name(const RuleShape& shape, const std::vector<std::size_t>& per,
                         std::vector<std::string> values) {
  SubjectName name;
  name.per = per;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) name.canonical += ';';
    name.canonical += config::dimension_name(shape.series->group_by[per[i]]);
    name.canonical += '=';
    for (const char c : values[i]) {
      if (c == '\\' || c == ';' || c == '=') name.canonical += '\\';
      name.canonical += c;
    }
  }
  name.values = std::move(values);
  return name;
}

}  // namespace surgewatch::detect
