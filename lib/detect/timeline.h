// How far the panes of a rule's series have come. Nothing else moves these borders, and each moves
// forward only.
//
//   forgotten          settled                   closed                       open
//  ───────────┬─────────────────────┬──────────────┬───────────────┬────────────────────► panes
//         kept_from              settled         final           closed
//
//            its sources have passed it        no source can update it
//     open ───────────────────────────► closed ───────────────────────► final
//                                         │                               │
//                                         └───────────────┬───────────────┘
//                                                         │ no correction reaches it
//                                                         ▼
//                                         settled ────────────────► forgotten
//                                                  no window needs it
//
//   open       may change, and is not judged but early
//   closed     is judged; late data and corrections amend what was said of it
//   final      only corrections do
//   settled    nothing does: what is learned of it is learned for good. Where panes are so short
//              that RuleShape::correctable has reached its limit, this may come before it is final
//   forgotten  its sums are gone
//
// A window is named by its last pane, and is closed or settled with it.
//
// Silence. A window says and learns what follows from the panes that it reaches back to. If those
// are empty and the newest window has changed nothing, the windows behind it read the same and
// change nothing either: all up to the next pane that holds something are closed at once. Data that
// comes late into a silence ends it there, for as long as windows reach back to that.
//
// Threads: one. Cost: O(log open panes that hold something), and O(silences that are not settled).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/container/btree_set.h"
#include "detect/rule_shape.h"

namespace surgewatch::detect {

class Timeline {
 public:
  // Forgetting looks at every subject, so it waits until this many panes can go.
  static constexpr std::int64_t kForgetStep = 64;
  // A subject of a rule that learns is tested while it has held something in so many windows
  // (GammaPoissonParameters::recent_windows).
  static constexpr std::int64_t kRecentWindows = 4;

  // `newest_data`: the newest pane of any subject that holds something; INT64_MIN for none.
  Timeline(const RuleShape& shape, std::function<PaneIndex()> newest_data)
      : shape_(shape), newest_data_(std::move(newest_data)) {}

  bool has_begun() const { return has_begun_; }
  // Of the history.
  PaneIndex first() const { return first_; }
  PaneIndex closed() const { return closed_; }
  PaneIndex final() const { return final_; }
  PaneIndex settled() const { return settled_; }
  PaneIndex kept_from() const { return kept_from_; }
  // The newest window that has closed, and that is settled.
  PaneIndex closed_window() const { return shape_.last_ended(closed_); }
  PaneIndex settled_window() const { return shape_.last_ended(settled_); }
  // Whether the pane was closed with a silence, and is still one.
  bool is_passed_over(PaneIndex pane) const { return end_of_silence(pane).has_value(); }
  // How many windows the history has up to this one.
  std::int64_t windows_to(PaneIndex pane) const {
    return (pane - shape_.last_ended(first_ - 1)) / shape_.window;
  }

  // The series has changed in the pane. True if that has closed.
  bool note_data(PaneIndex pane);

  // The next pane to close, once all sources have passed its end; nothing before there is data.
  std::optional<PaneIndex> next_to_close(Micros passed);
  // The history begins with the first data, or with `heard_from` if that is earlier.
  void begin(std::optional<PaneIndex> heard_from);
  // Closes the next pane.
  void close_pane();
  // Closes the silence that lasts until the next data or `passed`; false where there is none. To be
  // asked only if the newest window has changed nothing.
  bool close_silence(Micros passed);

  // The oldest closed pane that is not final, if there is one.
  std::optional<PaneIndex> next_to_be_final() const;
  // Makes it final; of a silence that it is in all panes up to `last`.
  void make_final(PaneIndex last);

  bool can_settle() const { return closed_ - settled_ > shape_.correctable; }
  // Settles the oldest closed pane, or as much of the silence that it is in as can be. True for a
  // silence.
  bool settle_oldest();

  bool can_forget() const;
  void forget();

 private:
  struct Silence {
    PaneIndex first = 0, last = 0;
  };
  PaneIndex last_closable(Micros passed);
  // How far back a window, and what is said of it, looks.
  std::int64_t read() const {
    return shape_.reach + (shape_.learns ? kRecentWindows * shape_.window : 1);
  }
  void break_silence(PaneIndex pane);
  // The last pane of the silence that the pane is in.
  std::optional<PaneIndex> end_of_silence(PaneIndex pane) const;

  const RuleShape& shape_;
  const std::function<PaneIndex()> newest_data_;
  bool has_begun_ = false;
  PaneIndex first_ = 0;
  PaneIndex closed_ = INT64_MIN;
  PaneIndex final_ = INT64_MIN;
  PaneIndex settled_ = INT64_MIN;
  PaneIndex kept_from_ = INT64_MIN;
  absl::btree_set<PaneIndex> open_data_;        // open panes that hold something, or have held
  std::optional<PaneIndex> last_noted_;         // of these, the one that was put in last
  PaneIndex last_closed_data_ = INT64_MIN;      // the newest closed pane that has held something
  std::optional<PaneIndex> newest_data_known_;  // what newest_data_ says, until there is more
  std::vector<Silence> silences_;               // that are not settled and final
};

}  // namespace surgewatch::detect
