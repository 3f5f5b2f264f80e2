// A rule with what follows from it, from its type and from its series, in panes.
#pragma once

#include <cstdint>

#include "config/config.h"

namespace surgewatch::detect {

class RuleType;

// However short panes are, no more of them can still be corrected.
inline constexpr std::int64_t kMaxCorrectablePanes = 4'096;

struct RuleShape {
  RuleShape(const config::Config& config, std::size_t rule_index);

  const config::Rule* rule = nullptr;
  const RuleType* type = nullptr;
  const config::Series* series = nullptr;
  const config::ReferenceTables* tables = nullptr;  // null in tests that need none
  Micros pane_length = 0;
  std::int64_t window = 1;
  // Half-open; empty without a reference period.
  PaneIndex reference_begin = 0, reference_end = 0;
  // The rule learns: its windows do not overlap, and begin at multiples of their length since 1970.
  bool learns = false;
  // Sums are judged in typical documents: of money, which is no count.
  bool in_documents = false;
  // Panes up to and including the window's last that an evaluation reads.
  std::int64_t reach = 1;
  // After so many windows in which the whole series holds nothing, nothing is known rather than
  // zero: an outage, or the end.
  int silent_windows() const { return rule->clear_after + 1; }
  // How far behind the newest closed pane corrections can come: those that are older change no
  // answer any more. At most kMaxCorrectablePanes.
  std::int64_t correctable = 0;
  // Rules that learn forget a subject that has held nothing for so many panes.
  std::int64_t forgotten_after = 0;
  // Closed panes that are not final yet, at most.
  std::int64_t late = 0;
  // Whether more data of an open window can only raise what crosses the line.
  bool can_be_early = false;
  // Whether a subject's figures depend on the whole's.
  bool reads_whole = false;

  bool has_reference() const { return reference_begin < reference_end; }
  PaneIndex window_begin(PaneIndex pane) const { return pane - window + 1; }
  // Whether a window ends with the pane; the last pane of the window that holds it, and of the last
  // window that has ended with it.
  bool ends_window(PaneIndex pane) const { return !learns || last_of_window(pane) == pane; }
  PaneIndex last_of_window(PaneIndex pane) const {
    return learns ? (floor_div(pane, window) + 1) * window - 1 : pane;
  }
  PaneIndex last_ended(PaneIndex pane) const {
    return learns ? floor_div(pane + 1, window) * window - 1 : pane;
  }
  Micros end_of(PaneIndex pane) const { return (pane + 1) * pane_length; }
};

}  // namespace surgewatch::detect
