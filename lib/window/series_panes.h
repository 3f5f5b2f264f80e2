// The live panes of one series by their time: a list for each pane index, so that what leaves
// leaves at once.
//
//        floor             floor + ring                   a pane is below the floor: it has left;
//   ───────┼──────────────────┼───────────────►           in the ring: a place for each index;
//    left  │       ring       │      ahead                ahead of it: in a map
//
// Nearly all events are no further ahead of the watermark than the out-of-orderness: panes up to
// there are in the ring. Where the watermark follows not the highest event time but one below it,
// some few may be anywhere ahead, and all are before there is a watermark. Their panes are in the
// map until the ring has come to them; it is bounded by the number of such events, which is the
// caller's to bound. Of series with more panes than kMaxPlaces, the newer ones are in the map too:
// a ring is there from the start, whatever comes.
//
// Threads: the writer's.
// Invariants: the floor only rises. Live indexes below floor + ring are in the ring alone, others
// in the map alone; a place of the ring never holds two indexes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/at_most.h"
#include "base/measures.h"
#include "base/time.h"
#include "window/pane.h"
#include "window/series_spec.h"

namespace surgewatch::window {

// Two cache lines, of which an addition looks at the first.
class alignas(64) SeriesPanes {
 public:
  static constexpr std::int64_t kMaxPlaces = std::int64_t{1} << 16;

  SeriesPanes(const SeriesSpec& spec, const Options& options)
      : length_(spec.pane_length),
        largest_(spec.largest),
        span_(span_of(spec, options)),
        ring_(static_cast<std::size_t>(std::min(span_, kMaxPlaces)), kNoPane) {}

  // Panes that may be live at once, but for those that are far ahead: from that of watermark −
  // lateness to that of the newest event, both included.
  static std::int64_t span_of(const SeriesSpec& spec, const Options& options) {
    return (options.allowed_lateness + options.out_of_orderness) / spec.pane_length + 2;
  }

  // The measure of which each pane's largest document is kept.
  const std::optional<Measure>& largest() const { return largest_; }

  // The pane that holds the time; remembered, so that the next one needs no division.
  PaneIndex index_of(Micros time) {
    const auto length = static_cast<std::uint64_t>(length_);
    const auto into = static_cast<std::uint64_t>(time - last_begin_);
    PaneIndex index = last_;
    if (into >= length) [[unlikely]] {
      if (into + length < length) {
        --index;  // what comes late comes to the pane before, mostly
      } else {
        index = last_ = pane_of(time, length_);
        last_begin_ = index * length_;
      }
    }
    return index;
  }

  bool has_left(PaneIndex index) const { return index < floor_; }
  bool is_far_ahead(PaneIndex index) const {
    return floor_ == INT64_MIN || index - floor_ >= span_;
  }

  // The list of an index that has not left; its panes are linked by Pane::next.
  PaneRef& list(PaneIndex index) {
    return reaches(index) ? place(index) : ahead_.try_emplace(index, kNoPane).first->second;
  }

  // The floor rises to the pane that holds the time, if it is below: calls leave(list) for each
  // list that leaves. Returns the first time that is a pane further.
  template <typename Leave>
  Micros raise_floor(Micros oldest, Leave&& leave) {
    const PaneIndex floor = pane_of(oldest, length_);
    if (floor > floor_) raise(floor, leave);
    return (floor + 1) * length_;
  }

  // For each index that may be live, at the most.
  static std::size_t bytes_per_index(const SeriesSpec& spec, const Options& options) {
    return span_of(spec, options) > kMaxPlaces ? kAheadBytes : sizeof(PaneRef);
  }
  std::size_t bytes() const {
    return ring_.capacity() * sizeof(PaneRef) + ahead_.size() * kAheadBytes;
  }

 private:
  static constexpr std::size_t kAheadBytes =
      at_most::tree_node(sizeof(std::pair<const PaneIndex, PaneRef>)).value();

  // Whether the ring has come to the pane, which has not left.
  bool reaches(PaneIndex index) const {
    return floor_ != INT64_MIN && index - floor_ < static_cast<std::int64_t>(ring_.size());
  }
  PaneRef& place(PaneIndex index) {
    const auto length = static_cast<std::int64_t>(ring_.size());
    return ring_[static_cast<std::size_t>(index - floor_div(index, length) * length)];
  }

  template <typename Leave>
  void raise(PaneIndex floor, Leave&& leave) {
    const auto length = static_cast<std::int64_t>(ring_.size());
    // Panes lie within the ring's length above the floor: after a long jump, all have left.
    const bool everything = floor_ == INT64_MIN || floor - floor_ >= length;
    const PaneIndex first = everything ? floor - length : floor_;
    for (PaneIndex i = first; i < floor; ++i) {
      PaneRef& list = place(i);
      if (list != kNoPane) leave(std::exchange(list, kNoPane));
    }
    floor_ = floor;
    // The ring has come to these, or has passed them: their places were those of panes that left.
    while (!ahead_.empty() && reaches(ahead_.begin()->first)) {
      const auto [index, list] = *ahead_.begin();
      ahead_.erase(ahead_.begin());
      if (index < floor) {
        leave(list);
      } else {
        place(index) = list;
      }
    }
  }

  const Micros length_;
  const std::optional<Measure> largest_;
  // The pane of the last contribution.
  PaneIndex last_ = 0;
  Micros last_begin_ = 0;
  PaneIndex floor_ = INT64_MIN;  // panes below it have left
  const std::int64_t span_;
  std::vector<PaneRef> ring_;           // by pane index modulo its length
  std::map<PaneIndex, PaneRef> ahead_;  // further above the floor than the ring is long
};
static_assert(sizeof(SeriesPanes) == 128);

}  // namespace surgewatch::window
