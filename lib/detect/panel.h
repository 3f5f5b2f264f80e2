// All subjects of a rule that learns, side by side: their trackers, and which of the windows that
// close together to act on.
//
//     settled trackers          tests (may be amended)             live trackers
//   ──────────────────────┬──────────────────────────────────┬──────────────────► windows
//                      settled                             closed
//
// For each window: every tracker steps (tracker.h), then the tests of all subjects are weighed
// against each other, and each gets its verdict:
//
//   page     p <= alpha, and the test survives Benjamini-Hochberg over the window's tests at the
//            rule's false discovery rate (surge, new_entity); or the evidence has reached h and its
//            e-value survives e-BH (ramp, and shares, which move against each other): fires at once
//   ticket   evidence at h, or two windows that are unusual together: fires; p <= alpha: suspects,
//            and fires in 2 of 3 windows
//   quiet    p > 0.05, evidence below h/4, and every line of clear_at undercut
//
// fire_at holds besides. With a rollup, a subject is looked at only where its parent is above its
// line, or its own share of its parent has risen; the topmost that fires has the alert, with those
// below it as evidence.
//
// What is kept of a window that can still be amended are its tests, 40 bytes each; figures are
// computed again from the nearest state that is kept (fold.h) where somebody needs them (replay).
// Of a subject with little data not even trackers are kept: they are a fold over its windows, and
// are run again from its first one. Whether they are kept changes nothing of what comes out.
//
// Invariants: figures are a function of the sums of the windows since the first. Threads: one.
// Cost: a close is O(n log n) for the n subjects that hold something in the last few windows, or
// whose trackers are kept; of new_entity, where somebody is first seen, for all subjects. An
// amendment steps the trackers that read what has changed over the windows since, and weighs no
// more than their tests, unless that moves a line that the others of a window are held to. Who
// reads what: every subject its own panes; parts of a rollup those of the subject above;
// share_shift and excess_over_total the unfiltered series, so that there a late pane costs every
// subject. Source: Benjamini and Hochberg 1995; Wang and Ramdas 2022.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "base/saturating.h"
#include "detect/fold.h"
#include "detect/rule_shape.h"
#include "detect/rules/share_shift/share_learner.h"
#include "detect/timeline.h"
#include "detect/tracker.h"
#include "statistics/multiple_testing.h"

namespace surgewatch::detect {

class Panel {
 public:
  // Of a subject's window, by its last pane; `kUnfiltered` is the unfiltered series.
  static constexpr std::int32_t kUnfiltered = -1;

  // What the panel asks of those who hold the sums. Windows are named by their last pane.
  struct Sums {
    std::function<WindowSums(std::int32_t subject, PaneIndex pane)> of = {};
    // Whether the subject's panes first … last hold anything.
    std::function<bool(std::int32_t subject, PaneIndex first, PaneIndex last)> any = {};
    // The first pane of the subject behind `pane` that holds something, of updates; and in how many
    // panes there is something.
    std::function<std::optional<PaneIndex>(std::int32_t subject, PaneIndex pane)> next = {};
    std::function<std::size_t(std::int32_t subject)> size = {};
    // Whether there is something to tell of the subject, or may be.
    std::function<bool(std::int32_t subject)> has_story = {};
  };

  // `timeline` is moved by the owner, before the panel is told.
  Panel(const RuleShape& shape, const Timeline& timeline, Sums sums);

  // An index that is not in use. `parent`: kUnfiltered for none.
  void add_subject(std::int32_t index, std::int32_t parent, int level,
                   std::vector<PaneIndex> accepted);
  void remove_subject(std::int32_t index);

  // The subject's panes have changed, or it has a story: it is looked at when windows close, for as
  // long as they reach back to something, or it has one.
  void activate(std::int32_t subject);

