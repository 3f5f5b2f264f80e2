#include "detect/panel.h"

#include <algorithm>

#include "base/check.h"
#include "detect/rules/rule_type.h"

namespace surgewatch::detect {
namespace {

using config::Method;

// Trackers of a subject with no more panes than this take more room than its panes do, and are run
// again in less time than it takes to keep them up, unless it is very old.
constexpr std::size_t kFewPanes = 12;
constexpr std::int64_t kMostReplayed = 4'096;  // windows
constexpr PaneIndex kForEver = INT64_MAX / 2;

}  // namespace

Panel::Panel(const RuleShape& shape, const Timeline& timeline, Sums sums)
    : shape_(shape),
      timeline_(timeline),
      sums_(std::move(sums)),
      is_dense_(shape.reads_whole || !shape.rule->rollup.empty()),
      unfiltered_(Tracker(shape, {})) {}

std::int64_t Panel::unfiltered_reach() const {
  return is_dense_ ? 0 : kMostReplayed * shape_.window;
}
Saturating Panel::unfiltered_reach(const RuleShape& shape) {
  return shape.learns ? Saturating(kMostReplayed) * shape.window : Saturating(0);
}

void Panel::add_subject(std::int32_t index, std::int32_t parent, int level,
                        std::vector<PaneIndex> accepted) {
  const auto place = static_cast<std::size_t>(index);
  if (place >= tracks_.size()) tracks_.resize(place + 1);
  Track& added = tracks_[place];
  added = {};
  added.parent = parent;
  added.level = static_cast<std::int16_t>(level);
  added.is_used = true;
  if (!accepted.empty()) accepted_[index] = std::move(accepted);
  everyone_.insert(std::lower_bound(everyone_.begin(), everyone_.end(), index), index);
  levels_ = std::max(levels_, level + 1);
  if (parent != kUnfiltered) parts_[parent].push_back(index);
}

void Panel::activate(std::int32_t subject) {
  Track& of = track(subject);
  if (!of.is_active) active_.insert(subject);
  of.is_active = true;
}

void Panel::remove_subject(std::int32_t index) {
  if (track(index).entrance != nullptr) count_no_more(*track(index).entrance);
  track(index) = {};
  accepted_.erase(index);
  active_.erase(index);
  everyone_.erase(std::lower_bound(everyone_.begin(), everyone_.end(), index));
}

void Panel::for_each_below(std::int32_t subject,
                           absl::FunctionRef<void(std::int32_t)> visitor) const {
  const auto parts = parts_.find(subject);
  if (parts == parts_.end()) return;
  for (const std::int32_t part : parts->second) {
    visitor(part);
    for_each_below(part, visitor);
  }
}

// ---- trackers ----------------------------------------------------------------------------------

Panel::State Panel::fresh(std::int32_t subject) const {
  const auto accepted = accepted_.find(subject);
  State state{.tracker = Tracker(shape_, accepted == accepted_.end() ? std::vector<PaneIndex>{}
                                                                     : accepted->second),
              .share = {}};
  if (track(subject).parent != kUnfiltered) state.share.emplace(shape_);
  return state;
}

bool Panel::is_active(std::int32_t subject, PaneIndex pane) const {
  if (is_dense_) return true;
  const std::int64_t windows = shape_.type->traits.knows_its_like ? 1 : Timeline::kRecentWindows;
  return sums_.any(subject, pane - windows * shape_.window + 1, pane);
}

bool Panel::is_silent(PaneIndex pane) const {
  for (int i = 0; i <= shape_.silent_windows(); ++i, pane -= shape_.window) {
    if (sums_.of(kUnfiltered, pane).amount != 0) return false;
  }
  return true;
}

// Last pane of the first window in which the subject's updates come to more than nothing.
PaneIndex Panel::first_window(std::int32_t subject) const {
  if (track(subject).entered <= timeline_.settled_window()) return track(subject).entered;
  for (std::optional<PaneIndex> pane = sums_.next(subject, INT64_MIN); pane.has_value();) {
    const PaneIndex last = shape_.last_of_window(*pane);
    if (sums_.of(subject, last).amount > 0) return last;
    pane = sums_.next(subject, last);
  }
  return INT64_MAX;
}

WindowInputs Panel::inputs_of(std::int32_t subject, PaneIndex pane, const Window* window) const {
  WindowInputs in;
  in.pane = pane;
  in.own = sums_.of(subject, pane);
  in.whole = window != nullptr ? window->sums : sums_.of(kUnfiltered, pane);
  in.silent = window != nullptr ? window->silent : is_silent(pane);
  static const Entry kUnwatched;
  const Track& of = track(subject);
  in.entry = of.entrance == nullptr ? &kUnwatched : &of.entrance->entry;
  if (window != nullptr) in.whole_figures = &window->unfiltered;
  return in;
}

// `window` is null where it is not kept.
Figures Panel::step(std::int32_t subject, Tracker* tracker, PaneIndex pane, const Window* window,
                    bool wants_bound) const {
  WindowInputs in = inputs_of(subject, pane, window);
  in.wants_bound = wants_bound;
  return tracker->advance(shape_, in);
}

bool Panel::step_share(std::int32_t subject, ShareLearner* share, PaneIndex pane,
                       const Window* window) const {
  WindowInputs in = inputs_of(subject, pane, window);
  in.whole = sums_.of(track(subject).parent, pane);
  share->advance(shape_, in);
  return share->has_risen_lately();
}

Figures Panel::step_unfiltered(PaneIndex pane, Tracker* tracker) const {
  if (!shape_.type->traits.learns_whole) return {};
  WindowInputs in;
  in.pane = pane;
  in.own = in.whole = sums_.of(kUnfiltered, pane);
  in.silent = is_silent(pane);
  in.wants_bound = false;
  return tracker->advance(shape_, in);
}

void Panel::look_at_unfiltered(PaneIndex pane, Window* window) const {
  window->sums = sums_.of(kUnfiltered, pane);
  window->silent = is_silent(pane);
}

// The window behind the one that ends with `pane`; where the whole series is silent, the next that
// holds something again, since a tracker passes over those between.
PaneIndex Panel::next_window(std::int32_t subject, PaneIndex pane) const {
  const PaneIndex next = pane + shape_.window;
  if (!is_silent(pane)) return next;
  const auto data_of = [&](std::int32_t index) {
    const std::optional<PaneIndex> data = sums_.next(index, pane);
    return data.has_value() ? shape_.last_of_window(*data) : INT64_MAX;
  };
  return std::max(next, std::min(data_of(kUnfiltered), data_of(subject)));
}

// As of the windows before the one that ends with `pane`, from the first one on.
Panel::State Panel::run_before(std::int32_t subject, PaneIndex pane) const {
  State state = fresh(subject);
  for (PaneIndex last = first_window(subject); last < pane; last = next_window(subject, last)) {
    const Window* window = find_window(last);
    step(subject, &state.tracker, last, window, /*wants_bound=*/false);
    if (state.share.has_value()) step_share(subject, &*state.share, last, window);
  }
  return state;
}

// The same, from what is kept if anything is.
Tracker Panel::tracker_before(std::int32_t subject, PaneIndex pane) const {
  const Track& of = track(subject);
  if (of.kept == nullptr) return run_before(subject, pane).tracker;
  const auto start = of.kept->tracker.before(pane);
  Tracker tracker = start.state;
  for (auto at = windows_from(start.after + 1); at != windows_.end() && at->first < pane; ++at) {
    step(subject, &tracker, at->first, &at->second, /*wants_bound=*/false);
  }
  return tracker;
}

void Panel::keep_if_worth(std::int32_t subject) {
  Track& of = track(subject);
  if (of.kept != nullptr) return;
  const PaneIndex closed = timeline_.closed_window();
  const bool is_old =
      of.entered <= closed && (closed - of.entered) / shape_.window >= kMostReplayed / 2;
  if (!is_dense_ && !is_old && sums_.size(subject) <= kFewPanes) return;
  State settled = run_before(subject, timeline_.settled_window() + shape_.window);
  State live = run_before(subject, closed + shape_.window);
  of.kept = std::make_unique<Kept>(
      Kept{.tracker = {std::move(settled.tracker), std::move(live.tracker), closed}, .share = {}});
  if (!settled.share.has_value()) return;
  of.kept->share.emplace(*std::move(settled.share), *std::move(live.share), closed);
}

// ---- windows -----------------------------------------------------------------------------------

Panel::Windows::iterator Panel::windows_from(PaneIndex pane) {
  return std::ranges::lower_bound(windows_, pane, {}, &Windows::value_type::first);
}
Panel::Windows::const_iterator Panel::windows_from(PaneIndex pane) const {
  return std::ranges::lower_bound(windows_, pane, {}, &Windows::value_type::first);
}

const Panel::Window* Panel::find_window(PaneIndex pane) const {
  const auto found = windows_from(pane);
  return found != windows_.end() && found->first == pane ? &found->second : nullptr;
}

void Panel::close_window(absl::FunctionRef<bool(std::int32_t)> watched) {
  forget_replayed();
  const PaneIndex pane = timeline_.closed_window();
  Window& window = windows_.emplace_back(pane, Window{}).second;
  look_at_unfiltered(pane, &window);
  window.unfiltered = unfiltered_.close(
      pane, grid(), [&](Tracker* tracker) { return step_unfiltered(pane, tracker); });
  closed_.clear();
  closed_figures_.clear();
  std::vector<std::int32_t> entering;
  for (const std::int32_t subject : active_) {
    if (!sums_.any(subject, pane - shape_.window + 1, pane)) continue;
    if (shape_.type->traits.knows_its_like) window.holders.push_back(subject);
    Track& of = track(subject);
    if (of.entered != INT64_MAX || sums_.of(subject, pane).amount <= 0) continue;
    of.entered = pane;
    entering.push_back(subject);
  }
  enter(entering, pane);
  for (auto subject = active_.begin(); subject != active_.end();) {
    close_subject(*subject, pane, &window, watched);
    if (stays_active(*subject, pane)) {
      ++subject;
    } else {
      track(*subject).is_active = false;
      subject = active_.erase(subject);
    }
  }
  if (shape_.type->traits.knows_its_like) {
    for (const std::int32_t subject : window.holders) count_again(subject);
    window.entities = entities_in(pane);
  }
  weigh_all(&window);
}

// Whether a window behind this one may have to look at it, though nothing may come.
bool Panel::stays_active(std::int32_t subject, PaneIndex pane) const {
  if (is_dense_ || track(subject).kept != nullptr || sums_.has_story(subject)) return true;
  return sums_.any(subject, pane - Timeline::kRecentWindows * shape_.window + 1, kForEver);
}

void Panel::close_subject(std::int32_t subject, PaneIndex pane, Window* window,
                          absl::FunctionRef<bool(std::int32_t)> watched) {
  Track& of = track(subject);
  const bool is_tested = is_active(subject, pane);
  const bool is_looked_at = is_tested || watched(subject);
  if (of.kept == nullptr && !is_looked_at) return;
  bool share_rises = false;
  Figures figures;
  if (of.kept != nullptr) {
    figures = of.kept->tracker.close(pane, grid(), [&](Tracker* tracker) {
      return step(subject, tracker, pane, window, is_looked_at);
    });
    if (of.kept->share.has_value()) {
      share_rises = of.kept->share->close(pane, grid(), [&](ShareLearner* share) {
        return step_share(subject, share, pane, window);
      });
    }
  } else {
    State state = run_before(subject, pane);
    figures = step(subject, &state.tracker, pane, window, true);
    if (state.share.has_value()) share_rises = step_share(subject, &*state.share, pane, window);
  }
  if (!is_looked_at) return;
  if (is_tested) {
    const std::optional<Test> test = test_of(subject, figures, share_rises);
    if (test.has_value()) window->tests.push_back(*test);
  }
  closed_.push_back({.subject = subject,
                     .verdict = figures.verdict,
                     .missing = figures.missing,
                     .figures = static_cast<std::uint32_t>(closed_figures_.size())});
  if (figures.conclusive()) closed_figures_.push_back(std::move(figures));
  keep_if_worth(subject);
}

std::optional<Figures> Panel::at(std::int32_t subject) const {
  const auto found = std::ranges::lower_bound(closed_, subject, {}, &Closed::subject);
  if (found == closed_.end() || found->subject != subject) return std::nullopt;
  Figures figures;
  if (found->verdict >= Verdict::kQuiet) {
    figures = closed_figures_[found->figures];
    set_verdict(timeline_.closed_window(), subject, &figures);
    return figures;
  }
  figures.verdict = found->verdict;
  figures.missing = found->missing;
  const WindowSums sums = sums_.of(subject, timeline_.closed_window());
  figures.observed = sums.judged;
  if (!shape_.type->traits.shares) return figures;
  // As ShareLearner gives them without an answer.
  figures.amount = sums.judged;
  figures.whole_amount = sums_.of(kUnfiltered, timeline_.closed_window()).judged;
  figures.observed = figures.whole_amount > 0 ? figures.amount / figures.whole_amount : 0;
  return figures;
}

void Panel::settle(PaneIndex pane, absl::FunctionRef<void(std::int32_t, const Figures&)> visitor) {
  forget_replayed();
  SW_CHECK(!windows_.empty() && windows_.front().first == pane);
  Window* window = &windows_.front().second;
  for (const std::int32_t subject : window->holders) {
    Track& of = track(subject);
    if (of.entered <= pane) of.total += std::max(0.0, sums_.of(subject, pane).amount);
  }
  for (const std::int32_t subject : active_) {
    Track& of = track(subject);
    const bool is_wanted = sums_.has_story(subject);
    if (of.kept == nullptr && !is_wanted) continue;
    Figures figures;
    if (of.kept != nullptr) {
      figures = of.kept->tracker.settle(
          pane, [&](Tracker* tracker) { return step(subject, tracker, pane, window, is_wanted); });
      if (of.kept->share.has_value()) {
        of.kept->share->settle(
            pane, [&](ShareLearner* share) { return step_share(subject, share, pane, window); });
      }
    } else {
      Tracker tracker = tracker_before(subject, pane);
      figures = step(subject, &tracker, pane, window, true);
    }
    if (!is_wanted) continue;
    set_verdict(pane, subject, &figures);
    visitor(subject, figures);
  }
  unfiltered_.settle(pane, [&](Tracker* tracker) { return step_unfiltered(pane, tracker); });
  windows_.pop_front();
}

Figures Panel::early(std::int32_t subject) {
  const PaneIndex pane = timeline_.closed_window() + shape_.window;
  const Tracker before = tracker_before(subject, pane);
  // Open windows are looked at after every flush: the bound, which takes longest, is for alerts
  // only.
  const auto look = [&](bool wants_bound) {
    Tracker tracker = before;
    WindowInputs in;
    in.pane = pane;
    in.own = sums_.of(subject, pane);
    in.whole = sums_.of(kUnfiltered, pane);
    in.wants_bound = wants_bound;
    return tracker.advance(shape_, in);
  };
  Figures f = look(false);
  if (!f.tested || !lines_of(shape_, f).reached) return f;
  const config::Learning& learning = *shape_.rule->learning;
  // A p-value of at most q/n survives Benjamini-Hochberg, whatever the others are.
  const auto tests = static_cast<double>(std::max<std::size_t>(everyone_.size(), 1));
  f.tests = static_cast<int>(everyone_.size());
  const bool page = learning.method != Method::kRamp && f.p <= learning.alpha &&
                    f.p <= learning.false_discovery_rate / tests;
  const bool reaches = learning.method != Method::kSurge && f.reaches;
  if (!page && !reaches) return f;
  f.upper_bound = look(true).upper_bound;
  f.tier = page ? Tier::kPage : Tier::kTicket;
  f.verdict = Verdict::kFires;
  return f;
}

}  // namespace surgewatch::detect
