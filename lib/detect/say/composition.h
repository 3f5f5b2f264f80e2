// What a window holds of a subject: which orders, keys of the series and values of single
// dimensions make up most of it, and how large its largest document is.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/largest.h"
#include "detect/finding.h"
#include "detect/operands.h"
#include "detect/rule_shape.h"
#include "detect/subject_name.h"
#include "journal/merger.h"

namespace surgewatch::detect {

// A part of what was observed in the window, by dimensions that `per` leaves out.
struct Share {
  std::vector<std::pair<std::string_view, std::string>> labels;
  double amount = 0;  // above zero
};
inline constexpr std::size_t kMaxKeysNamed = 5, kMaxValuesNamed = 3;

// An order that the window of a findings series counts.
struct NamedOrder {
  journal::OrderFinding finding;
  double amount = 0;  // in the rule's measure
};
inline constexpr std::size_t kMaxOrdersNamed = 10;

struct Composition {
  // By all of these dimensions, at most kMaxKeysNamed, the largest first; equal ones by their
  // names. None if the subject is as fine as the series.
  std::vector<Share> keys;
  // By each of them alone, where there are several: at most kMaxValuesNamed of each, likewise.
  // What has no value of it is left out.
  std::vector<Share> values;
  // Of a series of findings: those that begin in the window, at most kMaxOrdersNamed, the largest
  // first and then the earliest; and how many there are.
  std::vector<NamedOrder> orders;
  std::size_t orders_in_all = 0;
  // What the largest document adds, in the rule's measure; of a document whose lines fall under
  // several keys, its largest part. Absent where the series doesn't keep it in this measure.
  std::optional<Largest> largest_document;
  // Of rules with Rule::parts: see Finding. Names are those of the operands.
  std::vector<WindowPart> parts = {};
};

// Of the panes first … last; the largest first, equal ones by their names.
std::vector<WindowPart> parts_of(const Operands& operands, PaneIndex first, PaneIndex last);

// Of the window that ends with `pane`; `keys` are the subject's.
Composition composition(const RuleShape& shape, const journal::Merger& merger,
                        const SubjectName& subject, std::span<const journal::KeyId> keys,
                        PaneIndex pane);

}  // namespace surgewatch::detect
