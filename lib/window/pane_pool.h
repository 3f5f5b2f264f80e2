// Panes, recycled and never freed: memory that a late reader may always look at.
//
// Threads: one writer takes and gives back; any thread reads panes by number.
#pragma once

#include <cstdint>

#include "window/chunked_array.h"
#include "window/pane.h"

namespace surgewatch::window {

class PanePool {
 public:
  // Writer. The pane still has its former tag.
  PaneRef take();
  void give_back(PaneRef pane);

  // Writer: see Pane.
  void assign(PaneRef pane, SlotId slot, PaneIndex pane_index) {
    panes_[pane].assign(slot, pane_index, &outcome_);
  }
  // Writer. False if a sum does not fit 64 bits now.
  template <Publication kPublication = Publication::kOn>
  bool add(PaneRef pane, const MeasureValues& values) {
    Pane& to = panes_[pane];
    return (to.is_narrow() && to.add<kPublication>(values, &outcome_)) ||
           to.add_wide(values, &wide_, &outcome_);
  }
  PaneOutcome* outcome() { return &outcome_; }  // writer
  // Any thread: see Pane.
  std::uint32_t read(PaneRef pane, PaneSnapshot* snapshot, WideMeasures* exact = nullptr) const {
    return panes_[pane].read(outcome_, wide_, snapshot, exact);
  }

  // Writer. Asks memory for a pane that it will change soon; kNoPane for none.
  void prefetch(PaneRef pane) const {
    if (pane == kNoPane) return;
#ifdef __x86_64__
    // Every processor of this kind has it, at worst without effect; the builtin would only read.
    asm volatile("prefetchw %0" : : "m"(panes_[pane]));
#else
    __builtin_prefetch(&panes_[pane], 1);
#endif
  }

  Pane& operator[](PaneRef pane) { return panes_[pane]; }
  const Pane& operator[](PaneRef pane) const { return panes_[pane]; }

  // Panes there are, in use or not. Any thread.
  std::uint32_t size() const { return panes_.size(); }

 private:
  PaneOutcome outcome_;
  WidePlaces wide_;
  ChunkedArray<Pane, 1024> panes_;
  PaneRef free_ = kNoPane;  // linked by Pane::next
};

}  // namespace surgewatch::window
