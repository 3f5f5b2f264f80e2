// What a rule type is: what its rules take (config/rule_spec.h), how it judges a window, and what
// it says of it. Each type has a folder of its own; table.cc names them all. What closes windows,
// folds lives and writes alerts asks a type, and knows none.
//
// A type either compares two sums of panes (evaluate()), or learns what is usual (make_learner()):
// then Panel steps the learners of all subjects and weighs their tests against each other.
//
// Determinism: sums are integers; doubles appear in figures only, in a fixed order of operations.
// Threads: any; a type has no state.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/rule_spec.h"
#include "detect/figures.h"
#include "detect/finding.h"
#include "detect/learner.h"
#include "detect/operands.h"
#include "detect/revisions.h"
#include "detect/rule_shape.h"

namespace surgewatch::detect {

class EvidenceList;

// What observed is to expected: v1::Comparison.
enum class Comparison : std::uint8_t { kGrowth, kLine, kShortfall, kRatio };

// What the machinery does for a type, and how its figures are to be read.
struct RuleTraits {
  // Of observed and expected; empty: that of the measure.
  std::string_view unit = {};
  // What expected is, for a person: "7.387 times the reference".
  std::string_view against;
  Comparison comparison = Comparison::kGrowth;
  // Observed and expected are parts of the whole, 0 to 1, and Figures::amount is what the window
  // holds of the subject. So it reads the whole, and a window that holds nothing can be a fall.
  bool shares = false;
  // More data of an open window can only raise what crosses the line, so it may fire early.
  bool only_rises = false;
  // Of those that learn: the whole is learned as a subject is, to be compared with.
  bool learns_whole = false;
  // A subject is judged from its first window on, by what others that are like it do.
  bool knows_its_like = false;
  // What has been firing for long may be a new normal.
  bool may_be_new_normal = false;
  bool names_largest_document = true;
  // Observed and expected are no sums of the window, and Figures::amount is what it holds.
  bool figures_apart = false;
};

class RuleType {
 public:
  virtual ~RuleType() = default;
  RuleType(const RuleType&) = delete;
  RuleType& operator=(const RuleType&) = delete;

  const config::RuleSpec spec;
  const RuleTraits traits;

  // ---- Judging: of a rule that does not learn.
  // The whole's part in the figures of a window, the same for all subjects: its own, without
  // thresholds.
  virtual Figures evaluate_whole(const RuleShape& shape, const Operands& whole,
                                 PaneIndex pane) const;
  // `first_pane`: the first pane of the series' history; what lies before is not known to be zero.
  virtual Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures& whole,
                           PaneIndex pane, PaneIndex first_pane) const;

  // ---- Of a rule that learns.
  // `accepted`: last panes of windows from which on a level has been accepted, ascending.
  virtual std::unique_ptr<Learner> make_learner(const RuleShape& shape,
                                                std::vector<PaneIndex> accepted) const;
  virtual LearnerAtMost learner_at_most(const RuleShape& shape) const;
  // The figures of a window once more, its sum having been corrected after it was final: what was
  // expected of it then still stands.
  virtual Figures reassess(const RuleShape& shape, const Figures& figures, double amount) const;

  // ---- Saying.
  // The facts of a finding, without a full stop.
  virtual std::string facts(const Finding& finding, bool is_open) const = 0;
  // What to ask.
  virtual std::string_view inquiry() const = 0;
  // What it stands on, behind the window's total.
  virtual void add_evidence(const Finding& finding, const Revision& revision,
                            EvidenceList* evidence) const = 0;

 protected:
  RuleType(config::RuleSpec declared, const RuleTraits& of)
      : spec(std::move(declared)), traits(of) {}
};

}  // namespace surgewatch::detect
