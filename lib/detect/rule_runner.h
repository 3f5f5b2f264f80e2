// One rule at work: keeps the sums of its subjects, closes and settles its windows in order
// (timeline.h), and says what there is to say of them.
//
// - close(): the next window is evaluated for each subject; points, and revisions.
// - make_final(): the oldest closed window that is not final becomes so: no source can update it.
// - amend(): late data or a correction has changed closed panes, as far back as corrections are
//   known of (RuleShape::correctable): the fold is run again from the first window that changes, of
//   every subject whose figures or verdicts do.
// - look_early(): open windows that have crossed the line already, of subjects that do not fire.
//
// So what is said in the end is a function of the input alone. Rules that learn (panel.h) judge
// windows that do not overlap: there, only panes that end a window are judged, and all subjects are
// judged together.
//
// A subject is one combination of the values of `per`; the unfiltered series, which rules call the
// whole, is what it would be without the rule's filters and in one. Subjects are visited in the
// order of their values, so that nothing depends on the order in which they were first seen.
//
// History begins where the input says: at the first watermark of any source that the rule reads,
// less the allowed lateness.
//
// Silence costs nothing: a subject that holds nothing is neither judged nor said, after one point
// that says so, unless an alert of it fires, which is said until the whole series is still; and
// once nothing can happen before the next data, all windows up to it are passed over at once. A
// subject that has held nothing for as long as corrections can come is forgotten.
//
// Threads: one.
// Cost: a change takes O(log subjects); a close a glance at those subjects that hold something
// which a window reaches back to, or have had an alert, and all that panel.h says of them; once in
// kForgetStep panes a glance at all. Memory for each subject: some 250 bytes and 24 a pane that
// holds something.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "config/config.h"
#include "detect/detector.h"
#include "detect/firings.h"
#include "detect/fold.h"
#include "detect/lifecycle.h"
#include "detect/operands.h"
#include "detect/panel.h"
#include "detect/revisions.h"
#include "detect/rule_shape.h"
#include "detect/subject_name.h"
#include "detect/timeline.h"
#include "journal/merger.h"

namespace surgewatch::detect {

class RuleRunner {
 public:
  // Open windows of one subject that are looked at early after one record.
  static constexpr std::size_t kMaxEarlyWindows = 16;

  struct Stats {
    std::uint64_t closed = 0, evaluations = 0, inconclusive = 0;
    std::uint64_t firing = 0;     // alerts now
    std::uint64_t forgotten = 0;  // subjects that had held nothing for long
    std::uint64_t too_old = 0;    // changes of panes that can't be amended any more
  };

  // Told, window by window, where an alert of the rule is in force on a subject.
  struct FiringListener {
    // A window has closed with one; behind all that it was told of.
    std::function<void(const SubjectName&, Micros end)> add;
    // Of the windows that end behind `behind`, exactly those have one that end at `ends`.
    std::function<void(const SubjectName&, Micros behind, std::span<const Micros> ends)> replace;
  };

  // `findings`: where the rule's series is, if it is a typology.
  RuleRunner(const config::Config& config, std::size_t rule_index, const journal::Merger& merger,
             const Firings* findings = nullptr);
  RuleRunner(const RuleRunner&) = delete;
  RuleRunner& operator=(const RuleRunner&) = delete;

  void listen(FiringListener listener) { listener_ = std::move(listener); }

  const RuleShape& shape() const { return shape_; }
  const Stats& stats() const { return stats_; }
  std::size_t subject_count() const { return by_name_.size(); }
  // Panes of the series behind the newest closed one that what a window is made of is found in.
  std::int64_t kept_panes() const { return shape_.window + shape_.correctable; }
  std::optional<PaneIndex> closed() const {
    return timeline_.has_begun() ? std::optional<PaneIndex>(timeline_.closed()) : std::nullopt;
  }

  // What a rule takes at the most, in bytes.
  struct Counts {
    Saturating subjects;      // of all levels
    Saturating keys;          // of its series
    Saturating against_keys;  // of the other one, if there is one
    std::size_t name = 0;     // bytes of a subject's values
    std::size_t part = 0;     // of the value of Rule::parts, if it has one
  };
  struct AtMost {
    Saturating panes;     // of each subject
    Saturating subjects;  // themselves, and what their keys are known by
    Saturating sums;      // of their panes
    Saturating points;    // that have been said of windows that may be amended
    Panel::AtMost panel;  // of rules that learn
    Saturating alerts;    // one of each subject
  };
  static AtMost at_most(const config::Config& config, const RuleShape& shape, const Counts& counts);
  // Panes that hold something and of which no more than this have not closed.
  static Saturating open_panes(const config::EventTimeBounds& bounds, Micros pane_length);
  static constexpr std::int64_t kForgetStep = Timeline::kForgetStep;

