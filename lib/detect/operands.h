// What a rule sums of one subject, or of the whole.
//
// Invariants: sums are exact (128 bits). Threads: one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "detect/pane_sums.h"

namespace surgewatch::detect {

// What a rule does not need is not there.
struct Operands {
  PaneSums observed;  // of updates; of a rule that does not learn, corrections are in
  // Of types that compare flows.
  struct Flow {
    std::string country;                           // the subject's, where the type is by country
    absl::btree_map<std::string, PaneSums> parts;  // by the value of the dimension Rule::parts
  };
  struct More {
    PaneSums corrected;    // of corrections, where the rule learns
    PaneSums against;      // divergence: what was delivered (of the whole: all deliveries)
    PaneSums unstated;     // divergence: billed without a stated destination
    PaneSums documents;    // of money that is judged in documents; of updates
    Int128 reference = 0;  // total of the reference period
    std::unique_ptr<Flow> flow;
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
  Flow& with_flow() {
    More& held = with_more();
    if (held.flow == nullptr) held.flow = std::make_unique<Flow>();
    return *held.flow;
  }
  const Flow* flow() const { return more == nullptr ? nullptr : more->flow.get(); }
  std::string_view country() const {
    return flow() == nullptr ? std::string_view() : std::string_view(flow()->country);
  }
  // Visits each part that the panes hold something of, with its sum, in the order of their values.
  template <typename Visitor>
  void for_each_part(PaneIndex first, PaneIndex last, Visitor visitor) const {
    if (flow() == nullptr) return;
    for (const auto& [value, sums] : flow()->parts) {
      if (const Int128 sum = sums.sum(first, last); sum != 0) visitor(std::string_view(value), sum);
    }
  }
  // The first pane behind this one that holds something, and the last that does.
  std::optional<PaneIndex> next(PaneIndex pane) const;
  std::optional<PaneIndex> last() const;
  void forget_before(PaneIndex pane);
};

}  // namespace surgewatch::detect
