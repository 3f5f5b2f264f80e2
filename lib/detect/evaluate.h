// The rule types that compare two sums: from exact sums of panes to figures. Pure functions; the
// state is in RuleRunner, the life of an alert in lifecycle.h. The types that learn what is usual
// are in tracker.h.
//
// Each type's page is docs/rules/<type>.md; its formulas stand in the .cc of its name.
//
// Determinism: sums are integers; doubles appear only here, in a fixed order of operations.
// Cost: O(1) for each subject and window.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "config/config.h"
#include "detect/figures.h"
#include "detect/pane_sums.h"

namespace surgewatch::detect {

// However short panes are, no more of them can still be corrected.
inline constexpr std::int64_t kMaxCorrectablePanes = 4'096;

// A rule with what follows from it and its series, in panes.
struct RuleShape {
  RuleShape(const config::Config& config, std::size_t rule_index);

  const config::Rule* rule = nullptr;
  const config::Series* series = nullptr;
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

// What is summed of one subject, or of the whole. What a rule does not need is not there.
struct Operands {
  PaneSums observed;  // of updates; of a rule that does not learn, corrections are in
  struct More {
    PaneSums corrected;    // of corrections, where the rule learns
    PaneSums against;      // divergence: what was delivered (of the whole: all deliveries)
    PaneSums unstated;     // divergence: billed without a stated destination
    PaneSums documents;    // of money that is judged in documents; of updates
    Int128 reference = 0;  // total of the reference period
  };
  std::unique_ptr<More> more;

  More& with_more() {
    if (more == nullptr) more = std::make_unique<More>();
    return *more;
  }
  Int128 reference() const { return more == nullptr ? 0 : more->reference; }
  Int128 judged(PaneIndex first, PaneIndex last) const {
    return observed.sum(first, last) + (more == nullptr ? 0 : more->corrected.sum(first, last));
  }
  Int128 against(PaneIndex first, PaneIndex last) const {
    return more == nullptr ? 0 : more->against.sum(first, last);
  }
  Int128 unstated(PaneIndex first, PaneIndex last) const {
    return more == nullptr ? 0 : more->unstated.sum(first, last);
  }
  Int128 documents(PaneIndex first, PaneIndex last) const {
    return more == nullptr ? 0 : more->documents.sum(first, last);
  }
  // The first pane behind this one that holds something, and the last that does.
  std::optional<PaneIndex> next(PaneIndex pane) const;
  std::optional<PaneIndex> last() const;
  void forget_before(PaneIndex pane);
};

// The whole's part in the figures of a window, the same for all subjects: its own, without
// thresholds.
Figures evaluate_whole(const RuleShape& shape, const Operands& whole, PaneIndex pane);
// `first_pane`: the first pane of the series' history; what lies before is not known to be zero.
Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures& whole,
                 PaneIndex pane, PaneIndex first_pane);

// The types, one .cc each.
Figures evaluate_surge_since(const RuleShape& shape, const Operands& subject, const Figures* whole,
                             PaneIndex pane);
Figures evaluate_share_shift(const RuleShape& shape, const Operands& subject, const Figures& whole,
                             PaneIndex pane, PaneIndex first_pane);
Figures evaluate_divergence(const RuleShape& shape, const Operands& subject, PaneIndex pane,
                            PaneIndex first_pane);

// The figures of the whole that stand beside a subject's; nothing where there are none.
void compare_with_whole(const Figures& whole, double whole_base, Figures* figures);

}  // namespace surgewatch::detect
