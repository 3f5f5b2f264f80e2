// What any thread may ask of a window, while its writer goes on.
//
// Threads: any; lock-free: a read repeats only because the writer has completed a step, wherever it
// may be stopped. The parts below are the writer's and the flusher's, who are Window.
// Invariants
//   - A read of a pane gives what the pane held after some addition, tag and sums together, and
//     reads of one pane do not go back.
//   - All events below a progress' next_offset are in what is read after it; some of those above
//     may be.
//   - A miss is a pane that has left, or one without contributions: which of the two, kept_from()
//     tells, if it is asked for after the miss.
// The arguments are in docs/window.md.
#pragma once

#include <cstdint>
#include <vector>

#include "base/measures.h"
#include "base/time.h"
#include "window/hand_over.h"
#include "window/keys.h"
#include "window/live_panes.h"
#include "window/pane.h"
#include "window/series_spec.h"

namespace surgewatch::window {

class Reads {
 public:
  using Key = Keys::Key;

  Reads(const Reads&) = delete;
  Reads& operator=(const Reads&) = delete;

  Progress progress() const { return hand_over_.progress(); }
  // The first pane that none has left before, of a series with panes of this length; INT64_MIN
  // while none has left. A reader that has missed a pane because it had left finds, afterwards,
  // that this is beyond it.
  PaneIndex kept_from(Micros pane_length) const { return panes_.kept_from(pane_length); }

  // Slots there are, with a key or without: below it are all that have one.
  std::uint32_t slot_count() const { return keys_.slot_count(); }
  // The key that is in a slot; false if there is none. Its generation is that key's alone.
  bool read_key(SlotId slot, Key* key) const { return keys_.read(slot, key); }
  bool is_in(SlotId slot, std::uint32_t generation) const { return keys_.is_in(slot, generation); }

  // A pane of whichever key is in the slot. `exact`, unless null, gets its sums in 128 bits.
  bool read(SlotId slot, PaneIndex pane_index, PaneSnapshot* snapshot,
            WideMeasures* exact = nullptr) const {
    return panes_.read(slot, pane_index, snapshot, exact);
  }
  // The same, of the key that read_key() found there; false if that has left.
  bool read(SlotId slot, std::uint32_t generation, PaneIndex pane_index, PaneSnapshot* snapshot,
            WideMeasures* exact = nullptr) const {
    return panes_.read(slot, pane_index, snapshot, exact) && keys_.is_in(slot, generation);
  }

  // Panes that were ever needed at once: what the pool holds.
  std::uint32_t pane_capacity() const { return panes_.capacity(); }

 protected:
  Reads(const std::vector<SeriesSpec>& series, const Options& options)
      : hand_over_(options.dirty_ring_capacity),
        keys_(series, options, hand_over_.epochs()),
        panes_(series, options, hand_over_.epochs()) {}
  ~Reads() = default;

  HandOver hand_over_;
  Keys keys_;
  LivePanes panes_;
};

}  // namespace surgewatch::window
