// What late data and corrections change of windows that have closed: the part of Panel that runs
// trackers again.
#include <algorithm>
#include <map>

#include "detect/panel.h"
#include "detect/rules/rule_type.h"

namespace surgewatch::detect {
namespace {

// By subject, each once, from the earliest of its windows on.
template <typename From>
void merge_by_subject(std::vector<From>* list) {
  std::ranges::sort(*list, [](const From& a, const From& b) {
    return a.subject != b.subject ? a.subject < b.subject : a.from < b.from;
  });
  const auto again = std::unique(list->begin(), list->end(), [](const From& a, const From& b) {
    return a.subject == b.subject;
  });
  list->erase(again, list->end());
}

}  // namespace

// One array for all: many of their own, of another size with each window, would leave holes.
void Panel::forget_replayed() {
  replayed_.clear();
  replayed_figures_.clear();
}

std::vector<Panel::Amended> Panel::amend(std::vector<Amended> amended,
                                         std::optional<PaneIndex> unfiltered_from) {
  forget_replayed();
  const auto window_of = [&](PaneIndex pane) {
    return std::max(shape_.last_of_window(pane), timeline_.settled_window() + shape_.window);
  };
  PaneIndex from = INT64_MAX;
  for (Amended& one : amended) {
    one.from = window_of(one.from);
    from = std::min(from, one.from);
  }
  Swell swell;
  if (unfiltered_from.has_value()) {
    from = std::min(from, window_of(*unfiltered_from));
    open_silences(window_of(*unfiltered_from));
    swell = amend_unfiltered(window_of(*unfiltered_from));
  }
  std::vector<Amended> result = amended;
  enter_again(amended, from, &result);
  merge_by_subject(&result);
  const std::vector<Affected> affected = affected_by(result, swell.trackers_from);
  for (const Affected& one : affected) {
    run_again(one);
    run_shares_again(one);
    if (one.tracker_from != INT64_MAX) result.push_back({one.subject, one.tracker_from});
  }
  for (const PaneIndex pane : swell.lines) draw_lines_again(&windows_from(pane)->second);
  if (!swell.lines.empty()) {
    // What their alerts say of the whole.
    for (const std::int32_t subject : active_) {
      if (sums_.has_story(subject)) result.push_back({subject, swell.lines.front()});
    }
  }
  for (auto at = windows_from(from); at != windows_.end(); ++at) {
    weigh_changed(at->first, &at->second, &result);
  }
  merge_by_subject(&result);
  return result;
}

// ---- the unfiltered series ---------------------------------------------------------------------

// Windows that were passed over, and into which data has come.
void Panel::open_silences(PaneIndex from) {
  const PaneIndex closed = timeline_.closed_window();
  const auto all = static_cast<std::size_t>((closed - timeline_.settled_window()) / shape_.window);
  if (windows_.size() == all) return;
  for (PaneIndex pane = from; pane <= closed; pane += shape_.window) {
    if (timeline_.is_passed_over(pane) || find_window(pane) != nullptr) continue;
    Window window;
    window.silent = true;
    window.levels.resize(static_cast<std::size_t>(levels_));
    windows_.emplace(windows_from(pane), pane, std::move(window));
  }
}

Panel::Swell Panel::amend_unfiltered(PaneIndex from) {
  Swell swell;
  const PaneIndex after = unfiltered_.rewind(from);
  for (auto at = windows_from(after + 1); at != windows_.end(); ++at) {
    const PaneIndex pane = at->first;
    Window& window = at->second;
    Window now;
    if (pane >= from) {
      look_at_unfiltered(pane, &now);
    } else {
      now.sums = window.sums;
      now.silent = window.silent;
    }
    now.unfiltered = unfiltered_.close(
        pane, grid(), [&](Tracker* tracker) { return step_unfiltered(pane, tracker); });
    if (pane >= from && swell.trackers_from == INT64_MAX) {
      if (moves_trackers(window, now)) {
        swell.trackers_from = pane;
      } else if (shape_.reads_whole && now.unfiltered.ratio != window.unfiltered.ratio) {
        swell.lines.push_back(pane);
      }
    }
    window.unfiltered = std::move(now.unfiltered);
    window.sums = now.sums;
    window.silent = now.silent;
  }
  return swell;
}

// Whether a subject that holds what it did has other figures, or learns something else, by what the
// unfiltered series holds `now`. What does not matter to any is left out: of growth above that of
// the whole (rules/surge/surge_learner.cc) that it has shrunk a little more, or a little less.
bool Panel::moves_trackers(const Window& before, const Window& now) const {
  if (before.silent != now.silent || (before.sums.amount == 0) != (now.sums.amount == 0)) {
    return true;
  }
  if (shape_.type->traits.shares) {
    return before.sums.amount != now.sums.amount || before.sums.judged != now.sums.judged ||
           before.sums.documents != now.sums.documents;
  }
  if (!shape_.reads_whole) return false;
  const Figures& a = before.unfiltered;
  const Figures& b = now.unfiltered;
  if (a.conclusive() != b.conclusive()) return true;
  if (!a.conclusive() || a.ratio == b.ratio) return false;
  const config::Thresholds& fire = shape_.rule->fire_at;
  constexpr double kRounding = 1e-9;
  const double explains_nothing =
      fire.excess_over_total.has_value()
          ? std::min(1.0, (1 - kRounding) * fire.ratio.value_or(0) / *fire.excess_over_total)
          : 1.0;
  const auto is_small = [&](double ratio) { return 0 < ratio && ratio <= explains_nothing; };
  return !is_small(a.ratio) || !is_small(b.ratio);
}

// ---- trackers ----------------------------------------------------------------------------------

std::vector<Panel::Affected> Panel::affected_by(const std::vector<Amended>& amended,
                                                PaneIndex trackers_from) {
  std::map<std::int32_t, Affected> all;
  const auto add = [&](std::int32_t subject, PaneIndex tracker_from, PaneIndex share_from) {
    Affected& one = all[subject];
    one.subject = subject;
    one.tracker_from = std::min(one.tracker_from, tracker_from);
    one.share_from = std::min(one.share_from, share_from);
  };
  for (const Amended& one : amended) {
    add(one.subject, one.from, one.from);
    const auto parts = parts_.find(one.subject);
    if (parts == parts_.end()) continue;
    for (const std::int32_t part : parts->second) add(part, INT64_MAX, one.from);
  }
  if (trackers_from != INT64_MAX) {
    for (const std::int32_t subject : everyone_) {
      // Where nothing is kept and nothing held, nothing is said.
      const bool is_there =
          track(subject).kept != nullptr ||
          sums_.next(subject, trackers_from - (Timeline::kRecentWindows + 1) * shape_.window)
              .has_value();
      if (is_there) add(subject, trackers_from, levels_ > 1 ? trackers_from : INT64_MAX);
    }
  }
  std::vector<Affected> result;
  result.reserve(all.size());
  for (const auto& [subject, one] : all) result.push_back(one);
  return result;
}

void Panel::run_again(const Affected& affected) {
  const std::int32_t subject = affected.subject;
  const PaneIndex from = affected.tracker_from;
  if (from == INT64_MAX) return;
  if (is_dense_) keep_if_worth(subject);
  const auto first = windows_from(from);
  const auto count = static_cast<std::size_t>(windows_.end() - first);
  const bool is_replayed = replayed_figures_.size() + count <= kMostReplayedFigures;
  if (is_replayed) {
    replayed_.push_back({.subject = subject, .from = from, .first = replayed_figures_.size()});
  }
  const auto take = [&](PaneIndex pane, Window* window, Figures figures) {
    if (pane < from) return;
    std::optional<Test> test;
    if (is_active(subject, pane)) {
      const Test* before = find_test(*window, subject);
      const bool rises = before != nullptr && (before->flags & kShareRises) != 0;
      test = test_of(subject, figures, rises);
    }
    exchange(window, subject, test);
    if (is_replayed) replayed_figures_.push_back(std::move(figures));
  };
  const auto& of = track(subject);
  if (of.kept != nullptr) {
    const PaneIndex after = of.kept->tracker.rewind(from);
    for (auto at = windows_from(after + 1); at != windows_.end(); ++at) {
      take(at->first, &at->second, of.kept->tracker.close(at->first, grid(), [&](Tracker* tracker) {
        return step(subject, tracker, at->first, &at->second, is_replayed && at->first >= from);
      }));
    }
  } else {
    Tracker tracker = tracker_before(subject, from);
    for (auto at = first; at != windows_.end(); ++at) {
      take(at->first, &at->second, step(subject, &tracker, at->first, &at->second, is_replayed));
    }
  }
  if (!shape_.type->traits.knows_its_like) return;
  count_again(subject);
  for (auto at = first; at != windows_.end(); ++at) {
    if (!is_active(subject, at->first)) continue;
    std::vector<std::int32_t>& holders = at->second.holders;
    const auto place = std::ranges::lower_bound(holders, subject);
    if (place == holders.end() || *place != subject) holders.insert(place, subject);
  }
}

void Panel::run_shares_again(const Affected& affected) {
  const std::int32_t subject = affected.subject;
  const PaneIndex from = affected.share_from;
  if (from == INT64_MAX || track(subject).parent == kUnfiltered) return;
  keep_if_worth(subject);
  const auto& kept = track(subject).kept;
  const PaneIndex after = kept->share->rewind(from);
  for (auto at = windows_from(after + 1); at != windows_.end(); ++at) {
    const bool rises = kept->share->close(at->first, grid(), [&](ShareLearner* share) {
      return step_share(subject, share, at->first, &at->second);
    });
    if (at->first >= from) set_share_rises(&at->second, subject, rises);
  }
}

void Panel::replay(std::int32_t subject, PaneIndex from,
                   absl::FunctionRef<void(PaneIndex, const Figures&)> visitor) {
  if (windows_.empty()) return;
  from = std::max(shape_.last_of_window(from), windows_.front().first);
  const auto first = windows_from(from);
  const auto known = std::ranges::lower_bound(replayed_, subject, {}, &Replayed::subject);
  if (known != replayed_.end() && known->subject == subject && known->from <= from) {
    auto figures = replayed_figures_.begin() + static_cast<std::ptrdiff_t>(known->first) +
                   (first - windows_from(known->from));
    for (auto at = first; at != windows_.end(); ++at, ++figures) {
      Figures now = *figures;
      set_verdict(at->first, subject, &now);
      visitor(at->first, now);
    }
    return;
  }
  Tracker tracker = tracker_before(subject, from);
  for (auto at = first; at != windows_.end(); ++at) {
    Figures figures = step(subject, &tracker, at->first, &at->second, /*wants_bound=*/true);
    set_verdict(at->first, subject, &figures);
    visitor(at->first, figures);
  }
}

}  // namespace surgewatch::detect
