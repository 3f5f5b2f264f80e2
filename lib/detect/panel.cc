#include "detect/panel.h"

#include <algorithm>

#include "base/check.h"
#include "detect/rules/rule_type.h"

namespace surgewatch::detect {
namespace {

using config::Method;

// Only a subject that has held something in its last few windows is tested
// (GammaPoissonParameters::recent_windows).
constexpr std::int64_t kRecentWindows = 4;
// Trackers of a subject with no more panes than this take more room than its panes do, and are run
// again in less time than it takes to keep them up, unless it is very old.
constexpr std::size_t kFewPanes = 12;
constexpr std::int64_t kMostReplayed = 4'096;  // windows
// new_entity: windows of a sibling for its mean to count, and what makes a subject old enough for a
// baseline of its own (statistics/first_seen.h).
constexpr std::int64_t kLeastWindows = 4;
constexpr std::int64_t kOldWindows = 52;
constexpr double kOldDocuments = 50;

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
}

void Panel::remove_subject(std::int32_t index) {
  track(index) = {};
  accepted_.erase(index);
  everyone_.erase(std::lower_bound(everyone_.begin(), everyone_.end(), index));
}

// ---- trackers ----------------------------------------------------------------------------------

// One array for all: many of their own, of another size with each window, would leave holes.
void Panel::forget_replayed() {
  replayed_.clear();
  replayed_figures_.clear();
}

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
  const std::int64_t windows = shape_.type->traits.knows_its_like ? 1 : kRecentWindows;
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

Figures Panel::step(std::int32_t subject, State* state, PaneIndex pane, bool wants_bound,
                    bool* share_rises) const {
  const Track& of = track(subject);
  WindowInputs in;
  in.pane = pane;
  in.own = sums_.of(subject, pane);
  const Window* window = find_window(pane);
  in.whole = window != nullptr ? window->sums : sums_.of(kUnfiltered, pane);
  in.silent = window != nullptr ? window->silent : is_silent(pane);
  in.wants_bound = wants_bound;
  static const Entry kUnwatched;
  in.entry = of.entrance == nullptr ? &kUnwatched : of.entrance.get();
  if (window != nullptr) in.whole_figures = &window->unfiltered;
  const Figures figures = state->tracker.advance(shape_, in);
  if (state->share.has_value()) {
    in.whole = sums_.of(of.parent, pane);
    state->share->advance(shape_, in);
    if (share_rises != nullptr) *share_rises = state->share->has_risen_lately();
  }
  return figures;
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

// As of the windows before the one that ends with `pane`.
Panel::State Panel::state_before(std::int32_t subject, PaneIndex pane) const {
  const Track& of = track(subject);
  if (of.kept != nullptr) {
    if (pane > timeline_.closed_window()) return of.kept->live();
    State state = of.kept->settled();
    for (const auto& [last, window] : windows_) {
      if (last >= pane) break;
      step(subject, &state, last, /*wants_bound=*/false, nullptr);
    }
    return state;
  }
  State state = fresh(subject);
  for (PaneIndex last = first_window(subject); last < pane; last = next_window(subject, last)) {
    step(subject, &state, last, /*wants_bound=*/false, nullptr);
  }
  return state;
}

void Panel::keep_if_worth(std::int32_t subject) {
  Track& of = track(subject);
  if (of.kept != nullptr) return;
  const bool is_old = of.entered <= timeline_.closed_window() &&
                      (timeline_.closed_window() - of.entered) / shape_.window >= kMostReplayed / 2;
  if (!is_dense_ && !is_old && sums_.size(subject) <= kFewPanes) return;
  of.kept = std::make_unique<Fold<State>>(
      state_before(subject, timeline_.settled_window() + shape_.window),
      state_before(subject, timeline_.closed_window() + shape_.window));
}

// ---- windows -----------------------------------------------------------------------------------

const Panel::Window* Panel::find_window(PaneIndex pane) const {
  const auto found =
      std::lower_bound(windows_.begin(), windows_.end(), pane,
                       [](const auto& entry, PaneIndex p) { return entry.first < p; });
  return found != windows_.end() && found->first == pane ? &found->second : nullptr;
}

Panel::Window& Panel::window(PaneIndex pane) { return *const_cast<Window*>(find_window(pane)); }

Panel::Test* Panel::find_test(Window* window, std::int32_t subject) const {
  const auto found =
      std::lower_bound(window->tests.begin(), window->tests.end(), subject,
                       [](const Test& test, std::int32_t s) { return test.subject < s; });
  return found != window->tests.end() && found->subject == subject ? &*found : nullptr;
}

void Panel::take_out(std::int32_t subject, PaneIndex from) {
  for (auto& [pane, window] : windows_) {
    if (pane < from) continue;
    if (const Test* test = find_test(&window, subject); test != nullptr) {
      window.tests.erase(window.tests.begin() + (test - window.tests.data()));
    }
  }
}

void Panel::close_window(absl::FunctionRef<bool(std::int32_t)> watched) {
  forget_replayed();
  const PaneIndex pane = timeline_.closed_window();
  windows_.emplace_back(pane, Window{});
  look_at_unfiltered(pane, &windows_.back().second);
  windows_.back().second.unfiltered =
      unfiltered_.close([&](Tracker* tracker) { return step_unfiltered(pane, tracker); });
  closed_.clear();
  closed_figures_.clear();
  std::vector<std::int32_t> entering;
  for (const std::int32_t subject : everyone_) {
    Track& of = track(subject);
    if (of.entered != INT64_MAX || !sums_.any(subject, pane - shape_.window + 1, pane)) {
      continue;
    }
    if (sums_.of(subject, pane).amount <= 0) continue;
    of.entered = pane;
    entering.push_back(subject);
  }
  enter(entering, pane);
  for (const std::int32_t subject : everyone_) {
    Track& of = track(subject);
    const bool is_looked_at = is_active(subject, pane) || watched(subject);
    if (of.kept == nullptr && !is_looked_at) continue;
    bool share_rises = false;
    Figures figures;
    if (of.kept != nullptr) {
      figures = of.kept->close(
          [&](State* state) { return step(subject, state, pane, is_looked_at, &share_rises); });
    } else {
      State state = state_before(subject, pane);
      figures = step(subject, &state, pane, true, &share_rises);
    }
    if (!is_looked_at) continue;
    if (is_active(subject, pane)) put(pane, subject, figures, share_rises);
    closed_.push_back({.subject = subject,
                       .verdict = figures.verdict,
                       .missing = figures.missing,
                       .figures = static_cast<std::uint32_t>(closed_figures_.size())});
    if (figures.conclusive()) closed_figures_.push_back(std::move(figures));
    keep_if_worth(subject);
  }
  weigh(pane, nullptr);
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

void Panel::settle(PaneIndex pane, absl::FunctionRef<bool(std::int32_t)> wanted,
                   absl::FunctionRef<void(std::int32_t, const Figures&)> visitor) {
  forget_replayed();
  SW_CHECK(!windows_.empty() && windows_.front().first == pane);
  for (const std::int32_t subject : everyone_) {
    Track& of = track(subject);
    const bool is_wanted = wanted(subject);
    if (of.entered <= pane && shape_.type->traits.knows_its_like) {
      of.total += std::max(0.0, sums_.of(subject, pane).amount);
    }
    if (of.kept == nullptr && !is_wanted) continue;
    Figures figures;
    if (of.kept != nullptr) {
      figures = of.kept->settle(
          [&](State* state) { return step(subject, state, pane, is_wanted, nullptr); });
    } else {
      State state = state_before(subject, pane);
      figures = step(subject, &state, pane, true, nullptr);
    }
    if (!is_wanted) continue;
    set_verdict(pane, subject, &figures);
    visitor(subject, figures);
  }
  unfiltered_.settle([&](Tracker* tracker) { return step_unfiltered(pane, tracker); });
  windows_.pop_front();
}

std::vector<std::int32_t> Panel::amend(const std::vector<Amended>& amended,
                                       std::optional<PaneIndex> unfiltered_from) {
  forget_replayed();
  if (windows_.empty()) return {};
  PaneIndex from = INT64_MAX;
  for (const Amended& one : amended) from = std::min(from, shape_.last_of_window(one.from));
  if (unfiltered_from.has_value()) {
    from = std::min(from, shape_.last_of_window(*unfiltered_from));
    Tracker tracker = unfiltered_.settled();
    for (auto& [pane, window] : windows_) {
      if (pane >= *unfiltered_from) look_at_unfiltered(pane, &window);
      window.unfiltered = step_unfiltered(pane, &tracker);
    }
    unfiltered_.amend(std::move(tracker));
  }
  from = std::max(from, windows_.front().first);
  std::vector<Amended> affected;
  if (is_dense_) {
    for (const std::int32_t subject : everyone_) affected.push_back({subject, from});
  } else {
    affected = amended;
  }
  enter_again(amended, from, &affected);
  std::vector<std::int32_t> result;
  for (const Amended& one : affected) {
    const PaneIndex first = std::max(shape_.last_of_window(one.from), from);
    take_out(one.subject, first);
    Track& of = track(one.subject);
    State state = state_before(one.subject, timeline_.settled_window() + shape_.window);
    Replayed* replayed = nullptr;
    if (affected.size() * windows_.size() <= kMostReplayedFigures) {
      replayed = &replayed_.emplace_back(
          Replayed{.subject = one.subject, .from = first, .first = replayed_figures_.size()});
    }
    for (const auto& [pane, window] : windows_) {
      bool share_rises = false;
      const bool is_tested = pane >= first && is_active(one.subject, pane);
      Figures figures =
          step(one.subject, &state, pane, replayed != nullptr && pane >= first, &share_rises);
      if (is_tested) put(pane, one.subject, figures, share_rises);
      if (replayed != nullptr) replayed_figures_.push_back(std::move(figures));
    }
    if (replayed != nullptr) replayed->count = windows_.size();
    if (of.kept != nullptr) of.kept->amend(std::move(state));
    result.push_back(one.subject);
  }
  for (const auto& [pane, window] : windows_) {
    if (pane >= from) weigh(pane, &result);
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  std::ranges::sort(replayed_, {}, &Replayed::subject);
  return result;
}

void Panel::replay(std::int32_t subject, PaneIndex bounds_from,
                   absl::FunctionRef<void(PaneIndex, const Figures&)> visitor) {
  bounds_from = shape_.last_of_window(bounds_from);
  const auto known = std::ranges::lower_bound(replayed_, subject, {}, &Replayed::subject);
  if (known != replayed_.end() && known->subject == subject && known->from <= bounds_from &&
      known->count == windows_.size()) {
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      Figures figures = replayed_figures_[known->first + i];
      set_verdict(windows_[i].first, subject, &figures);
      visitor(windows_[i].first, figures);
    }
    return;
  }
  State state = state_before(subject, timeline_.settled_window() + shape_.window);
  for (const auto& [pane, window] : windows_) {
    Figures figures = step(subject, &state, pane, pane >= bounds_from, nullptr);
    set_verdict(pane, subject, &figures);
    visitor(pane, figures);
  }
}

// ---- new_entity --------------------------------------------------------------------------------

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
    std::unique_ptr<Entry>& entrance = track(subject).entrance;
    if (entry.is_watched && entrance == nullptr) entrance = std::make_unique<Entry>();
    if (entrance != nullptr) *entrance = entry;
  }
}

// Whose first window is not settled may have another one now, or other siblings.
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

// How many are watched in the window, whether or not they hold something in it.
std::size_t Panel::entities_tested(PaneIndex pane) const {
  std::size_t count = 0;
  for (const std::int32_t subject : everyone_) {
    const Track& of = track(subject);
    if (of.entrance == nullptr || !of.entrance->is_watched || of.entered > pane) continue;
    const std::int64_t windows = (pane - of.entered) / shape_.window;
    const bool is_old =
        windows >= kOldWindows && total_before(subject, pane) / of.entrance->unit >= kOldDocuments;
    count += !is_old;
  }
  return count;
}

Figures Panel::early(std::int32_t subject) {
  const PaneIndex pane = timeline_.closed_window() + shape_.window;
  const State before = state_before(subject, pane);
  // Open windows are looked at after every flush: the bound, which takes longest, is for alerts
  // only.
  const auto look = [&](bool wants_bound) {
    State state = before;
    WindowInputs in;
    in.pane = pane;
    in.own = sums_.of(subject, pane);
    in.whole = sums_.of(kUnfiltered, pane);
    in.wants_bound = wants_bound;
    return state.tracker.advance(shape_, in);
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