  // The newest window has closed. `watched` are subjects whose figures are wanted though they hold
  // nothing; then at() gives the figures of all that are there.
  void close_window(absl::FunctionRef<bool(std::int32_t)> watched);
  // Of the window that has closed last; nothing where nothing is to be said.
  std::optional<Figures> at(std::int32_t subject) const;

  // The oldest window, which ends with `pane`, has settled. Gives the figures of those with a
  // story.
  void settle(PaneIndex pane, absl::FunctionRef<void(std::int32_t, const Figures&)> visitor);

  // What the windows of these subjects hold has changed from the one that holds `from` on; of the
  // unfiltered series from `unfiltered_from`, if that is given. Gives those whose windows have to
  // be looked at again, ascending.
  struct Amended {
    std::int32_t subject = 0;
    PaneIndex from = 0;
  };
  std::vector<Amended> amend(std::vector<Amended> amended,
                             std::optional<PaneIndex> unfiltered_from);

  // The figures of the subject's windows that are closed and not settled, from the one that holds
  // `from` on, oldest first, with their verdicts.
  void replay(std::int32_t subject, PaneIndex from,
              absl::FunctionRef<void(PaneIndex, const Figures&)> visitor);

  // Brings what stands beside a window's own figures up to what is known now.
  void refresh(std::int32_t subject, PaneIndex pane, Figures* figures) const;

  // What would be said now of the next window, whatever the others say of it.
  Figures early(std::int32_t subject);

  // Parts of a rollup below the subject that are unusual in the window, what exceeds most first.
  std::vector<Part> parts(std::int32_t subject, PaneIndex pane,
                          absl::FunctionRef<std::string(std::int32_t)> name) const;

  // Parts of a rollup below the subject, of all levels.
  void for_each_below(std::int32_t subject, absl::FunctionRef<void(std::int32_t)> visitor) const;

  // Whether its trackers are kept: else its panes must be, from the first one on.
  bool is_kept(std::int32_t subject) const { return track(subject).kept != nullptr; }
  // How far back panes of the unfiltered series are needed for subjects whose trackers are not
  // kept, and to know which are forgotten.
  std::int64_t unfiltered_reach() const;
  // The same at the most, before there is a panel.
  static Saturating unfiltered_reach(const RuleShape& shape);

  // Figures that are kept from an amendment until the next.
  static constexpr std::size_t kMostReplayedFigures = 16'384;

  // Bytes at the most: what has been learned of so many subjects, and their tests of windows that
  // may be amended.
  struct AtMost {
    Saturating learned, tests;
  };
  static AtMost at_most(const RuleShape& shape, Saturating subjects);

