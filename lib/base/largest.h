// The largest of several amounts, as far as it is known.
//
// Where the largest one was taken out again and what came next was not kept, there is only a bound:
// then that is what is said, never a guess.
//
// Invariants: amounts are above 0; none at all is an exact 0. Adding and merging may be done in any
// order, with the same result.
#pragma once

#include <algorithm>
#include <cstdint>

namespace surgewatch {

struct Largest {
  std::int64_t known = 0;  // the largest of those that are known
  std::int64_t bound = 0;  // none of the others is larger

  bool is_exact() const { return known >= bound; }
  std::int64_t at_most() const { return std::max(known, bound); }

  void merge(const Largest& other) {
    known = std::max(known, other.known);
    bound = std::max(bound, other.bound);
  }

  // In one number: what is exact as it is, a bound as its negative.
  std::int64_t encoded() const { return is_exact() ? known : -bound; }
  static Largest decoded(std::int64_t code) {
    if (code >= 0) return {.known = code, .bound = 0};
    return {.known = 0, .bound = code == INT64_MIN ? INT64_MAX : -code};
  }
  static Largest nothing_known() { return {.known = 0, .bound = INT64_MAX}; }

  friend bool operator==(const Largest&, const Largest&) = default;
};

}  // namespace surgewatch
