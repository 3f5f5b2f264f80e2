// How far each source has come in event time, and therefore which instants a whole topic has
// passed.
//
// A source is one partition. Those that a topology names and those that are seen count; a source
// without a watermark holds its topic back. One that its owner has marked idle is left out of
// account until it moves again: a mark that says so, or a watermark that grew, clears idleness.
// If all sources of a topic are idle, the furthest of their watermarks counts.
//
// Invariants: a source's watermark never falls, and passed() never falls: what has been passed
// stays passed, even if a source that was thought idle comes back with less.
// Cost: O(sources of the topic) for each change.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/container/btree_map.h"
#include "base/source.h"
#include "base/time.h"

namespace surgewatch::journal {

// The watermark of an input that has ended. Spans that the configuration allows can be added to it.
inline constexpr Micros kEndOfInput = INT64_MAX / 4;

class Watermarks {
 public:
  // Partitions 0 … partitions - 1 of the topic exist. Never takes a source away.
  void add_partitions(Topic topic, std::int32_t partitions);
  void add_source(SourceId source);

  // Ignored unless the watermark grew.
  void advance(SourceId source, Micros watermark);
  void end(SourceId source) { advance(source, kEndOfInput); }

  // False if the mark is of an older owner and was ignored.
  bool mark_idle(SourceId source, bool idle, std::int64_t owner_epoch);

  // No event before this is to be expected from any source of the topic; nullopt while nothing is
  // known.
  std::optional<Micros> passed(Topic topic) const;

  // The lowest over all sources that are not idle; nullopt if one of them has none yet, or none is
  // left.
  std::optional<Micros> lowest() const;

 private:
  struct State {
    std::optional<Micros> watermark;
    bool idle = false;
    std::int64_t owner_epoch = INT64_MIN;
  };

  void update(Topic topic);

  absl::btree_map<SourceId, State> sources_;
  std::array<std::optional<Micros>, 2> passed_;
};

}  // namespace surgewatch::journal
