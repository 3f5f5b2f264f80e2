// What the writer hands over to the flusher: panes that have changed, corrections, progress.
//
//   writer   mark(pane) ─► dirty ring, or a flag when it is full ─┐
//            push(correction) ──────► queue ──────────────────────┼─► collect()   flusher
//            publish(offset, watermark, epoch) ───────────────────┘
//
// Threads: the writer marks, pushes and publishes, and waits for nobody; one flusher at a time
// calls collect(), lock-free; any thread reads the progress. Invariants
//   - collect() gives a state that holds at least every event below its next_offset, and exactly
//   the
//     corrections of those events.
//   - A pane that is not settled and has changed since it was read is in the ring, on the list of
//     what is watched, or the flag is up (epochs.h has what settled means).
//   - Each pane is in the ring once an epoch, so that the ring holds one of each.
// The argument is in docs/window.md. Checked: tests/model/flush.pml, tests/model/largest.pml.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/largest.h"
#include "base/measures.h"
#include "base/time.h"
#include "window/alternating_words.h"
#include "window/chunk_queue.h"
#include "window/dirty_ring.h"
#include "window/epochs.h"
#include "window/pane.h"
#include "window/series_spec.h"

namespace surgewatch::window {

class Keys;
class LivePanes;

// A contribution below the floor.
struct Correction {
  SlotId slot = kNoSlot;
  PaneIndex pane_index = 0;
  MeasureValues values;
  std::int64_t offset = 0;
};

struct Progress {
  std::int64_t next_offset = 0;  // every event below it is reflected
  std::optional<Micros> watermark;
};

// What collect() finds: panes as they are now, corrections in the order of their offsets.
struct Collected {
  struct Exact {
    std::size_t pane = 0;  // which of the panes; they are in their order
    WideMeasures values;
  };
  struct PaneLargest {
    std::size_t pane = 0;  // as above
    Largest document;
  };

  Progress progress;
  std::vector<PaneSnapshot> panes;
  std::vector<Exact> exact;          // of the panes that are wide
  std::vector<PaneLargest> largest;  // of the panes whose series keeps it
  std::vector<Correction> corrections;
};

class HandOver {
 public:
  explicit HandOver(std::size_t ring_capacity) : dirty_(ring_capacity) {}

  const Epochs* epochs() const { return &epochs_; }

  // ---- Writer.
  void begin_event() { epochs_.begin_event(); }
  // The pane has changed.
  void mark(Pane* pane, PaneRef number) {
    if (pane->dirty_epoch() != epochs_.of_event()) hand_over(pane, number);
  }
  void push(const Correction& correction) { corrections_.push(correction); }
  void publish(std::int64_t next_offset, Micros watermark) {
    published_.publish({next_offset, watermark, epochs_.of_event()});
  }

  // ---- Flusher: see Window.
  bool collect(const LivePanes& panes, const Keys& keys, Collected* collected);

  // ---- Any thread.
  Progress progress() const;

 private:
  struct Watched {
    PaneRef pane = kNoPane;
    std::uint32_t sequence = 0;  // at which it was read last
  };

  void hand_over(Pane* pane, PaneRef number);
  void find_dirty(std::uint64_t tail, const LivePanes& panes);

  Epochs epochs_;
  DirtyRing dirty_;
  ChunkQueue<Correction> corrections_;
  // Set by the writer when the ring was full, before it publishes; cleared by the flusher before it
  // looks at every pane. Release and acquire: a pane marked before the flag was set is seen by who
  // sees the flag; one marked later sets it again.
  alignas(64) std::atomic<bool> ring_was_full_{false};
  // The next offset, the watermark and the writer's epoch, after each event.
  alignas(64) AlternatingWords<3> published_{{0, kNoWatermark, 0}};

  // Flusher's.
  alignas(64) std::int64_t collected_offset_ = 0;
  bool collected_any_ = false;
  std::vector<PaneRef> found_;
  std::vector<Watched> watched_;  // by pane number
  std::vector<Watched> watched_next_;
};

}  // namespace surgewatch::window
