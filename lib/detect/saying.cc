// What a rule says of its windows: the part of RuleRunner that evaluates, steps lives, and puts out
// points and revisions.
#include <algorithm>
#include <bit>
#include <utility>

#include "detect/rule_runner.h"
#include "detect/rules/rule_type.h"
#include "detect/say/alert.h"
#include "detect/say/composition.h"

namespace surgewatch::detect {
namespace {

// Of what is said of a point, but for its labels.
std::uint32_t digest_of(const Figures& figures, bool firing, LifeState state) {
  std::uint64_t hash = static_cast<std::uint64_t>(figures.verdict) * 64 +
                       static_cast<std::uint64_t>(state) * 2 + firing;
  constexpr std::uint64_t kOdd = 0x9E37'79B9'7F4A'7C15ULL;
  for (const double value : {figures.observed, figures.expected, figures.upper_bound}) {
    // Doubles that are twice one another differ in their highest bits alone.
    hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * kOdd;
    hash = (hash ^ hash >> 32) * kOdd;
  }
  return static_cast<std::uint32_t>(hash >> 32);
}

// Whether one of the life's alerts is firing once the window that ends with `pane` is in.
bool fires_at(const Life& life, PaneIndex pane) {
  return std::ranges::any_of(life.episodes, [&](const Episode& episode) {
    return episode.onset <= pane && (episode.firing || pane < episode.resolved);
  });
}

}  // namespace

// Whether there is nothing to be seen in the window.
bool RuleRunner::is_silent(const Subject& of, PaneIndex pane) const {
  return of.operands.judged(shape_.window_begin(pane), pane) == 0;
}

// Points are said of what holds something, and once of the silence behind it.
bool RuleRunner::is_worth_a_point(const Subject& of, PaneIndex pane) const {
  return !is_silent(of, pane) || !is_silent(of, pane - (shape_.learns ? shape_.window : 1));
}

// Whether the whole series holds nothing as far back as the window's figures look.
bool RuleRunner::is_still(PaneIndex pane) const {
  return unfiltered_.next(pane - shape_.reach).value_or(pane + 1) > pane;
}

// Whether the window of an alert that fires says what the one before has said: there is nothing to
// judge by, for as long as the series is still.
bool RuleRunner::is_standstill(PaneIndex pane, const Figures& figures) const {
  const bool is_answered = figures.verdict == Verdict::kNothing || figures.conclusive();
  return !is_answered && is_still(pane);
}

// Whether the window can change an alert though it may hold nothing.
bool RuleRunner::is_watched(const Subject& of, PaneIndex pane) const {
  // A share can fall by holding nothing.
  if (panel_ && shape_.type->traits.shares) return true;
  const bool has_begun =
      of.story != nullptr && (of.story->life.live().firing() ||
                              of.story->life.live().suspects != 0 || !of.story->published.empty());
  return has_begun || is_worth_a_point(of, pane);
}

const Figures& RuleRunner::unfiltered_at(PaneIndex pane) {
  if (unfiltered_pane_ != pane) {
    unfiltered_figures_ = shape_.type->evaluate_whole(shape_, unfiltered_, pane);
    unfiltered_pane_ = pane;
  }
  return unfiltered_figures_;
}

Figures RuleRunner::evaluate_at(std::int32_t index, PaneIndex pane) {
  return shape_.type->evaluate(shape_, subject(index).operands, unfiltered_at(pane), pane,
                               timeline_.first());
}

// Of a window that may be settled; `last` is what was said of it.
Figures RuleRunner::figures_of(std::int32_t index, PaneIndex pane, const Figures& last) {
  if (!panel_) return is_kept(pane) ? evaluate_at(index, pane) : last;
  if (pane <= timeline_.settled_window())
    return shape_.type->reassess(shape_, last, sums_of(index, pane).judged);
  Figures result = last;
  panel_->replay(index, pane, [&](PaneIndex at, const Figures& figures) {
    if (at == pane) result = figures;
  });
  return result;
}

WindowSums RuleRunner::sums_of(std::int32_t index, PaneIndex pane) const {
  const Operands& operands = index == Panel::kUnfiltered ? unfiltered_ : subject(index).operands;
  const PaneIndex begin = shape_.window_begin(pane);
  const Int128 learned = operands.observed.sum(begin, pane);
  const Int128 corrected = operands.more == nullptr ? 0 : operands.more->corrected.sum(begin, pane);
  return {.amount = static_cast<double>(learned),
          .documents = static_cast<double>(operands.documents(begin, pane)),
          .judged = static_cast<double>(learned + corrected)};
}

LifeRules RuleRunner::life_rules() const {
  constexpr std::int64_t kProposeAfter = 13;
  LifeRules rules{.clear_after = shape_.rule->clear_after, .propose_after = 0};
  // Before the guard lets the alert's own windows into the baseline, somebody has been asked.
  if (shape_.learns && shape_.type->traits.may_be_new_normal) {
    rules.propose_after = static_cast<int>(std::min(kProposeAfter, shape_.rule->learning->guard));
  }
  return rules;
}

bool RuleRunner::fires_above(const Subject& of, PaneIndex pane) const {
  for (std::int32_t above = of.parent; above != Panel::kUnfiltered; above = subject(above).parent) {
    const Story* story = subject(above).story.get();
    if (story != nullptr && fires_at(story->life.live(), pane)) return true;
  }
  return false;
}

bool RuleRunner::step_life(const Subject& of, PaneIndex pane, Figures figures, Life* life) const {
  if (figures.verdict >= Verdict::kSuspects && fires_above(of, pane)) {
    figures.verdict = Verdict::kBetween;
  }
  if (is_standstill(pane, figures)) figures.verdict = Verdict::kNotDue;
  step(life, pane, figures, life_rules());
  return life->firing();
}

std::vector<RuleRunner::Said>::iterator RuleRunner::find_said(Subject* of, PaneIndex pane) const {
  return std::ranges::lower_bound(of->said, pane, {},
                                  [this](const Said& said) { return pane_of_said(said); });
}

void RuleRunner::say_point(Subject* of, PaneIndex pane, const Figures& figures, const Life& life,
                           Emissions* out) {
  const LifeState state = state_of(life, pane);
  const std::uint32_t digest = digest_of(figures, life.firing(), state);
  const auto place = find_said(of, pane);
  const bool was_said = place != of->said.end() && pane_of_said(*place) == pane;
  // new_entity has nothing to say of those that are old.
  if (!was_said && figures.verdict == Verdict::kNothing && panel_) return;
  if (was_said) {
    if (place->digest == digest) return;
    place->digest = digest;
  } else {
    of->said.insert(place, {static_cast<std::uint32_t>(pane - timeline_.first()), digest});
  }
  const SubjectName name = name_of(*of);
  out->points.push_back(make_point({shape_, name, pane, figures}, life.firing(), state));
}

void RuleRunner::publish(std::int32_t index, Emissions* out) {
  Story& story = *subject(index).story;
  const auto firing = [&] { return std::ranges::count_if(story.published, &Revision::firing); };
  const auto before = firing();
  reconcile(
      story.life.live().episodes, {.closed = timeline_.closed(), .final = timeline_.final()},
      [&](const Revision& last) { return figures_of(index, last.onset, last.figures); },
      &story.published, [&](const Revision& revision) { emit_alert(index, revision, out); });
  stats_.firing += static_cast<std::uint64_t>(firing() - before);
}

void RuleRunner::restate(Emissions* out) {
  for (const std::int32_t index : stories_) {
    for (const Revision& revision : subject(index).story->published) {
      emit_alert(index, revision, out);
    }
  }
}

void RuleRunner::emit_alert(std::int32_t index, const Revision& said, Emissions* out) {
  const Subject& of = subject(index);
  Revision revision = said;
  // What stands beside the figures, as it is now.
  std::vector<NamedPart> parts;
  std::vector<SubjectName> names;
  if (panel_) {
    panel_->refresh(index, revision.reported, &revision.figures);
    const std::vector<Part> below = panel_->parts(index, revision.reported, [&](std::int32_t part) {
      return name_of(subject(part)).canonical;
    });
    names.reserve(below.size());
    for (const Part& part : below) {
      names.push_back(name_of(subject(part.subject)));
      parts.push_back({&names.back(), part});
    }
  } else if (is_kept(revision.reported)) {
    const Figures now = shape_.type->evaluate(shape_, of.operands, unfiltered_at(revision.reported),
                                              revision.reported, timeline_.first());
    if (is_same(now, revision.figures)) revision.figures = now;
  }
  const SubjectName name = name_of(of);
  Composition made_of = composition(shape_, merger_, name, of.keys, revision.reported);
  if (is_kept(revision.reported)) {
    made_of.parts =
        parts_of(of.operands, shape_.window_begin(revision.reported), revision.reported);
  }
  out->alerts.push_back(make_alert(config_, shape_, name, revision, made_of, parts));
  const std::string& reference = merger_.reference_data_version();
  if (!reference.empty()) out->alerts.back().set_reference_data_version(reference);
}

}  // namespace surgewatch::detect
