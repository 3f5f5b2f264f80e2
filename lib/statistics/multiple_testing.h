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

}  // namespace surgewatch::statistics
