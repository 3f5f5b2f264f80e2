#include "window/pane_pool.h"

namespace surgewatch::window {

PaneRef PanePool::take() {
  if (free_ == kNoPane) return panes_.append();
  const PaneRef pane = free_;
  free_ = panes_[pane].next;
  prefetch(free_);
  return pane;
}

void PanePool::give_back(PaneRef pane) {
  panes_[pane].forget_wide(&wide_, &outcome_);
  panes_[pane].next = free_;
  free_ = pane;
}

}  // namespace surgewatch::window
