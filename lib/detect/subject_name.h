// What an alert or a point is about, by name.
#pragma once

#include <string>
#include <vector>

#include "detect/rule_shape.h"

namespace surgewatch::detect {

// A value for each of the rule's `per`.
struct SubjectName {
  std::vector<std::size_t> per;  // positions in the series' group_by
  std::vector<std::string> values;
  // `bill_to=SG;family=Hopper`, with `\`, `;` and `=` in values escaped by `\`: unique.
  std::string canonical;
};
SubjectName subject_name(const RuleShape& shape, const std::vector<std::size_t>& per,
                         std::vector<std::string> values);

}  // namespace surgewatch::detect
