// One rule at work: keeps the sums of its subjects, closes and settles its windows in order, and
// says what there is to say of them.
//
//     settled (the fold is done for good)    closed (may be amended)      open
//   ──────────────────────────────────────┬──────────────────────────┬─────────────► panes
//                                        settled                   closed
//
// - close_next(): the next window is evaluated for each subject; a point for each, and revisions.
// - finalize_next(): the oldest closed window that is not final becomes so.
// - amend(): late data has changed closed panes: the fold is run again from what is settled.
// - look_early(): open windows that have crossed the line already, of subjects that do not fire.
//
// Rules that learn (panel.h) judge windows that do not overlap: there, only panes that end a window
// are judged, and all subjects are judged together.
//
// A subject is one combination of the values of `per`. The whole is the rule's series without the
// rule's filters. Subjects are visited in the order of their canonical names, so that nothing
// depends on the order in which they were first seen.
//
// Silence costs nothing: once a whole reach of panes without any data is final, windows up to the
// next data are passed over at once, without points, since all of them say the same.
//
// Threads: one.
// Cost: a change takes O(1); a close O(subjects). Memory for each subject: 16 bytes a pane of
// history (three times that for divergence).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "config/config.h"
#include "detect/alert_text.h"
#include "detect/detector.h"
#include "detect/evaluate.h"
#include "detect/lifecycle.h"
#include "detect/panel.h"
#include "detect/revisions.h"
#include "journal/merger.h"

namespace surgewatch::detect {

class RuleRunner {
 public:
  // Closed panes behind the newest that late data can still amend, and those that corrections can:
  // no more than this, however short the panes are.
  static constexpr std::int64_t kMaxAmendablePanes = 4'096;
  // Open windows of one subject that are looked at early after one record.
  static constexpr std::size_t kMaxEarlyWindows = 16;

  struct Stats {
    std::uint64_t closed = 0, evaluations = 0, inconclusive = 0;
    std::uint64_t firing = 0;  // alerts now
  };

  RuleRunner(const config::Config& config, std::size_t rule_index, const journal::Merger& merger);

  const RuleShape& shape() const { return shape_; }
  const Stats& stats() const { return stats_; }
  // Panes of the series behind the newest closed one that what a window is made of is found in.
  std::int64_t kept_panes() const { return shape_.window + correctable_; }
  std::optional<PaneIndex> closed() const;

  void take(const journal::Change& change);

  // When the next window closes or becomes final, if that has been passed.
  std::optional<Micros> next_close_at(Micros passed) const;
  std::optional<Micros> next_final_at(Micros passed) const;

  void close_next(Micros passed, Emissions* out);
  void finalize_next(Emissions* out);
  void amend(Emissions* out);
  void look_early(Emissions* out);

 private:
  struct Subject {
    SubjectName name;
    Operands operands;
    std::vector<journal::KeyId> keys;  // of the rule's own series
    PaneIndex first_pane = INT64_MAX;  // before it there is nothing to say
    int level = 0;                     // of the rollup
    std::int32_t parent = Panel::kWholeSeries;
    Life settled;  // as of what is settled; at most one episode: the last
    Life life;     // as of what is closed: that one, and those since
    std::vector<Revision> published;
    std::vector<std::uint64_t> digests;  // of the points of closed windows that are not settled
    std::vector<PaneIndex> touched;      // open panes changed since look_early()
    bool amended = false;
  };
  // What a key of a series counts for.
  struct Target {
    std::vector<std::int32_t> observed;  // indexes of subjects, one for each level of the rollup
    std::int32_t against = -1;
    bool unstated = false;
  };

  const Target& target_of(std::size_t series, journal::KeyId key);
  Target own_target(const std::vector<std::string>& key, journal::KeyId id);
  Target against_target(const std::vector<std::string>& key);
  std::int32_t subject_index(const std::vector<std::size_t>& per, std::vector<std::string> values,
                             std::int32_t parent, int level);
  std::vector<PaneIndex> accepted_of(const SubjectName& name) const;
  void mark(std::int32_t subject, PaneIndex pane);

  void start();
  void judge_closed(Emissions* out);
  bool skip_silence(PaneIndex last);
  PaneIndex last_closable(Micros passed) const;
  void settle_next(Emissions* out);
  Figures evaluate_at(std::int32_t index, PaneIndex pane);
  // The same of a window that may be settled; `last` is what was said of it.
  Figures figures_of(std::int32_t index, PaneIndex pane, const Figures& last);
  Figures early_figures(std::int32_t index, PaneIndex pane);
  WindowSums sums_of(std::int32_t index, PaneIndex pane) const;
  bool is_silent(PaneIndex pane) const;
  LifeRules life_rules() const;
  // Steps all lives over a closed window, those above first.
  void fold(PaneIndex pane, Life Subject::*life);
  bool has_firing_ancestor(const Subject& subject, Life Subject::*life) const;
  const Whole& whole_at(PaneIndex pane);
  bool knows(PaneIndex pane) const;
  void emit_point(Subject* subject, PaneIndex pane, const Figures& figures, const Life& life,
                  Emissions* out);
  void forget_said(Subject* subject);
  void recall_settled(std::int32_t index);
  void publish(std::int32_t index, Emissions* out);
  void emit_alert(const Subject& subject, const Revision& revision, Emissions* out);
  std::vector<NamedPart> parts(const Figures& figures) const;
  std::uint64_t& digest(Subject* subject, PaneIndex pane) const;

  const config::Config& config_;
  const journal::Merger& merger_;
  RuleShape shape_;
  std::optional<Panel> panel_;  // of a rule that learns
  std::size_t own_series_;
  std::size_t against_series_;  // the rule's own unless divergence names another
  std::int64_t late_panes_;     // closed windows that are not final, at most
  std::int64_t amendable_;      // late_panes_, bounded
  std::int64_t correctable_;
  std::int64_t capacity_;

  std::deque<Subject> subjects_;
  std::vector<std::uint32_t> order_;  // by level, then by canonical name
  absl::flat_hash_map<std::string, std::int32_t> by_name_;
  std::vector<std::optional<Target>> own_targets_, against_targets_;  // by KeyId
  Operands whole_;
  Whole whole_figures_;
  std::optional<PaneIndex> whole_pane_;  // that whole_figures_ are of

  bool started_ = false;
  PaneIndex first_pane_;  // of the history
  PaneIndex closed_;
  PaneIndex settled_;
  PaneIndex final_;
  PaneIndex lowest_data_ = INT64_MAX;
  PaneIndex highest_data_ = INT64_MIN;
  PaneIndex last_closed_data_ = INT64_MIN;
  bool any_amended_ = false;
  bool whole_amended_ = false;
  bool any_touched_ = false;
  Stats stats_;
};

}  // namespace surgewatch::detect