  void take(const journal::Change& change);
  // The merger has let go of the key.
  void drop_key(std::size_t series, journal::KeyId key);

  // When the next window closes or becomes final, if that has been passed.
  std::optional<Micros> next_close_at(Micros passed);
  std::optional<Micros> next_final_at(Micros passed) const;

  // Closes the next pane, or a silence. False where `limit` emissions were reached before all of
  // the window was said: call it again before anything else.
  bool close(Micros passed, std::size_t limit, Emissions* out);
  bool is_closing() const { return closing_; }
  void make_final(Micros passed, Emissions* out);
  // False where `limit` was reached before all of it was said: call it again before anything else.
  bool amend(std::size_t limit, Emissions* out);
  void look_early(Emissions* out);
  // Says once more what holds now of each alert that it knows of.
  void restate(Emissions* out);

 private:
  // Of a subject that has ever suspected or fired.
  struct Story {
    Fold<Life> life{Life{}};
    // The last window after which there was more to the life than to a new one: where there is no
    // story, none has begun since what is settled.
    PaneIndex begun_to = INT64_MIN;
    std::vector<Revision> published;
  };
  // A point that has been published of a window that may be amended: its pane, counted from the
  // first of the history, and a digest of what it said.
  struct Said {
    std::uint32_t pane = 0;
    std::uint32_t digest = 0;
  };
  struct Subject {
    // Its values, which with the rule's `per` are its name; those of most subjects need no room
    // beside this.
    std::string values;
    Operands operands;
    absl::InlinedVector<journal::KeyId, 2> keys;  // of the rule's own series
    std::vector<Said> said;                       // oldest first
    std::unique_ptr<Story> story;
    PaneIndex amended_from = INT64_MAX;
    PaneIndex last_held = INT64_MIN;  // pane, as it was when panes were forgotten last
    std::int32_t parent = Panel::kUnfiltered;
    std::int16_t level = 0;  // of the rollup
    bool is_used = false;
    bool is_active = false;
  };
  // What a key of a series counts for: the finest subject it belongs to (those above follow), and
  // the subject that it is delivered to.
  struct Membership {
    static constexpr std::int32_t kNone = -1, kUnknown = -2;
    std::int32_t observed = kUnknown;
    std::int32_t against = kNone;
    bool unstated = false;
  };
  struct NameHash {
    using is_transparent = void;
    const std::deque<Subject>* subjects;
    std::size_t operator()(std::string_view name) const;
    std::size_t operator()(std::int32_t index) const;
  };
  struct NameEqual {
    using is_transparent = void;
    const std::deque<Subject>* subjects;
    std::string_view text(std::int32_t index) const {
      return (*subjects)[static_cast<std::size_t>(index)].values;
    }
    static std::string_view text(std::string_view name) { return name; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return text(a) == text(b);
    }
  };
  struct InOrder {
    const std::deque<Subject>* subjects;
    bool operator()(std::int32_t a, std::int32_t b) const;
  };
  using Ordered = absl::btree_set<std::int32_t, InOrder>;

  // intake.cc
  const Membership& membership_of(std::size_t series, journal::KeyId key);
  Membership own_membership(const std::vector<std::string>& key, journal::KeyId id);
  Membership against_membership(const std::vector<std::string>& key);
  std::int32_t subject_index(const std::vector<std::size_t>& per, std::vector<std::string> values,
                             std::int32_t parent, int level);
  std::vector<PaneIndex> accepted_of(const SubjectName& name) const;
  void add(const journal::Change& change, Int128 delta, Int128 documents, Operands* operands) const;
  void note_changed(std::int32_t index, PaneIndex pane);
  void activate(std::int32_t index);
  bool stays_active(const Subject& subject) const;
  Subject& subject(std::int32_t index) { return subjects_[static_cast<std::size_t>(index)]; }
  const Subject& subject(std::int32_t index) const {
    return subjects_[static_cast<std::size_t>(index)];
  }
  SubjectName name_of(const Subject& subject) const;
  std::vector<Said>::iterator find_said(Subject* subject, PaneIndex pane) const;
  PaneIndex pane_of_said(const Said& said) const { return timeline_.first() + said.pane; }
  bool is_forgotten(PaneIndex last) const;
  void forget_silent();
  void remove(const std::vector<std::int32_t>& indexes);

