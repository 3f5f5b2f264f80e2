// Weighing the tests of a window against each other: the part of Panel that gives verdicts.
#include <algorithm>

#include "detect/panel.h"
#include "detect/rules/rule_type.h"
#include "statistics/multiple_testing.h"

namespace surgewatch::detect {
namespace {

using config::Method;

// A calm window is one that chance makes more unusual in 1 of 20 cases.
constexpr double kCalmP = 0.05;
constexpr double kCalmEvidence = 0.25;  // of h
// More first-seen subjects than this in one window are a change of the books, not of the market.
constexpr int kCrowd = 3;
constexpr std::size_t kMaxParts = 5;

enum Flag : std::uint16_t {
  kTested = 1,
  kReached = 2,   // every line of fire_at
  kUndercut = 4,  // every line of clear_at
  kUnlikely = 8,  // p <= alpha
  kReaches = 16,  // the cumulated evidence has reached its line
  kPairReaches = 32,
  kFirstSeen = 64,
  kCalm = 128,
  kShareRises = 256,
  kLookedAt = 512,
};

}  // namespace

// What can't be tested is quiet, and needs no room; but parts of a rollup look at what is above
// them.
void Panel::put(PaneIndex pane, std::int32_t subject, const Figures& f, bool share_rises) {
  if (!f.conclusive() || (!f.tested && levels_ == 1)) return;
  const config::Learning& learning = *shape_.rule->learning;
  const bool entities = shape_.type->traits.knows_its_like;
  const bool shares = shape_.type->traits.shares;
  const bool uses_p = learning.method != Method::kRamp && !shares;
  const bool uses_e = learning.method != Method::kSurge;
  const Lines lines = lines_of(shape_, f);
  unsigned flags = 0;
  const auto set = [&](Flag flag, bool holds) {
    if (holds) flags |= flag;
  };
  set(kTested, f.tested);
  // Nothing is no surge, whatever came before it; but a share can fall to it.
  const bool is_something = f.observed > 0 || shares;
  set(kReached, lines.reached && is_something);
  set(kUndercut, lines.undercut);
  set(kUnlikely, uses_p && f.p <= learning.alpha && (!entities || f.first_seen));
  set(kReaches, uses_e && f.reaches);
  set(kPairReaches, f.pair_reaches);
  set(kFirstSeen, f.first_seen);
  set(kCalm, (!uses_p || f.p > kCalmP) &&
                 (!uses_e || entities || f.evidence < kCalmEvidence * learning.h));
  set(kShareRises, share_rises);
  Window& of = window(pane);
  const auto place =
      std::lower_bound(of.tests.begin(), of.tests.end(), subject,
                       [](const Test& test, std::int32_t s) { return test.subject < s; });
  of.tests.insert(place, {.subject = subject,
                          .flags = static_cast<std::uint16_t>(flags),
                          .verdict = Verdict::kBetween,
                          .tier = Tier::kTicket,
                          .p = f.p,
                          .e_value = f.e_value,
                          .observed = f.observed,
                          .expected = f.expected});
}

void Panel::weigh(PaneIndex pane, std::vector<std::int32_t>* moved) {
  Window& of = window(pane);
  std::vector<std::pair<Verdict, Tier>> before;
  if (moved != nullptr) {
    for (const Test& test : of.tests) before.emplace_back(test.verdict, test.tier);
  }
  of.levels.assign(static_cast<std::size_t>(levels_), {});
  for (Test& test : of.tests) test.flags &= static_cast<std::uint16_t>(~kLookedAt);
  for (int level = 0; level < levels_; ++level) decide(looked_at(level, &of), level, pane, &of);
  if (moved == nullptr) return;
  for (std::size_t i = 0; i < of.tests.size(); ++i) {
    const Test& test = of.tests[i];
    if (before[i] != std::pair(test.verdict, test.tier)) moved->push_back(test.subject);
  }
}

std::vector<Panel::Test*> Panel::looked_at(int level, Window* window) const {
  std::vector<Test*> result;
  for (Test& test : window->tests) {
    const Track& of = track(test.subject);
    if (of.level != level) continue;
    if (of.parent != kUnfiltered && (test.flags & kShareRises) == 0) {
      const Test* parent = find_test(window, of.parent);
      if (parent == nullptr || parent->verdict < Verdict::kSuspects) {
        const bool quiet = (test.flags & kUndercut) != 0 && test.p > kCalmP;
        test.verdict = quiet ? Verdict::kQuiet : Verdict::kBetween;
        test.tier = Tier::kTicket;
        continue;
      }
    }
    test.flags |= kLookedAt;
    result.push_back(&test);
  }
  return result;
}

void Panel::decide(const std::vector<Test*>& looked_at, int level, PaneIndex pane, Window* window) {
  const config::Learning& learning = *shape_.rule->learning;
  const bool entities = shape_.type->traits.knows_its_like;
  std::vector<Test*> tests;
  std::vector<double> p_values, e_values;
  Level& counts = window->levels[static_cast<std::size_t>(level)];
  for (Test* test : looked_at) {
    if ((test->flags & kTested) == 0) {
      test->verdict = Verdict::kQuiet;
      continue;
    }
    tests.push_back(test);
    p_values.push_back(test->p);
    e_values.push_back(test->e_value);
    counts.first_seen += (test->flags & kFirstSeen) != 0;
  }
  if (entities && !tests.empty()) {
    const std::size_t all = std::max(entities_tested(pane), tests.size());
    p_values.resize(all, 1);
    e_values.resize(all, 0);
  }
  counts.tests = static_cast<int>(p_values.size());
  const double q = learning.false_discovery_rate;
  const auto by_p = statistics::benjamini_hochberg(p_values, q);
  const auto by_e = statistics::e_bh(e_values, q);
  for (std::size_t i = 0; i < tests.size(); ++i) {
    Test& test = *tests[i];
    const auto has = [&](Flag flag) { return (test.flags & flag) != 0; };
    const bool crowded = entities && counts.first_seen - has(kFirstSeen) > kCrowd;
    const bool page =
        ((has(kUnlikely) && by_p.chosen[i]) || (has(kReaches) && by_e.chosen[i])) && !crowded;
    const bool reaches = has(kReaches) || has(kPairReaches);
    test.tier = page ? Tier::kPage : Tier::kTicket;
    if (has(kReached) && (page || reaches || has(kFirstSeen))) {
      test.verdict = Verdict::kFires;
      counts.pages += page;
    } else if (has(kReached) && has(kUnlikely)) {
      test.verdict = Verdict::kSuspects;
    } else {
      const bool quiet = has(kCalm) && (has(kUndercut) || entities);
      test.verdict = quiet ? Verdict::kQuiet : Verdict::kBetween;
    }
  }
}

bool Panel::suspects(std::int32_t subject) const {
  return std::ranges::any_of(windows_, [&](const auto& entry) {
    const Test* test = find_test(const_cast<Window*>(&entry.second), subject);
    return test != nullptr && test->verdict >= Verdict::kSuspects;
  });
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
  auto* of = const_cast<Window*>(find_window(pane));
  const Test* test = of == nullptr ? nullptr : find_test(of, subject);
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
