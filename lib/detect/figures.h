// What a rule says of one subject and one window.
//
// Invariants: no figure is NaN or infinite.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace surgewatch::detect {

enum class Verdict : std::uint8_t {
  kNotDue,        // the rule does not look at this window: observed only
  kNothing,       // there is nothing to judge; counts as quiet
  kInconclusive,  // what the rule needs is missing; see Missing
  kQuiet,         // every figure is below its line for ending
  kBetween,       // neither fires nor is quiet
  kFires,         // every figure has reached its line for firing
};

enum class Missing : std::uint8_t {
  kNone,
  kReference,       // nothing in the reference period: new since then
  kWholeReference,  // the same for the whole series
  kHistory,         // too few panes or windows of history
  kBaseline,        // the baseline is zero or negative
  kWhole,           // the whole is zero or negative
  kDestination,     // most of what was billed states no destination
  kDeliveries,      // nothing at all is known of deliveries
};
std::string_view describe(Missing missing);

struct Figures {
  Verdict verdict = Verdict::kNotDue;
  Missing missing = Missing::kNone;
  // As in v1::Alert.
  double observed = 0, expected = 0, upper_bound = 0, ratio = 0, score = 0;
  // What peaks are compared by.
  double rank = 0;

  // For evidence; which of them mean something depends on the rule's type.
  double base_amount = 0;   // of the reference period; in share_shift the subject's in the base
  double amount = 0;        // share_shift: of the window, the subject's
  double whole_amount = 0;  // of the window, the whole's
  double whole_base = 0;    // as base_amount, the whole's
  double whole_ratio = 0;   // observed / expected of the whole
  double excess = 0;        // ratio / whole_ratio; 0 where there is none
  double sigma = 0;         // surge: robust standard deviation of the baseline windows
  double unstated = 0;      // divergence: billed without a stated destination
  int baseline_windows = 0;

  bool conclusive() const { return verdict >= Verdict::kQuiet; }
  bool has_expected() const { return conclusive(); }
};

// A figure with its line for firing and its line for ending.
struct Judged {
  double figure = 0;
  std::optional<double> fire_at, clear_at;
};

// kFires if a line for firing is given and all that are given are reached (>=). kQuiet if all given
// lines for ending are above their figures; if none is given, whenever it does not fire.
Verdict judge(std::span<const Judged> figures);

}  // namespace surgewatch::detect
