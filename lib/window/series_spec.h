// What a window is told: its series, and the bounds of event time.
//
// Threads: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/measures.h"
#include "base/time.h"

namespace surgewatch::window {

inline constexpr std::size_t kMaxDimensions = 4;

// There is none yet.
inline constexpr Micros kNoWatermark = INT64_MIN;

struct SeriesSpec {
  Micros pane_length = 0;      // above 0
  std::size_t dimensions = 0;  // at most kMaxDimensions
  std::size_t max_keys = 0;    // beyond them keys count under `other`
  // The measure of which each pane's largest document is kept.
  std::optional<Measure> largest = std::nullopt;
};

struct Options {
  Micros allowed_lateness = 0;
  Micros out_of_orderness = 0;    // what is further ahead of the watermark is rare
  Micros correction_horizon = 0;  // how long a document may still name the slots of its keys
  std::size_t dirty_ring_capacity = 1 << 14;  // a power of two
  std::uint64_t text_seed = 0;                // of the dictionary
};

}  // namespace surgewatch::window
