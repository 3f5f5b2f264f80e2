#include "detect/timeline.h"

#include <algorithm>

#include "journal/merger.h"

namespace surgewatch::detect {

bool Timeline::note_data(PaneIndex pane) {
  newest_data_known_.reset();
  if (has_begun_ && pane <= closed_) {
    last_closed_data_ = std::max(last_closed_data_, pane);
    break_silence(pane);
    return true;
  }
  if (pane != last_noted_) {
    open_data_.insert(pane);
    last_noted_ = pane;
  }
  return false;
}

PaneIndex Timeline::last_closable(Micros passed) {
  if (passed < journal::kEndOfInput) return pane_of(passed, shape_.pane_length) - 1;
  if (!newest_data_known_.has_value()) newest_data_known_ = newest_data_();
  return *newest_data_known_;
}

std::optional<PaneIndex> Timeline::next_to_close(Micros passed) {
  if (!has_begun_ && open_data_.empty()) return std::nullopt;
  const PaneIndex next = has_begun_ ? closed_ + 1 : *open_data_.begin();
  return next <= last_closable(passed) ? std::optional<PaneIndex>(next) : std::nullopt;
}

void Timeline::begin(std::optional<PaneIndex> heard_from) {
  has_begun_ = true;
  first_ = *open_data_.begin();
  if (heard_from.has_value()) first_ = std::min(first_, *heard_from);
  closed_ = settled_ = final_ = first_ - 1;
}

void Timeline::close_pane() {
  ++closed_;
  if (open_data_.empty() || *open_data_.begin() != closed_) return;
  open_data_.erase(open_data_.begin());
  last_noted_.reset();
  last_closed_data_ = closed_;
}

bool Timeline::close_silence(Micros passed) {
  const PaneIndex last = last_closable(passed);
  const bool is_empty = last_closed_data_ == INT64_MIN || closed_ > last_closed_data_ + read();
  if (!is_empty) return false;
  const PaneIndex next_data = open_data_.empty() ? last + 1 : *open_data_.begin();
  const PaneIndex end = shape_.last_ended(std::min(next_data - 1, last));
  if (end <= closed_) return false;
  silences_.push_back({.first = closed_ + 1, .last = end});
  closed_ = end;
  return true;
}

void Timeline::break_silence(PaneIndex pane) {
  const PaneIndex first = shape_.learns ? shape_.window_begin(shape_.last_of_window(pane)) : pane;
  const PaneIndex last = shape_.last_of_window(pane + read());
  std::vector<Silence> left;
  for (const Silence& silence : silences_) {
    const Silence before{.first = silence.first, .last = std::min(silence.last, first - 1)};
    const Silence behind{.first = std::max(silence.first, last + 1), .last = silence.last};
    if (before.first <= before.last) left.push_back(before);
    if (behind.first <= behind.last) left.push_back(behind);
  }
  silences_ = std::move(left);
}

std::optional<PaneIndex> Timeline::end_of_silence(PaneIndex pane) const {
  for (const Silence& silence : silences_) {
    if (silence.first <= pane && pane <= silence.last) return silence.last;
  }
  return std::nullopt;
}

std::optional<PaneIndex> Timeline::next_to_be_final() const {
  return has_begun_ && final_ < closed_ ? std::optional<PaneIndex>(final_ + 1) : std::nullopt;
}

void Timeline::make_final(PaneIndex last) {
  const PaneIndex next = final_ + 1;
  final_ = std::max(next, std::min({end_of_silence(next).value_or(next), last, closed_}));
}

bool Timeline::settle_oldest() {
  const PaneIndex next = settled_ + 1;
  const std::optional<PaneIndex> silence = end_of_silence(next);
  settled_ = std::min(silence.value_or(next), closed_ - shape_.correctable);
  std::erase_if(silences_, [&](const Silence& range) {
    return range.last <= settled_ && range.last <= final_;
  });
  return silence.has_value();
}

bool Timeline::can_forget() const {
  return kept_from_ == INT64_MIN || settled_ - kept_from_ >= shape_.reach + kForgetStep;
}

void Timeline::forget() { kept_from_ = std::max(kept_from_, settled_ - shape_.reach + 1); }

}  // namespace surgewatch::detect
