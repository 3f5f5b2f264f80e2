// Many series at once: which of their p-values or e-values to act on, so that of all alarms at most
// a share q is false on average (the false discovery rate).
//
// benjamini_hochberg  for independent p-values and those that move together (shared demand);
//                     Benjamini and Hochberg, JRSS B 57 (1995); dependence: the next
// benjamini_yekutieli for p-values under any dependence, at the price of a factor of about log n;
//                     Benjamini and Yekutieli, Annals of Statistics 29 (2001)
// e_bh                for e-values under any dependence, at no price;
//                     Wang and Ramdas, JRSS B 84 (2022)
//
// Pure functions. A p-value that is not a number or above 1 counts as 1, an e-value that is not a
// number or below 0 as 0: no evidence. Ties are decided alike. Cost: O(n log n).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace surgewatch::statistics {

struct Discoveries {
  std::vector<bool> chosen;  // one for each hypothesis, in the order given
  std::size_t count = 0;
  double threshold = 0;  // p-values at or below it, e-values at or above it, were chosen
};

// 0 < q < 1.
Discoveries benjamini_hochberg(std::span<const double> p_values, double q);
Discoveries benjamini_yekutieli(std::span<const double> p_values, double q);
Discoveries e_bh(std::span<const double> e_values, double q);

// The same of hypotheses that come, change and go: keeps the p-values that can be chosen at all,
// which are those up to q. An e-value counts as p_of_e of it. Cost: O(k) for the k that are kept,
// some hundreds of nanoseconds where they are a thousand; 8 bytes each.
class StepUp {
 public:
  // Chosen by nothing.
  static constexpr double kNone = -1;

  // All at once, in any order. 0 < q < 1, the same in each call.
  void assign(std::vector<double> p_values, double q);
  void add(double p_value, double q);
  // One that was added.
  void remove(double p_value, double q);
  // Chosen are p-values at or below this, of `n` in all; kNone if none is.
  double threshold(std::size_t n, double q) const;

 private:
  std::vector<double> candidates_;  // ascending
};
double p_of_e(double e_value);

}  // namespace surgewatch::statistics