 private:
  // Of the windows so far.
  struct State {
    Tracker tracker;
    std::optional<ShareLearner> share;  // of a part of a rollup: its share of its parent
  };
  struct Kept {
    Fold<Tracker> tracker;
    std::optional<Fold<ShareLearner>> share;
  };
  struct Entrance {
    Entry entry;
    // Counts among the entities of the windows from the one to before the other.
    PaneIndex counts_from = INT64_MAX, counts_to = INT64_MAX;
  };
  struct Track {
    std::unique_ptr<Kept> kept;          // null: its windows are few
    std::unique_ptr<Entrance> entrance;  // new_entity: of those who are watched
    double total = 0;                    // new_entity: of the windows that are settled
    PaneIndex entered = INT64_MAX;       // last pane of the first window that held something
    std::int32_t parent = kUnfiltered;
    std::int16_t level = 0;
    bool is_used = false;
    bool is_active = false;
  };
  // What the weighing needs of a tested subject.
  enum Flag : std::uint16_t {
    kTested = 1,
    kReached = 2,   // every line of fire_at
    kUndercut = 4,  // every line of clear_at
    kUnlikely = 8,  // p <= alpha
    kReaches = 16,  // the cumulated evidence has reached its line
    kPairReaches = 32,
    kFirstSeen = 64,
    kCalm = 128,
    kShareRises = 256,
    kLookedAt = 512,  // and counts among the tests of its level
  };
  struct Test {
    std::int32_t subject = 0;
    std::uint16_t flags = 0;
    Verdict verdict = Verdict::kBetween;
    Tier tier = Tier::kTicket;
    double p = 1, e_value = 0;
    double observed = 0, expected = 0;
  };
  // What the tests of a level of the rollup that are worth a look come to together.
  struct Level {
    int tests = 0, pages = 0, first_seen = 0;  // `tests` as they count against each other
    std::size_t weighed = 0;                   // tests that are there; of them
    int weighed_first = 0;                     // first seen
    statistics::StepUp by_p, by_e;
    double p_line = statistics::StepUp::kNone, e_line = statistics::StepUp::kNone;
  };
  struct Window {
    std::vector<Test> tests;  // by subject
    std::vector<Level> levels;
    std::vector<std::int32_t> changed;  // subjects whose tests are to be weighed again
    bool is_changed = false;            // those, or how many there are
    std::size_t entities = 0;           // new_entity: how many are watched, and not old
    std::vector<std::int32_t> holders;  // new_entity: who holds, or has held, something; ascending
    Figures unfiltered;
    WindowSums sums;      // of the unfiltered series
    bool silent = false;  // see RuleShape::silent_windows
  };
  using Windows = std::deque<std::pair<PaneIndex, Window>>;
  // What an amendment has found of a subject, until the next one: replay() gives it once more.
  struct Replayed {
    std::int32_t subject = 0;
    PaneIndex from = 0;     // its first window
    std::size_t first = 0;  // of its figures, which go to the newest window
  };
  // A subject whose trackers read something else than before, from these windows on.
  struct Affected {
    std::int32_t subject = 0;
    PaneIndex tracker_from = INT64_MAX;
    PaneIndex share_from = INT64_MAX;
  };
  // What a change of the unfiltered series moves.
  struct Swell {
    PaneIndex trackers_from = INT64_MAX;  // all trackers, from this window on
    std::vector<PaneIndex> lines;         // in these windows before, no more than lines_of()
  };

  Track& track(std::int32_t subject) { return tracks_[static_cast<std::size_t>(subject)]; }
  const Track& track(std::int32_t subject) const {
    return tracks_[static_cast<std::size_t>(subject)];
  }
  void forget_replayed();
  State fresh(std::int32_t subject) const;
  bool stays_active(std::int32_t subject, PaneIndex pane) const;
  void close_subject(std::int32_t subject, PaneIndex pane, Window* window,
                     absl::FunctionRef<bool(std::int32_t)> watched);
  bool is_active(std::int32_t subject, PaneIndex pane) const;
  void keep_if_worth(std::int32_t subject);
  PaneIndex first_window(std::int32_t subject) const;
  PaneIndex next_window(std::int32_t subject, PaneIndex pane) const;
  WindowGrid grid() const { return {.length = shape_.window, .newest = timeline_.closed_window()}; }
  State run_before(std::int32_t subject, PaneIndex pane) const;
  Tracker tracker_before(std::int32_t subject, PaneIndex pane) const;
  WindowInputs inputs_of(std::int32_t subject, PaneIndex pane, const Window* window) const;
  Figures step(std::int32_t subject, Tracker* tracker, PaneIndex pane, const Window* window,
               bool wants_bound) const;
  // Whether the share has risen lately.
  bool step_share(std::int32_t subject, ShareLearner* share, PaneIndex pane,
                  const Window* window) const;
  Figures step_unfiltered(PaneIndex pane, Tracker* tracker) const;
  void look_at_unfiltered(PaneIndex pane, Window* window) const;
  bool is_silent(PaneIndex pane) const;
  // new_entity: the window is the first of these.
  void enter(const std::vector<std::int32_t>& subjects, PaneIndex pane);
  // Adds those who enter behind `from`, with whom.
  void enter_again(const std::vector<Amended>& amended, PaneIndex from,
                   std::vector<Amended>* entering);
  // An amended subject may count among the entities of other windows.
  void count_again(std::int32_t subject);
  void count_from(PaneIndex pane, std::int64_t more);
  void count_no_more(const Entrance& entrance);

