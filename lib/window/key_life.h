// Which keys of a series count as there: how many each span of the watermark has used last, and
// which spans are over.
//
//   watermark  ──┬────────┬─────────┬───────────┬──►      a span begins with the first watermark
//        spans   │ oldest │    …    │  current  │         that is kept/16 beyond the last one's
//
// A key belongs to the span in which it was used last. It leaves with its span, at the first rise
// of the watermark when that was, before the rise, more than `kept` beyond the last watermark of
// the span. So which keys there are depends on the prefix of the source alone, and a border costs
// the same for one key or a million: their slots are looked for later.
//
// Threads: the writer's.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/time.h"

namespace surgewatch::window {

class KeyLife {
 public:
  explicit KeyLife(Micros kept) : kept_(kept), length_(std::max<Micros>(1, kept / kSpansKept)) {}

  // The watermark rises. Returns how many keys leave.
  std::size_t advance(Micros before, Micros after) {
    std::size_t leaving = 0;
    for (; oldest_ != current_ && before > at(oldest_).last + kept_; ++oldest_) {
      leaving += at(oldest_).keys;
    }
    keys_ -= leaving;
    if (after >= begin_ + length_) {
      at(current_).last = before;
      ++current_;
      SW_CHECK(current_ - oldest_ < kPlaces);
      at(current_) = {};
      begin_ = after;
    }
    return leaving;
  }
  void begin(Micros first_watermark) { begin_ = first_watermark; }

  // No rise to a watermark below this changes anything.
  Micros next_change() const {
    const Micros next_span = begin_ + length_;
    return oldest_ == current_ ? next_span : std::min(next_span, at(oldest_).last + kept_);
  }

  std::uint32_t current() const { return current_; }
  bool is_there(std::uint32_t span) const {
    // As a distance: spans may have been counted round.
    return current_ - span <= current_ - oldest_;
  }
  std::size_t keys() const { return keys_; }

  // A key comes, or is used again after `span`, which is there.
  void enter() {
    ++at(current_).keys;
    ++keys_;
  }
  void renew(std::uint32_t span) {
    --at(span).keys;
    ++at(current_).keys;
  }

 private:
  static constexpr Micros kSpansKept = 16;
  static constexpr std::uint32_t kPlaces = 32;  // more than are ever there at once

  struct Span {
    Micros last = 0;  // the watermark just before the next one began
    std::size_t keys = 0;
  };
  Span& at(std::uint32_t span) { return spans_[span % kPlaces]; }
  const Span& at(std::uint32_t span) const { return spans_[span % kPlaces]; }

  Micros kept_;
  Micros length_;
  Micros begin_ = 0;  // of the current span
  std::uint32_t current_ = 0;
  std::uint32_t oldest_ = 0;
  std::size_t keys_ = 0;
  std::array<Span, kPlaces> spans_{};
};

}  // namespace surgewatch::window
