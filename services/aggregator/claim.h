// That the journal says whose a source is, or a pair.
//
//   kUnsaid ──ownership record──► kSaid ──its offset is known──► kKnown: all is said under it
//
// Threads: the flusher's.
#pragma once

#include <array>
#include <cstdint>

namespace surgewatch::services {

struct Claim {
  enum class State : std::uint8_t { kUnsaid, kSaid, kKnown };
  State state = State::kUnsaid;
  std::int64_t epoch = 0;                         // where it says so, once known
  std::uint64_t token = 0;                        // that it says so with
  std::array<std::int32_t, 2> partitions_said{};  // of each topic

  bool is_known() const { return state == State::kKnown; }
};

}  // namespace surgewatch::services
