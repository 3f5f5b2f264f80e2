// new_entity: who is new when, against whom: the part of Panel that counts subjects.
#include <algorithm>

#include "absl/container/btree_map.h"
#include "detect/panel.h"
#include "detect/rules/rule_type.h"

namespace surgewatch::detect {
namespace {

// new_entity: windows of a sibling for its mean to count, and what makes a subject old enough for a
// baseline of its own (statistics/first_seen.h).
constexpr std::int64_t kLeastWindows = 4;
constexpr std::int64_t kOldWindows = 52;
constexpr double kOldDocuments = 50;

}  // namespace

void Panel::enter(const std::vector<std::int32_t>& subjects, PaneIndex pane) {
  if (subjects.empty() || !shape_.type->traits.knows_its_like) return;
  Entry entry;
  const WindowSums whole = sums_.of(kUnfiltered, pane);
  const bool documents_known = whole.documents > 0 && whole.amount > 0;
  if (shape_.in_documents && documents_known) entry.unit = whole.amount / whole.documents;
  entry.is_watched = timeline_.windows_to(pane) > shape_.rule->learning->warm_up;
  std::vector<double> rates;
  for (const std::int32_t subject : everyone_) {
    const Track& of = track(subject);
    if (!entry.is_watched || of.entered >= pane) continue;
    const std::int64_t windows = (pane - of.entered) / shape_.window;
    if (windows < kLeastWindows) continue;
    rates.push_back(total_before(subject, pane) / static_cast<double>(windows) / entry.unit);
  }
  // Subjects come in the order in which they were first seen.
  std::sort(rates.begin(), rates.end());
  entry.prior = statistics::pooled_prior(rates);
  for (const std::int32_t subject : subjects) {
    std::unique_ptr<Entrance>& entrance = track(subject).entrance;
    if (entry.is_watched && entrance == nullptr) entrance = std::make_unique<Entrance>();
    if (entrance != nullptr) entrance->entry = entry;
  }
}

// Those whose first window is not settled may have another one now, or other siblings.
void Panel::enter_again(const std::vector<Amended>& amended, PaneIndex from,
                        std::vector<Amended>* affected) {
  for (const Amended& one : amended) {
    Track& of = track(one.subject);
    const PaneIndex first = first_window(one.subject);
    of.entered = first <= timeline_.closed_window() ? first : INT64_MAX;
  }
  if (!shape_.type->traits.knows_its_like) return;
  absl::btree_map<PaneIndex, std::vector<std::int32_t>> entering;
  absl::flat_hash_map<std::int32_t, PaneIndex> first_of;
  for (const Amended& one : *affected) first_of[one.subject] = one.from;
  for (const std::int32_t subject : everyone_) {
    const PaneIndex entered = track(subject).entered;
    if (entered < from || entered == INT64_MAX) continue;
    entering[entered].push_back(subject);
    PaneIndex& first = first_of.try_emplace(subject, entered).first->second;
    first = std::min(first, entered);
  }
  affected->clear();
  for (const auto& [subject, first] : first_of) affected->push_back({subject, first});
  std::ranges::sort(*affected, {}, &Amended::subject);
  for (const auto& [pane, subjects] : entering) enter(subjects, pane);
}

double Panel::total_before(std::int32_t subject, PaneIndex pane) const {
  const Track& of = track(subject);
  double total = of.total;
  PaneIndex done = std::max(timeline_.settled_window(), of.entered - shape_.window);
  for (;;) {
    const std::optional<PaneIndex> next = sums_.next(subject, done);
    if (!next.has_value() || *next > pane - shape_.window) return total;
    done = shape_.last_of_window(*next);
    total += std::max(0.0, sums_.of(subject, done).amount);
  }
}

// Last pane of the first window in which the subject is old enough for a baseline of its own.
PaneIndex Panel::old_from(std::int32_t subject) const {
  const Track& of = track(subject);
  const double unit = of.entrance->entry.unit;
  double total = of.total;
  PaneIndex done = std::max(timeline_.settled_window(), of.entered - shape_.window);
  while (total / unit < kOldDocuments) {
    const std::optional<PaneIndex> next = sums_.next(subject, done);
    if (!next.has_value() || *next > timeline_.closed()) return INT64_MAX;
    done = shape_.last_of_window(*next);
    total += std::max(0.0, sums_.of(subject, done).amount);
  }
  return std::max(done + shape_.window, of.entered + kOldWindows * shape_.window);
}

std::size_t Panel::entities_in(PaneIndex pane) {
  counted_to_ = pane;
  while (!more_entities_.empty() && more_entities_.begin()->first <= pane) {
    entities_ += more_entities_.begin()->second;
    more_entities_.erase(more_entities_.begin());
  }
  return static_cast<std::size_t>(entities_);
}

// Counts a subject that holds something else than before, or has entered, from its first window to
// before the one in which it is old.
void Panel::count_again(std::int32_t subject) {
  const Track& of = track(subject);
  if (of.entrance == nullptr) return;
  Entrance& entrance = *of.entrance;
  const bool counts = entrance.entry.is_watched && of.entered != INT64_MAX;
  const PaneIndex from = counts ? of.entered : INT64_MAX;
  const PaneIndex to = counts ? std::max(of.entered, old_from(subject)) : INT64_MAX;
  count_from(entrance.counts_from, -1);
  count_from(entrance.counts_to, 1);
  count_from(from, 1);
  count_from(to, -1);
  entrance.counts_from = from;
  entrance.counts_to = to;
}

// A subject that is forgotten is no entity of the windows to come.
void Panel::count_no_more(const Entrance& entrance) {
  const auto cancel = [&](PaneIndex pane, std::int64_t more) {
    if (pane != INT64_MAX) count_from(std::max(pane, counted_to_ + 1), more);
  };
  cancel(entrance.counts_from, -1);
  cancel(entrance.counts_to, 1);
}

// One more, or one fewer, in all windows from this one on.
void Panel::count_from(PaneIndex pane, std::int64_t more) {
  if (pane == INT64_MAX) return;
  if (pane > counted_to_) {
    more_entities_[pane] += more;
    return;
  }
  entities_ += more;
  for (auto at = windows_from(pane); at != windows_.end() && at->first <= counted_to_; ++at) {
    at->second.entities += static_cast<std::size_t>(more);
    at->second.is_changed = true;
  }
}

}  // namespace surgewatch::detect
