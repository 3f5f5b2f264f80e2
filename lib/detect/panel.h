// All subjects of a rule that learns, side by side: their trackers, and which of the windows that
// close together to act on.
//
//     settled trackers          recent figures (may be amended)        live trackers
//   ──────────────────────┬──────────────────────────────────────┬──────────────────► windows
//                      settled                                 judged
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
// Invariants: figures are a function of the sums of the windows since the first. Threads: one.
// Cost: a close is O(n log n) for n subjects; an amendment costs the amended subjects' windows that
// are not settled once more.
// Source: Benjamini and Hochberg 1995; Wang and Ramdas 2022.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "detect/evaluate.h"
#include "detect/tracker.h"

namespace surgewatch::detect {

class Panel {
 public:
  // Of a subject's window, by its last pane; `kWholeSeries` is the whole.
  static constexpr std::int32_t kWholeSeries = -1;
  using Sums = absl::FunctionRef<WindowSums(std::int32_t subject, PaneIndex pane)>;
  // Whether the whole series has held nothing for long when the window ends.
  using Silence = absl::FunctionRef<bool(PaneIndex pane)>;

  explicit Panel(const RuleShape& shape);

  // The next index. `parent`: kWholeSeries for none.
  void add_subject(std::string name, std::int32_t parent, int level,
                   std::vector<PaneIndex> accepted);
  // The history begins; windows up to the one that ends with `pane` are past.
  void start(PaneIndex pane);

  // The next window, or the windows up to the one that ends with `pane`, none of which holds
  // anything, have ended.
  void close_next(Sums sums, Silence silent);
  void skip_to(PaneIndex pane, PaneIndex settled);
  // The oldest window that can be amended no longer can.
  void settle_next(Sums sums, Silence silent);
  // The windows of these subjects may have changed, or of all if the whole decides for all.
  void amend(const std::vector<std::int32_t>& subjects, Sums sums, Silence silent);

  bool knows(PaneIndex pane) const;  // a window that is judged and not settled
  const Figures& at(std::int32_t subject, PaneIndex pane) const;
  // What would be said now of the next window, whatever the others say of it.
  Figures early(std::int32_t subject, const WindowSums& own, const WindowSums& whole) const;

  PaneIndex judged() const { return judged_; }

 private:
  struct Track {
    Tracker settled, live;
    // Of a part of a rollup: its share of its parent.
    std::optional<ShareTracker> settled_share, live_share;
    std::vector<Figures> recent;  // of the windows in (settled_, judged_]
    std::vector<bool> share_rises;
    std::string name = {};
    std::int32_t parent = kWholeSeries;
    int level = 0;
  };

  // The trackers of these subjects step over a window; its figures are the `index`th of the recent
  // ones. With `settle` the settled trackers step, and nothing else changes.
  void step(const std::vector<std::int32_t>& subjects, PaneIndex pane, std::size_t index,
            bool settle, Sums sums, Silence silent);
  void weigh(std::size_t index);
  void decide(const std::vector<std::int32_t>& looked_at, std::size_t index);
  std::vector<std::int32_t> looked_at(int level, std::size_t index);
  void gather_parts(std::size_t index);
  std::vector<double> sibling_rates(bool settled) const;
  PaneIndex pane_of_recent(std::size_t index) const;
  const std::vector<std::int32_t>& everyone();

  const RuleShape& shape_;
  PaneIndex start_ = 0, settled_ = 0, judged_ = 0;
  Track whole_;
  std::vector<Track> tracks_;
  std::vector<std::int32_t> everyone_;
  int levels_ = 1;
};

}  // namespace surgewatch::detect
