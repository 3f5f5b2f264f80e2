#include "pane_windows.h"

#include <utility>

namespace surgewatch::peers {

KeyId PaneWindows::key(std::string_view country, std::string_view sku) {
  text_.assign(country).append(" ").append(sku);
  const auto [at, is_new] = ids_.try_emplace(text_, static_cast<KeyId>(names_.size()));
  if (is_new) names_.push_back({std::string(country), std::string(sku)});
  return at->second;
}

Sums* PaneWindows::part(std::size_t source, KeyId key, PaneIndex pane, Sums** total) {
  if (!any_) {
    any_ = true;
    first_open_ = pane;
  }
  if (pane < first_open_) {
    if (closing_) return nullptr;
    for (; first_open_ > pane; --first_open_) open_.emplace_front();
  }
  const auto place = static_cast<std::size_t>(pane - first_open_);
  if (open_.size() <= place) open_.resize(place + 1);
  Pane& found = open_[place];
  if (found.totals.size() <= key) {
    found.totals.resize(names_.size());
    found.parts.resize(names_.size() * sources_);
  }
  *total = &found.totals[key];
  return &found.parts[key * sources_ + source];
}

bool PaneWindows::set(std::size_t source, KeyId key, PaneIndex pane, const Sums& sums) {
  Sums* total = nullptr;
  Sums* part = this->part(source, key, pane, &total);
  if (part == nullptr) return false;
  *total += sums;
  *total -= *part;
  *part = sums;
  return true;
}

void PaneWindows::close_before(PaneIndex pane) {
  while (any_ && first_open_ < pane && !open_.empty()) close_one();
}

void PaneWindows::finish() {
  if (!any_) return;
  while (!open_.empty()) close_one();
  // The last windows end in minutes without events.
  for (std::int64_t i = 1; i < job_.minutes; ++i) {
    open_.emplace_back();
    close_one();
  }
}

void PaneWindows::close_one() {
  closing_ = true;
  running_.resize(names_.size());
  closed_.push_back(std::move(open_.front().totals));
  open_.pop_front();
  const std::vector<Sums>& entering = closed_.back();
  for (std::size_t key = 0; key < entering.size(); ++key) running_[key] += entering[key];
  if (closed_.size() > static_cast<std::size_t>(job_.minutes)) {
    const std::vector<Sums>& leaving = closed_.front();
    for (std::size_t key = 0; key < leaving.size(); ++key) running_[key] -= leaving[key];
    closed_.pop_front();
  }
  const PaneIndex first = first_open_ - job_.minutes + 1;
  for (std::size_t key = 0; key < running_.size(); ++key) {
    if (running_[key].documents == 0) continue;
    rows_->write(first, names_[key].country, names_[key].sku, running_[key]);
  }
  ++first_open_;
}

}  // namespace surgewatch::peers
