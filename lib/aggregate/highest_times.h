// What a source's watermark follows: the highest event time seen there but K. A function of the
// prefix of the source; K events, however far ahead (one clock that is wrong), do not move it.
//
// Threads: one.
// Cost: for a time that is not above it, one comparison; with K = 0 no more for one that is, else
// O(log K).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/time.h"

namespace surgewatch::aggregate {

class HighestTimes {
 public:
  struct Seen {
    Micros time = 0;
    std::int64_t offset = 0;
  };

  explicit HighestTimes(std::size_t outliers) : outliers_(outliers) {
    if (outliers_ > 0) seen_.reserve(outliers_ + 1);
  }

  // True if the highest but K has risen by the event.
  bool note(Micros time, std::int64_t offset) {
    if (time <= but_outliers_) return false;
    if (outliers_ > 0) [[unlikely]]
      return note_higher(time, offset);
    but_outliers_ = time;
    return true;
  }

  // Below every event time while no more than K have been seen.
  Micros but_outliers() const { return but_outliers_; }

  // With K above 0: the highest, and the highest but K, in no order.
  std::span<const Seen> seen() const { return seen_; }

 private:
  static bool is_later(const Seen& a, const Seen& b) { return a.time > b.time; }

  bool note_higher(Micros time, std::int64_t offset) {
    if (seen_.size() > outliers_) {
      std::pop_heap(seen_.begin(), seen_.end(), is_later);
      seen_.pop_back();
    }
    seen_.push_back({time, offset});
    std::push_heap(seen_.begin(), seen_.end(), is_later);
    if (seen_.size() <= outliers_ || seen_.front().time == but_outliers_) return false;
    but_outliers_ = seen_.front().time;
    return true;
  }

  const std::size_t outliers_;
  Micros but_outliers_ = INT64_MIN;
  std::vector<Seen> seen_;  // a heap, the lowest in front
};

}  // namespace surgewatch::aggregate