  // amending.cc
  void open_silences(PaneIndex from);
  Swell amend_unfiltered(PaneIndex from);
  bool moves_trackers(const Window& before, const Window& now) const;
  std::vector<Affected> affected_by(const std::vector<Amended>& amended, PaneIndex trackers_from);
  void run_again(const Affected& affected);
  void run_shares_again(const Affected& affected);

  Windows::iterator windows_from(PaneIndex pane);
  Windows::const_iterator windows_from(PaneIndex pane) const;
  const Window* find_window(PaneIndex pane) const;

  // weighing.cc
  static void note_changed(Window* window, std::int32_t subject);
  static std::vector<Test>::iterator place_of(Window* window, std::int32_t subject);
  static const Test* find_test(const Window& window, std::int32_t subject);
  // Nothing for what is not tested.
  std::optional<Test> test_of(std::int32_t subject, const Figures& figures, bool share_rises) const;
  unsigned line_flags(const Figures& figures) const;
  // Puts the subject's test in the place of the one that it had.
  void exchange(Window* window, std::int32_t subject, const std::optional<Test>& test);
  void set_share_rises(Window* window, std::int32_t subject, bool rises);
  void draw_lines_again(Window* window);
  void withdraw(Window* window, Test* test) const;
  void withdraw_parts(Window* window, std::int32_t subject) const;
  void weigh_all(Window* window) const;
  void weigh_changed(PaneIndex pane, Window* window, std::vector<Amended>* moved) const;
  void weigh_changed(PaneIndex pane, int level, Window* window, std::vector<Amended>* moved) const;
  // Whether a test is worth a look: any, or that of a part of what is above its line or whose own
  // share has risen lately. If so, it counts.
  bool look_at(Window* window, Test* test) const;
  bool set_lines(const Window& window, Level* level) const;
  void decide(Test* test, Level* level) const;
  // What the subject's windows before this one come to.
  double total_before(std::int32_t subject, PaneIndex pane) const;
  // How many are watched in the newest window and not old, whether or not they hold something in
  // it.
  std::size_t entities_in(PaneIndex pane);
  PaneIndex old_from(std::int32_t subject) const;
  void set_verdict(PaneIndex pane, std::int32_t subject, Figures* figures) const;

  const RuleShape& shape_;
  const Timeline& timeline_;
  const Sums sums_;
  const bool is_dense_;  // every subject is judged in every window
  Fold<Tracker> unfiltered_;
  std::deque<Track> tracks_;
  std::vector<std::int32_t> everyone_;                                  // ascending
  absl::btree_set<std::int32_t> active_;                                // see activate()
  absl::flat_hash_map<std::int32_t, std::vector<PaneIndex>> accepted_;  // few have any
  absl::flat_hash_map<std::int32_t, std::vector<std::int32_t>> parts_;  // of a rollup, by parent
  Windows windows_;  // closed and not settled, oldest first
  // Of the window that has closed last: whole figures only of those who have an answer.
  struct Closed {
    std::int32_t subject = 0;
    Verdict verdict = Verdict::kNothing;
    Missing missing = Missing::kNone;
    std::uint32_t figures = 0;  // which of them, if there is an answer
  };
  std::vector<Closed> closed_;  // by subject
  std::vector<Figures> closed_figures_;
  std::vector<Replayed> replayed_;  // by subject
  std::vector<Figures> replayed_figures_;
  // new_entity: how many count among the entities of the newest window, and how many more or fewer
  // from the windows behind it on.
  std::int64_t entities_ = 0;
  PaneIndex counted_to_ = INT64_MIN;
  absl::btree_map<PaneIndex, std::int64_t> more_entities_;
  int levels_ = 1;
};

}  // namespace surgewatch::detect
