#include "window/window.h"

#include <algorithm>

#include "window/hash_table.h"

namespace surgewatch::window {
namespace {

// Panes taken out of the table with each event, while there are any that have left.
constexpr std::size_t kRecycledPerEvent = 1;

}  // namespace

template <Publication kPublication>
bool Window::add_wide(PaneRef pane, const MeasureValues& values) {
  const bool fitted = panes_.add<kPublication>(pane, values);
  if constexpr (kPublication == Publication::kOn) hand_over_.mark(&panes_[pane], pane);
  return fitted;
}
template bool Window::add_wide<Publication::kOn>(PaneRef, const MeasureValues&);
template bool Window::add_wide<Publication::kOff>(PaneRef, const MeasureValues&);

// Whatever add() has no short way for: another pane than the last, a correction, wide sums.
template <Publication kPublication>
bool Window::add_elsewhere(SlotId slot, PaneIndex pane_index, const MeasureValues& values,
                           std::int64_t offset, Effect effect) {
  Keys::Slot& to = keys_[slot];
  const std::uint32_t number = to.own_series();
  const SeriesPanes& series = panes_.series(number);
  if (series.has_left(pane_index)) {
    hand_over_.push({slot, pane_index, values, offset});
    return true;
  }
  PaneRef pane = to.last_pane;
  if (pane == kNoPane || !panes_[pane].is(slot, pane_index)) {
    // The newer of two: a late event does not turn the next one away, nor does one far ahead.
    const bool is_late =
        pane != kNoPane && panes_[pane].slot() == slot && panes_[pane].pane_index() > pane_index;
    pane = panes_.find_or_make(number, slot, pane_index);
    if (!is_late && !series.is_far_ahead(pane_index)) to.last_pane = pane;
  }
  if (series.largest()) panes_.note_document(pane, values[*series.largest()], effect);
  return add_wide<kPublication>(pane, values);
}
template bool Window::add_elsewhere<Publication::kOn>(SlotId, PaneIndex, const MeasureValues&,
                                                      std::int64_t, Effect);
template bool Window::add_elsewhere<Publication::kOff>(SlotId, PaneIndex, const MeasureValues&,
                                                       std::int64_t, Effect);

void Window::cross_border(Micros watermark) {
  const Micros next_floor = panes_.raise_floors(watermark);
  next_border_ = std::min(next_floor, keys_.advance(watermark_, watermark));
  has_leftovers_ = true;
}

void Window::tidy() {
  panes_.recycle(kRecycledPerEvent);
  keys_.tidy(panes_.lists_left(), panes_.lists_gone());
  has_leftovers_ = panes_.has_leftovers() || keys_.has_leftovers();
}

Window::AtMost Window::at_most(const SeriesSpec& spec, const Options& options, Saturating keys) {
  AtMost most;
  most.panes_per_key = LivePanes::panes_per_key_at_most(spec, options);
  most.pane = LivePanes::bytes_per_pane(spec);
  most.key_count = Keys::slots_at_most(keys);
  most.key = Keys::bytes_per_slot();
  most.pane_indexes = SeriesPanes::span_of(spec, options);
  most.pane_index = SeriesPanes::bytes_per_index(spec, options);
  return most;
}

std::size_t Window::empty_bytes(const Options& options) {
  return sizeof(Window) + 3 * HashIndex::empty_bytes() +
         options.dirty_ring_capacity * sizeof(PaneRef);
}

}  // namespace surgewatch::window
