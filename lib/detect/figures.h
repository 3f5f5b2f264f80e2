// What a rule says of one subject and one window.
//
// Invariants: no figure is NaN or infinite.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace surgewatch::detect {

enum class Verdict : std::uint8_t {
  kNotDue,        // the rule does not look at this window: observed only
  kNothing,       // there is nothing to judge; counts as quiet
  kInconclusive,  // what the rule needs is missing; see Missing
  kQuiet,         // every figure is below its line for ending
  kBetween,       // neither fires nor is quiet
  kSuspects,      // unusual, but not so much that one window is enough
  kFires,         // every figure has reached its line for firing
};

// How sure an alert is. A page holds against all the subjects that were tested with it.
enum class Tier : std::uint8_t { kTicket, kPage };

enum class Missing : std::uint8_t {
  kNone,
  kReference,       // nothing in the reference period: new since then
  kWholeReference,  // the same for the whole series
  kHistory,         // too few panes or windows of history
  kBaseline,        // the baseline is zero or negative
  kWhole,           // the whole is zero or negative
  kDestination,     // most of what was billed states no destination
  kDocuments,       // a sum of money whose documents are not known
  kAccepted,        // the level that was accepted is being learned
  kEarlierWhole,    // the whole of the window to compare with is zero or negative
  kCapacity,        // no table says what the country's data centres hold
  kVacancy,         // nor how much of it is free
  kOrigin,          // where it came from is not stated of too much
};
std::string_view describe(Missing missing);

// What a part of a rollup adds to the alert of the subject above it.
struct Part {
  std::int32_t subject = 0;  // its index
  double observed = 0, expected = 0, p = 1;
};

struct Figures {
  Verdict verdict = Verdict::kNotDue;
  Missing missing = Missing::kNone;
  // As in v1::Alert.
  double observed = 0, expected = 0, upper_bound = 0, ratio = 0, score = 0;
  // What peaks are compared by.
  double rank = 0;

  // For evidence; which of them mean something depends on the rule's type.
  double base_amount = 0;   // of the reference period; in share_shift the subject's in the base
  double amount = 0;        // of the window, the subject's, where observed is not
  double whole_amount = 0;  // of the window, the whole's
  double whole_base = 0;    // as base_amount, the whole's
  double whole_ratio = 0;   // observed / expected of the whole
  double excess = 0;        // ratio / whole_ratio; 0 where there is none
  double unstated = 0;      // divergence: billed without a stated destination

  // Of rules that learn; see learner.h.
  bool tested = false;  // one of the tests of its window
  Tier tier = Tier::kPage;
  double p = 1;        // of so much or more by chance
  double e_value = 0;  // evidence against chance; its mean by chance is at most 1
  double law_mean = 0, law_variance = 0;  // of the count that was tested, in units
  double dispersion = 1;                  // φ of the baseline
  double unit = 1;                        // in which the law counts
  double exposure = 1;        // what was expected is this many times what the baseline says
  double pair_p = 1;          // of this window and the one before together
  bool pair_reaches = false;  // that is unusual
  double evidence = 0;        // a cumulated log likelihood ratio
  int evidence_windows = 0;   // since it was last 0
  double evidence_excess = 0;
  int tests = 0, pages = 0;  // in the same window: how many were tested, how many of them page
  bool first_seen = false;   // new_entity: the subject's first window
  int others_new = 0;        // of the same window: other subjects first seen
  bool reaches = false;      // the cumulated evidence has reached its line
  bool conclusive() const { return verdict >= Verdict::kQuiet; }
  bool has_expected() const { return conclusive(); }
};

// The figures of the whole that stand beside a subject's; nothing where there are none.
void compare_with_whole(const Figures& whole, double whole_base, Figures* figures);

// The same baseline, but so much observed: ratio, rank and excess follow.
Figures with_observed(const Figures& figures, double observed);

// How improbable p is: -log10 p, at most 300.
double improbability(double p);

// Whether an alert would say the same figures. What stands beside them may differ.
bool is_same(const Figures& a, const Figures& b);

// A figure with its line for firing and its line for ending.
struct Judged {
  double figure = 0;
  std::optional<double> fire_at, clear_at;
};

// kFires if a line for firing is given and all that are given are reached (>=). kQuiet if all given
// lines for ending are above their figures; if none is given, whenever it does not fire.
Verdict judge(std::span<const Judged> figures);

}  // namespace surgewatch::detect
