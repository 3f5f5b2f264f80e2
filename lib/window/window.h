// The window of one source: sums by series, key and pane, written by one thread at full speed while
// others read. Knows neither Kafka nor protobuf, does no I/O, and has no clock. docs/window.md has
// the whole argument; the parts have theirs beside the code.
//
//                      ┌─ Keys        which keys are there, their slots and texts    keys.h
//   writer ─► Window ──┼─ LivePanes   panes by key and time, what has left           live_panes.h
//                      └─ HandOver ─► flusher: what has changed, and the epochs      hand_over.h
//   readers ─► Reads, which a Window is to every other thread                        reads.h
//
// Threads
//   writer   owns everything but the flusher's part; its calls take no lock and wait for nobody.
//   flusher  one thread at a time calls collect(); lock-free.
//   readers  any thread: Reads; lock-free.
//
// Invariants
//   - What is added to a live pane is summed there. What is added below the floor, to a pane that
//     events can't reach any more, is handed over as a correction, with its offset. So the total of
//     a pane is the newest snapshot of it plus all its corrections, and which of the two a
//     contribution went to depends on the prefix of the source alone.
//   - Which keys are there, and what `other` holds, is a function of that prefix too.
//   - A pane is marked after each addition, and progress published after all of an event's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/measures.h"
#include "base/saturating.h"
#include "base/time.h"
#include "window/dictionary.h"
#include "window/hand_over.h"
#include "window/keys.h"
#include "window/live_panes.h"
#include "window/pane.h"
#include "window/reads.h"
#include "window/series_spec.h"

namespace surgewatch::window {

class Window : public Reads {
 public:
  Window(const std::vector<SeriesSpec>& series, const Options& options) : Reads(series, options) {}

  // ---- Writer. An event is begin_event(), any of the middle ones, publish(). A group of events
  // may be published as one: end_event() after each but the last.
  void begin_event() { hand_over_.begin_event(); }

  // The key's slot: see Keys.
  SlotChoice slot(std::size_t series, const KeyValues& values,
                  std::span<const std::string_view> texts) {
    return keys_.slot(series, values, texts);
  }

  // Looking ahead, some events before a key's turn: memory is slower than everything else here.
  // First prefetch(), then guess() with the hash that it returns, then prefetch_pane() and slot()
  // with the guess; each asks memory for what the next one needs. All but slot() change nothing, so
  // that what is ahead of its turn can't count.
  std::uint64_t prefetch(std::size_t series, const KeyValues& values) const {
    return keys_.prefetch(series, values);
  }
  SlotId guess(std::uint64_t hash) const { return keys_.guess(hash); }
  void prefetch_pane(SlotId guess) const {
    if (guess == kNoSlot) [[unlikely]]
      return;
    panes_.prefetch(keys_[guess].last_pane);  // anything, of a slot that has been given up
  }
  SlotChoice slot(std::size_t series, const KeyValues& values,
                  std::span<const std::string_view> texts, SlotId guess) {
    return keys_.slot(series, values, texts, guess);
  }

  // Adds to the pane of `time`, or leaves a correction. False if a sum of the pane does not fit 64
  // bits now: what readers get of it is the nearest that does. If the watermark has not come to
  // time − out_of_orderness, hold() must follow.
  template <Publication kPublication = Publication::kOn>
  bool add(SlotId slot, Micros time, const MeasureValues& values, std::int64_t offset,
           Effect effect = Effect::kTakeIn) {
    const Keys::Slot& to = keys_[slot];
    SeriesPanes& series = panes_.series(to.own_series());
    const PaneIndex pane_index = series.index_of(time);
    // What nearly all are: to the pane that the key used last, and its sums fit.
    if (!series.has_left(pane_index) && to.last_pane != kNoPane) [[likely]] {
      Pane& pane = panes_[to.last_pane];
      if (pane.is_narrow(slot, pane_index)) [[likely]] {
        if (series.largest()) panes_.note_document(to.last_pane, values[*series.largest()], effect);
        if (!panes_.add_narrow<kPublication>(&pane, values)) [[unlikely]]
          return add_wide<kPublication>(to.last_pane, values);
        if constexpr (kPublication == Publication::kOn) hand_over_.mark(&pane, to.last_pane);
        return true;
      }
    }
    return add_elsewhere<kPublication>(slot, pane_index, values, offset, effect);
  }

  // A document that uses the key is of `time`, of which the watermark has not come to within
  // out_of_orderness: the key is there until it has, and then counts as used.
  void hold(SlotId slot, Micros time) {
    next_border_ = std::min(next_border_, keys_.hold(slot, time));
  }

  // The watermark never falls; it is above kNoWatermark.
  void advance(Micros watermark) {
    if (watermark <= watermark_) return;
    if (watermark >= next_border_) [[unlikely]]
      cross_border(watermark);
    watermark_ = watermark;
  }

  // Some of what was left over from a border, while there is any.
  void end_event() {
    if (has_leftovers_) [[unlikely]]
      tidy();
  }
  template <Publication kPublication = Publication::kOn>
  void publish(std::int64_t next_offset) {
    end_event();
    if constexpr (kPublication == Publication::kOn) hand_over_.publish(next_offset, watermark_);
  }

  Dictionary& dictionary() { return keys_.dictionary(); }

  std::size_t key_count() const { return keys_.count(); }  // that count as there, with `other`
  // What it takes at the most, except what waits in queues: whatever comes, of which `outliers`
  // events are ahead at once.
  struct AtMost {
    Saturating panes_per_key;    // there at once, and those that are on their way out
    std::size_t pane = 0;        // bytes of each
    Saturating key_count;        // slots, of keys that are there or on their way out
    std::size_t key = 0;         // bytes of each, its texts aside
    Saturating pane_indexes;     // lists of panes
    std::size_t pane_index = 0;  // bytes of each, about
  };
  static AtMost at_most(const SeriesSpec& spec, const Options& options, Saturating keys);
  // Whatever the series.
  static std::size_t empty_bytes(const Options& options);
  // All that keys, panes and what is kept beside them take, except what waits in queues.
  std::size_t bytes() const { return keys_.bytes() + panes_.bytes(); }

  // ---- Flusher. False if nothing was published since the last call; `collected` is then empty but
  // for the progress. The keys of what it brings may be asked for until the next call.
  bool collect(Collected* collected) { return hand_over_.collect(panes_, keys_, collected); }
  std::uint32_t series_of(SlotId slot) const { return keys_.series_of(slot); }
  std::string_view key_text(SlotId slot, std::size_t dimension) const {
    return keys_.text(slot, dimension);
  }
  std::size_t dimensions(SlotId slot) const { return keys_.dimensions(slot); }

 private:
  template <Publication kPublication>
  bool add_elsewhere(SlotId slot, PaneIndex pane_index, const MeasureValues& values,
                     std::int64_t offset, Effect effect);
  // To a pane whose sums may not fit; the document has been noted.
  template <Publication kPublication>
  bool add_wide(PaneRef pane, const MeasureValues& values);
  void cross_border(Micros watermark);
  void tidy();

  // Writer's: not in a line that readers look at.
  alignas(64) Micros watermark_ = kNoWatermark;
  Micros next_border_ = INT64_MIN;  // watermark at which a floor rises or keys may leave
  bool has_leftovers_ = false;      // panes or keys that have left and are still there
};

}  // namespace surgewatch::window
