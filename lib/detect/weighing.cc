// Weighing the tests of a window against each other: the part of Panel that gives verdicts.
#include <algorithm>
#include <utility>

#include "detect/panel.h"
#include "detect/rules/rule_type.h"

namespace surgewatch::detect {
namespace {

using config::Method;

// A calm window is one that chance makes more unusual in 1 of 20 cases.
constexpr double kCalmP = 0.05;
constexpr double kCalmEvidence = 0.25;  // of h
// More first-seen subjects than this in one window are a change of the books, not of the market.
constexpr int kCrowd = 3;
constexpr std::size_t kMaxParts = 5;

}  // namespace

// ---- tests -------------------------------------------------------------------------------------

void Panel::note_changed(Window* window, std::int32_t subject) {
  window->is_changed = true;
  window->changed.push_back(subject);
}

std::vector<Panel::Test>::iterator Panel::place_of(Window* window, std::int32_t subject) {
  return std::ranges::lower_bound(window->tests, subject, {}, &Test::subject);
}

const Panel::Test* Panel::find_test(const Window& window, std::int32_t subject) {
  const auto found = std::ranges::lower_bound(window.tests, subject, {}, &Test::subject);
  return found != window.tests.end() && found->subject == subject ? &*found : nullptr;
}

unsigned Panel::line_flags(const Figures& f) const {
  const Lines lines = lines_of(shape_, f);
  // Nothing is no surge, whatever came before it; but a share can fall to it.
  const bool is_something = f.observed > 0 || shape_.type->traits.shares;
  unsigned flags = 0;
  if (lines.reached && is_something) flags |= kReached;
  if (lines.undercut) flags |= kUndercut;
  return flags;
}

// What can't be tested is quiet, and needs no room; but parts of a rollup look at what is above
// them.
std::optional<Panel::Test> Panel::test_of(std::int32_t subject, const Figures& f,
                                          bool share_rises) const {
  if (!f.conclusive() || (!f.tested && levels_ == 1)) return std::nullopt;
  const config::Learning& learning = *shape_.rule->learning;
  const bool entities = shape_.type->traits.knows_its_like;
  const bool shares = shape_.type->traits.shares;
  const bool uses_p = learning.method != Method::kRamp && !shares;
  const bool uses_e = learning.method != Method::kSurge;
  unsigned flags = line_flags(f);
  const auto set = [&](Flag flag, bool holds) {
    if (holds) flags |= flag;
  };
  set(kTested, f.tested);
  set(kUnlikely, uses_p && f.p <= learning.alpha && (!entities || f.first_seen));
  set(kReaches, uses_e && f.reaches);
  set(kPairReaches, f.pair_reaches);
  set(kFirstSeen, f.first_seen);
  set(kCalm, (!uses_p || f.p > kCalmP) &&
                 (!uses_e || entities || f.evidence < kCalmEvidence * learning.h));
  set(kShareRises, share_rises);
  return Test{.subject = subject,
              .flags = static_cast<std::uint16_t>(flags),
              .verdict = Verdict::kBetween,
              .tier = Tier::kTicket,
              .p = f.p,
              .e_value = f.e_value,
              .observed = f.observed,
              .expected = f.expected};
}

void Panel::exchange(Window* window, std::int32_t subject, const std::optional<Test>& test) {
  const auto place = place_of(window, subject);
  const bool was_there = place != window->tests.end() && place->subject == subject;
  if (!was_there && !test.has_value()) return;
  if (was_there && test.has_value() && place->p == test->p && place->e_value == test->e_value &&
      place->observed == test->observed && place->expected == test->expected &&
      (place->flags & ~kLookedAt) == test->flags) {
    return;
  }
  note_changed(window, subject);
  if (was_there) withdraw(window, &*place);
  if (was_there && !test.has_value()) {
    if (place->verdict >= Verdict::kSuspects) withdraw_parts(window, subject);
    window->tests.erase(place);
  } else if (!was_there) {
    window->tests.insert(place, *test);
  } else {
    const auto [verdict, tier] = std::pair(place->verdict, place->tier);
    *place = *test;
    place->verdict = verdict;
    if ((test->flags & kTested) != 0) place->tier = tier;
  }
}

void Panel::set_share_rises(Window* window, std::int32_t subject, bool rises) {
  const auto place = place_of(window, subject);
  if (place == window->tests.end() || place->subject != subject) return;
  if (((place->flags & kShareRises) != 0) == rises) return;
  withdraw(window, &*place);
  place->flags ^= static_cast<std::uint16_t>(kShareRises);
  note_changed(window, subject);
}

// Of a window in which no more than the whole's ratio has changed.
void Panel::draw_lines_again(Window* window) {
  for (Test& test : window->tests) {
    Figures f;
    f.observed = test.observed;
    f.expected = test.expected;
    f.ratio = f.observed / f.expected;
    f.p = test.p;
    compare_with_whole(window->unfiltered, window->unfiltered.expected, &f);
    const unsigned flags = (test.flags & ~(kReached | kUndercut)) | line_flags(f);
    if (flags == test.flags) continue;
    withdraw(window, &test);
    test.flags = static_cast<std::uint16_t>(flags & ~kLookedAt);
    note_changed(window, test.subject);
  }
}

// ---- weighing ----------------------------------------------------------------------------------

// The test counts no longer, until it is weighed again.
void Panel::withdraw(Window* window, Test* test) const {
  if ((test->flags & kLookedAt) == 0) return;
  test->flags &= static_cast<std::uint16_t>(~kLookedAt);
  Level& level = window->levels[static_cast<std::size_t>(track(test->subject).level)];
  level.pages -= test->verdict == Verdict::kFires && test->tier == Tier::kPage;
  if ((test->flags & kTested) == 0) return;
  const double q = shape_.rule->learning->false_discovery_rate;
  --level.weighed;
  level.weighed_first -= (test->flags & kFirstSeen) != 0;
  level.by_p.remove(test->p, q);
  level.by_e.remove(statistics::p_of_e(test->e_value), q);
}

void Panel::withdraw_parts(Window* window, std::int32_t subject) const {
  const auto parts = parts_.find(subject);
  if (parts == parts_.end()) return;
  for (const std::int32_t part : parts->second) {
    const auto place = place_of(window, part);
    if (place == window->tests.end() || place->subject != part) continue;
    withdraw(window, &*place);
    note_changed(window, part);
  }
}

bool Panel::look_at(Window* window, Test* test) const {
  const Track& of = track(test->subject);
  if (of.parent != kUnfiltered && (test->flags & kShareRises) == 0) {
    const Test* parent = find_test(*window, of.parent);
    if (parent == nullptr || parent->verdict < Verdict::kSuspects) {
      const bool quiet = (test->flags & kUndercut) != 0 && test->p > kCalmP;
      test->verdict = quiet ? Verdict::kQuiet : Verdict::kBetween;
      test->tier = Tier::kTicket;
      return false;
    }
  }
  test->flags |= kLookedAt;
  if ((test->flags & kTested) == 0) return true;
  Level& level = window->levels[static_cast<std::size_t>(of.level)];
  ++level.weighed;
  level.weighed_first += (test->flags & kFirstSeen) != 0;
  return true;
}

// Whether that moves a line.
bool Panel::set_lines(const Window& window, Level* level) const {
  const double q = shape_.rule->learning->false_discovery_rate;
  std::size_t n = level->weighed;
  if (shape_.type->traits.knows_its_like && n > 0) n = std::max(n, window.entities);
  level->tests = static_cast<int>(n);
  const int first_seen = std::exchange(level->first_seen, level->weighed_first);
  const double p_line = std::exchange(level->p_line, level->by_p.threshold(n, q));
  const double e_line = std::exchange(level->e_line, level->by_e.threshold(n, q));
  return first_seen != level->first_seen || p_line != level->p_line || e_line != level->e_line;
}

void Panel::weigh_all(Window* window) const {
  const double q = shape_.rule->learning->false_discovery_rate;
  window->is_changed = false;
  window->changed.clear();
  window->levels.assign(static_cast<std::size_t>(levels_), {});
  for (Test& test : window->tests) test.flags &= static_cast<std::uint16_t>(~kLookedAt);
  for (int at = 0; at < levels_; ++at) {
    Level& level = window->levels[static_cast<std::size_t>(at)];
    std::vector<double> p_values, from_e_values;
    for (Test& test : window->tests) {
      if (levels_ > 1 && track(test.subject).level != at) continue;
      if (!look_at(window, &test) || (test.flags & kTested) == 0) continue;
      p_values.push_back(test.p);
      from_e_values.push_back(statistics::p_of_e(test.e_value));
    }
    level.by_p.assign(std::move(p_values), q);
    level.by_e.assign(std::move(from_e_values), q);
    set_lines(*window, &level);
    for (Test& test : window->tests) {
      if (levels_ > 1 && track(test.subject).level != at) continue;
      if ((test.flags & kLookedAt) != 0) decide(&test, &level);
    }
  }
}

// Only what has changed is weighed again, unless that has moved a line that others are held to.
void Panel::weigh_changed(PaneIndex pane, Window* window, std::vector<Amended>* moved) const {
  if (!window->is_changed) return;
  if (window->levels.size() < static_cast<std::size_t>(levels_)) {
    window->levels.resize(static_cast<std::size_t>(levels_));
  }
  for (int level = 0; level < levels_; ++level) weigh_changed(pane, level, window, moved);
  window->is_changed = false;
  window->changed.clear();
}

void Panel::weigh_changed(PaneIndex pane, int at, Window* window,
                          std::vector<Amended>* moved) const {
  const double q = shape_.rule->learning->false_discovery_rate;
  Level& level = window->levels[static_cast<std::size_t>(at)];
  const auto compare = [&](const Test& test, Verdict verdict, Tier tier) {
    if (test.verdict == verdict && test.tier == tier) return;
    moved->push_back({test.subject, pane});
    const bool was_above = verdict >= Verdict::kSuspects;
    if (was_above != (test.verdict >= Verdict::kSuspects)) withdraw_parts(window, test.subject);
  };
  std::vector<std::int32_t> changed;
  for (const std::int32_t subject : window->changed) {
    if (track(subject).level == at) changed.push_back(subject);
  }
  std::ranges::sort(changed);
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  std::vector<Test*> again;
  for (const std::int32_t subject : changed) {
    const auto place = place_of(window, subject);
    if (place == window->tests.end() || place->subject != subject) continue;
    const auto [verdict, tier] = std::pair(place->verdict, place->tier);
    if (!look_at(window, &*place)) {
      compare(*place, verdict, tier);
      continue;
    }
    again.push_back(&*place);
    if ((place->flags & kTested) == 0) continue;
    level.by_p.add(place->p, q);
    level.by_e.add(statistics::p_of_e(place->e_value), q);
  }
  if (set_lines(*window, &level)) {
    again.clear();
    level.pages = 0;
    for (Test& test : window->tests) {
      const bool is_of_level = levels_ == 1 || track(test.subject).level == at;
      if (is_of_level && (test.flags & kLookedAt) != 0) again.push_back(&test);
    }
  }
  for (Test* test : again) {
    const auto [verdict, tier] = std::pair(test->verdict, test->tier);
    decide(test, &level);
    compare(*test, verdict, tier);
  }
}

void Panel::decide(Test* test, Level* level) const {
  const bool entities = shape_.type->traits.knows_its_like;
  const auto has = [&](Flag flag) { return (test->flags & flag) != 0; };
  if (!has(kTested)) {
    test->verdict = Verdict::kQuiet;
    return;
  }
  const bool crowded = entities && level->first_seen - has(kFirstSeen) > kCrowd;
  const bool is_discovery = (has(kUnlikely) && test->p <= level->p_line) ||
                            (has(kReaches) && statistics::p_of_e(test->e_value) <= level->e_line);
  const bool page = is_discovery && !crowded;
  const bool reaches = has(kReaches) || has(kPairReaches);
  test->tier = page ? Tier::kPage : Tier::kTicket;
  if (has(kReached) && (page || reaches || has(kFirstSeen))) {
    test->verdict = Verdict::kFires;
    level->pages += page;
  } else if (has(kReached) && has(kUnlikely)) {
    test->verdict = Verdict::kSuspects;
  } else {
    const bool quiet = has(kCalm) && (has(kUndercut) || entities);
    test->verdict = quiet ? Verdict::kQuiet : Verdict::kBetween;
  }
}

void Panel::refresh(std::int32_t subject, PaneIndex pane, Figures* figures) const {
  if (!figures->conclusive()) return;
  const Window* of = find_window(pane);
  if (of == nullptr) return;
  if (!shape_.reads_whole && of->unfiltered.conclusive()) {
    compare_with_whole(of->unfiltered, of->unfiltered.expected, figures);
  }
  Figures now = *figures;
  set_verdict(pane, subject, &now);
  if (!now.tested) return;
  figures->tests = now.tests;
  figures->pages = now.pages;
  figures->others_new = now.others_new;
}

void Panel::set_verdict(PaneIndex pane, std::int32_t subject, Figures* figures) const {
  if (!figures->conclusive()) return;
  const Window* of = find_window(pane);
  const Test* test = of == nullptr ? nullptr : find_test(*of, subject);
  if (test == nullptr) {
    figures->tested = false;
    figures->verdict = Verdict::kQuiet;
    return;
  }
  figures->verdict = test->verdict;
  figures->tier = test->tier;
  figures->tests = figures->pages = 0;
  if ((test->flags & kLookedAt) == 0) return;
  const Level& counts = of->levels[static_cast<std::size_t>(track(subject).level)];
  figures->tests = counts.tests;
  figures->pages = counts.pages;
  const bool entities = shape_.type->traits.knows_its_like;
  figures->others_new = entities ? counts.first_seen - figures->first_seen : 0;
}

std::vector<Part> Panel::parts(std::int32_t subject, PaneIndex pane,
                               absl::FunctionRef<std::string(std::int32_t)> name) const {
  std::vector<Part> result;
  const Window* of = levels_ > 1 ? find_window(pane) : nullptr;
  if (of == nullptr) return result;
  for (const Test& test : of->tests) {
    if (test.verdict < Verdict::kSuspects) continue;
    std::int32_t above = track(test.subject).parent;
    while (above != kUnfiltered && above != subject) above = track(above).parent;
    if (above == subject) {
      result.push_back({test.subject, test.observed, test.expected, test.p});
    }
  }
  std::sort(result.begin(), result.end(), [&](const Part& a, const Part& b) {
    const double left = a.observed - a.expected, right = b.observed - b.expected;
    return left != right ? left > right : name(a.subject) < name(b.subject);
  });
  if (result.size() > kMaxParts) result.resize(kMaxParts);
  return result;
}

}  // namespace surgewatch::detect
