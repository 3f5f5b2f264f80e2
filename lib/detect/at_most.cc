// What rules take at the most: the part of RuleRunner and Panel that counts before anything is
// there.
//
// A worst case, in which each subject holds something in each pane and each pane is corrected. Left
// out, as it can't come of a configuration: more than one alert of a subject that is not told yet,
// sums beyond 64 bits, and what is kept while sources of one rule are far apart.
#include "base/at_most.h"

#include <algorithm>

#include "detect/rule_runner.h"
#include "detect/rules/rule_type.h"

namespace surgewatch::detect {

Panel::AtMost Panel::at_most(const RuleShape& shape, Saturating subjects) {
  const LearnerAtMost tracker = Tracker::at_most(shape);
  const bool has_parents = shape.rule->rollup.size() > 1;
  const Saturating levels = std::max<std::size_t>(shape.rule->rollup.size(), 1);
  const Saturating windows = shape.correctable / shape.window + 2;
  // Settled, live and marked, which share what does not change.
  const Saturating marks = most_marks(windows.value());
  const auto fold = [&](std::size_t state, Saturating own) {
    return at_most::vector(marks, state + sizeof(PaneIndex)) + own * (marks + 2);
  };
  Saturating kept =
      at_most::block(sizeof(Kept)) + fold(sizeof(Tracker), tracker.own) + tracker.shared;
  if (has_parents) kept += fold(sizeof(ShareLearner), ShareLearner::at_most(shape));
  const Saturating entrance =
      shape.type->traits.knows_its_like ? at_most::block(sizeof(Entrance)) : Saturating(0);
  AtMost most;
  most.learned = at_most::deque(subjects, sizeof(Track)) +
                 at_most::vector(subjects, sizeof(std::int32_t)) +
                 at_most::btree(subjects, sizeof(std::int32_t)) + subjects * (kept + entrance);
  if (has_parents) {
    most.learned +=
        at_most::flat_hash(subjects,
                           sizeof(std::pair<const std::int32_t, std::vector<std::int32_t>>)) +
        at_most::vector(subjects, sizeof(std::int32_t)) * 2;
  }
  const Saturating holders = shape.type->traits.knows_its_like
                                 ? at_most::vector(subjects, sizeof(std::int32_t))
                                 : Saturating(0);
  // With what weighing them takes meanwhile, and the figures of the last one.
  constexpr std::size_t kWeighed = 64;
  // Besides a test, what the lines that it is held to are found by.
  constexpr std::size_t kCandidate = 2 * sizeof(double);
  most.tests = at_most::vector(kMostReplayedFigures, sizeof(Figures)) +
               windows * (sizeof(Window) + at_most::vector(subjects, sizeof(Test)) +
                          at_most::vector(levels, sizeof(Level)) +
                          at_most::vector(subjects, kCandidate) + holders) +
               at_most::vector(subjects, sizeof(Closed) + sizeof(Figures) + kWeighed);
  return most;
}

Saturating RuleRunner::open_panes(const config::EventTimeBounds& bounds, Micros pane_length) {
  return bounds.out_of_orderness / pane_length + 3;
}

RuleRunner::AtMost RuleRunner::at_most(const config::Config& config, const RuleShape& shape,
                                       const Counts& counts) {
  const Saturating subjects = counts.subjects;
  const Saturating levels = std::max<std::size_t>(shape.rule->rollup.size(), 1);
  const Saturating open = open_panes(config.event_time, shape.pane_length);
  AtMost most;
  most.panes = open + shape.reach + shape.correctable + kForgetStep;
  most.subjects = at_most::deque(subjects, sizeof(Subject)) +
                  subjects * at_most::text(counts.name) +
                  at_most::flat_hash(subjects, sizeof(std::int32_t)) +
                  at_most::btree(subjects, sizeof(std::int32_t)) * 4 +
                  at_most::vector(subjects, sizeof(std::int32_t)) +
                  at_most::deque(counts.keys + counts.against_keys, sizeof(Membership)) +
                  (counts.keys * 2 + subjects) * levels * sizeof(journal::KeyId);

  const bool has_against = shape.rule->against_series.has_value();
  const bool keeps_documents = shape.in_documents && !shape.type->traits.knows_its_like;
  const std::size_t more =
      (shape.learns ? 1 : 0) + (has_against ? 2 : 0) + (keeps_documents ? 1 : 0);
  const bool has_flow = shape.rule->parts.has_value() || shape.type->spec.by_country;
  const bool has_more = more > 0 || shape.has_reference() || has_flow;
  Saturating of_each = PaneSums::at_most(most.panes) * (1 + more);
  if (has_more) of_each += at_most::block(sizeof(Operands::More));
  if (has_flow) of_each += at_most::block(sizeof(Operands::Flow));
  // Those of the unfiltered series go back further.
  const Saturating unfiltered = PaneSums::at_most(most.panes + Panel::unfiltered_reach(shape));
  most.sums = subjects * of_each + unfiltered * (1 + more);
  if (shape.rule->parts.has_value()) {
    // A part belongs to one key at least.
    most.subjects +=
        at_most::deque(counts.keys, sizeof(std::string)) + counts.keys * at_most::text(counts.part);
    most.sums += at_most::btree(counts.keys, sizeof(std::pair<const std::string, PaneSums>)) +
                 counts.keys * (at_most::text(counts.part) + PaneSums::at_most(most.panes));
  }
  if (shape.can_be_early) {
    most.sums += at_most::vector(subjects * open, sizeof(std::pair<std::int32_t, PaneIndex>));
  }

  const Saturating said = shape.learns ? Saturating(shape.correctable + kForgetStep) /
                                                 static_cast<std::uint64_t>(shape.window) +
                                             2
                                       : Saturating(shape.correctable + kForgetStep) + 1;
  most.points = subjects * at_most::vector(said, sizeof(Said));
  if (shape.learns) most.panel = Panel::at_most(shape, subjects);
  const std::int64_t windows = shape.correctable / (shape.learns ? shape.window : 1) + 2;
  const Saturating marks = most_marks(static_cast<std::uint64_t>(windows));
  most.alerts = subjects * (at_most::block(sizeof(Story)) +
                            at_most::vector(marks, sizeof(Life) + sizeof(PaneIndex)) +
                            at_most::exact_vector(1, sizeof(Episode)) * (marks + 2) +
                            at_most::exact_vector(1, sizeof(Revision)));
  return most;
}

}  // namespace surgewatch::detect