  void begin();
  PaneIndex newest_data() const;
  bool judge_closed(std::size_t limit, Emissions* out);
  void settle_oldest();
  void forget_told();

  // Whether all panes that the window's figures are of are there still.
  bool is_kept(PaneIndex pane) const { return pane - shape_.reach + 1 >= timeline_.kept_from(); }
  bool is_silent(const Subject& subject, PaneIndex pane) const;
  bool is_worth_a_point(const Subject& subject, PaneIndex pane) const;
  bool is_watched(const Subject& subject, PaneIndex pane) const;
  bool is_still(PaneIndex pane) const;
  bool is_standstill(PaneIndex pane, const Figures& figures) const;
  Figures evaluate_at(std::int32_t index, PaneIndex pane);
  Figures figures_of(std::int32_t index, PaneIndex pane, const Figures& last);
  WindowSums sums_of(std::int32_t index, PaneIndex pane) const;
  LifeRules life_rules() const;
  const Figures& unfiltered_at(PaneIndex pane);
  // One alert a tree: what lies below one that fires is part of it.
  bool fires_above(const Subject& subject, PaneIndex pane) const;
  bool step_life(const Subject& subject, PaneIndex pane, Figures figures, Life* life) const;
  void find_amended();
  void refold_from(std::int32_t index, PaneIndex from);
  void refold(std::int32_t index, PaneIndex from, Emissions* out);
  void visit_panes(std::int32_t index, PaneIndex from, const Life& life,
                   absl::FunctionRef<void(PaneIndex, const Figures&)> visitor);
  WindowGrid grid() const {
    return {.length = shape_.learns ? shape_.window : 1, .newest = timeline_.closed()};
  }
  // The life as of the window that ends with `pane`.
  void take_in(Story* story, PaneIndex pane, Life life);
  Story& story_of(std::int32_t index);
  void say_point(Subject* subject, PaneIndex pane, const Figures& figures, const Life& life,
                 Emissions* out);
  void publish(std::int32_t index, Emissions* out);
  void emit_alert(std::int32_t index, const Revision& revision, Emissions* out);

  const config::Config& config_;
  const journal::Merger& merger_;
  const Firings* const findings_;
  std::optional<FiringListener> listener_;
  const RuleShape shape_;
  Timeline timeline_;
  std::optional<Panel> panel_;  // of a rule that learns
  const std::size_t own_series_;
  const std::size_t against_series_;  // the rule's own unless divergence names another

  std::deque<Subject> subjects_;
  std::vector<std::int32_t> free_;
  absl::flat_hash_set<std::int32_t, NameHash, NameEqual> by_name_;
  Ordered order_;  // by level, then by canonical name
  // Those that a window which closes is looked at for: that hold something which it, or one behind
  // it, reaches back to, or have a story.
  Ordered active_;
  Ordered stories_;                                               // those that have one
  std::deque<Membership> own_memberships_, against_memberships_;  // by KeyId
  // Of the rule's own keys that belong to a subject: the value of Rule::parts, if it has one.
  std::deque<std::string> part_names_;  // by KeyId
  Operands unfiltered_;
  Figures unfiltered_figures_;
  std::optional<PaneIndex> unfiltered_pane_;  // that unfiltered_figures_ are of

  bool closing_ = false;                   // the window at hand is not said to its end
  std::optional<std::int32_t> said_last_;  // then: of its subjects
  bool has_changed_ = true;                // by the last window that closed
  std::vector<std::int32_t> amended_;      // subjects with amended_from
  PaneIndex unfiltered_amended_from_ = INT64_MAX;
  // Where the unfiltered series has begun to hold something, or ceased to, so that what is still
  // may not be what it was.
  PaneIndex stillness_amended_from_ = INT64_MAX;
  // Subjects of the amendment at hand, and the first window that changes. In their order, so that
  // what fires above another is known.
  absl::btree_map<std::int32_t, PaneIndex, InOrder> to_refold_;
  std::vector<std::pair<std::int32_t, PaneIndex>> touched_;  // open panes since look_early()
  Stats stats_;
};

}  // namespace surgewatch::detect
