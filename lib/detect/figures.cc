#include "detect/figures.h"

#include <algorithm>
#include <cmath>

namespace surgewatch::detect {

std::string_view describe(Missing missing) {
  switch (missing) {
    case Missing::kNone:
      return "nothing is missing";
    case Missing::kReference:
      return "new since the reference period, which holds nothing of it";
    case Missing::kWholeReference:
      return "the reference period holds nothing of the whole";
    case Missing::kHistory:
      return "too little history";
    case Missing::kBaseline:
      return "the baseline is not above zero";
    case Missing::kWhole:
      return "the whole is not above zero";
    case Missing::kDestination:
      return "more than half of what was billed states no destination";
    case Missing::kDocuments:
      return "it is not known how many documents make up the sum";
    case Missing::kAccepted:
      return "the level that was accepted as the new normal is being learned";
    case Missing::kEarlierWhole:
      return "the window to compare with holds nothing";
    case Missing::kCapacity:
      return "no table says what the country's data centres hold";
    case Missing::kVacancy:
      return "the table does not say how much of the country's capacity is free";
    case Missing::kOrigin:
      return "too much does not state where it came from";
  }
  return "";
}

void compare_with_whole(const Figures& whole, double whole_base, Figures* figures) {
  figures->whole_ratio = whole.ratio;
  figures->whole_amount = whole.observed;
  figures->whole_base = whole_base;
  if (whole.ratio > 0) figures->excess = figures->ratio / whole.ratio;
}

Figures with_observed(const Figures& figures, double observed) {
  Figures f = figures;
  f.observed = observed;
  if (f.expected > 0) f.ratio = observed / f.expected;
  f.rank = f.ratio;
  if (f.whole_ratio > 0) f.excess = f.ratio / f.whole_ratio;
  return f;
}

double improbability(double p) {
  constexpr double kLeastP = 1e-300;
  return -std::log10(std::clamp(p, kLeastP, 1.0));
}

bool is_same(const Figures& a, const Figures& b) {
  return a.observed == b.observed && a.expected == b.expected && a.upper_bound == b.upper_bound &&
         a.ratio == b.ratio && a.score == b.score;
}

Verdict judge(std::span<const Judged> figures) {
  bool any_fire = false;
  bool any_clear = false;
  bool fires = true;
  bool quiet = true;
  for (const Judged& judged : figures) {
    if (judged.fire_at.has_value()) {
      any_fire = true;
      fires &= judged.figure >= *judged.fire_at;
    }
    if (judged.clear_at.has_value()) {
      any_clear = true;
      quiet &= judged.figure < *judged.clear_at;
    }
  }
  if (any_fire && fires) return Verdict::kFires;
  if (!any_clear || quiet) return Verdict::kQuiet;
  return Verdict::kBetween;
}

}  // namespace surgewatch::detect
