// The detector: a deterministic state machine over the journal. No clock, no random number, no
// thread decides what it emits; the same records in the same order give the same alerts, byte for
// byte.
//
//   journal ──► Merger ──► RuleRunner, one a rule ──► Episodes ──► Revisions ──► alerts, points
//               panes      sums a subject,            the fold     what is
//               a series   figures a window           over them    new to say
//
// When: pane batches are merged as they come. Everything is judged at the other records that are
// heard (progress, idle marks, topologies; Merger::has_heard()), in this order: closed windows that
// late data has changed; windows that close or become final, in the order of the instants at which
// they do, over all rules; the same of each typology, behind the rules that it weighs
// (firings.h); open windows that have crossed the line already. So how a flush was cut into
// batches changes nothing.
//
// A window closes when every source of its series' topic (of both, for a divergence between two)
// has passed its end, and is final when they have passed that by the allowed lateness.
//
// Threads: one thread calls apply(); any thread calls stats().
// Errors: a record that no owner of a source says (journal/refusal.h) is refused and counted, never
// fatal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/measures.h"
#include "base/time.h"
#include "config/config.h"
#include "journal/refusal.h"
#include "surgewatch/v1/alert.pb.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::detect {

// What one record made the detector say, in order.
struct Emissions {
  std::vector<v1::Alert> alerts;
  std::vector<v1::SeriesPoint> points;
};

// A pane that has closed, for `replay --series`: one row a key.
struct ClosedPane {
  std::size_t series = 0;
  PaneIndex pane = 0;
  std::vector<std::string> key;
  MeasureValues values;
};

struct DetectorStats {
  std::uint64_t records = 0, pane_updates = 0, stale_updates = 0, corrections = 0;
  std::uint64_t unknown_series = 0;  // updates made by another definition of a series
  std::uint64_t reopened_panes = 0;  // changes to a pane that was final
  journal::RefusalCounts refused;    // records, and entries of batches
  std::uint64_t unmergeable = 0;     // updates too old to be merged exactly: see journal/merger.h
  std::uint64_t overflows = 0;       // sums that left the range of 64 bits
  std::uint64_t closed_panes = 0;    // over all rules
  std::uint64_t evaluations = 0;
  std::uint64_t inconclusive = 0;  // windows that closed without an answer
  std::uint64_t alerts_firing = 0;
  std::uint64_t former_owners = 0;       // records of those who no longer own their source
  std::uint64_t over_key_limit = 0;      // updates and corrections counted under `other`
  std::uint64_t generations = 0;         // of figures, that have taken another's place
  std::uint64_t subjects = 0;            // there now, over all rules
  std::uint64_t subjects_forgotten = 0;  // that had held nothing for long
  std::uint64_t too_old = 0;             // changes of panes that no answer depends on any more
  std::optional<Micros> watermark;       // the lowest over all sources that are not idle
};

class Detector {
 public:
  // What those who publish ask say() for.
  static constexpr std::size_t kSaidAtOnce = 8'000;

  struct Options {
    // Keep every pane for for_each_pane(), not only those that rules and corrections can need.
    bool keep_all_panes = false;
    // Says nothing until speak(): an earlier life has said it.
    bool silent = false;
    // Inputs can end: files do, topics don't.
    bool inputs_end = true;
  };

  explicit Detector(std::shared_ptr<const config::Config> config);
  Detector(std::shared_ptr<const config::Config> config, const Options& options);
  ~Detector();
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;

  // Takes in the record at this offset of the journal. Then say(), until it has no more to say,
  // before the next one is taken in. What was refused of it, valid until then; all else is taken.
  std::span<const journal::Refused> take(const v1::JournalRecord& record, std::int64_t offset);
  // Appends what the records that were taken in give rise to, about `limit` emissions at a time;
  // false once nothing is left.
  bool say(std::size_t limit, Emissions* out);
  // Both, of a journal whose records are numbered from 0: appends to `out` all that the record
  // gives rise to.
  void apply(const v1::JournalRecord& record, Emissions* out);

  // Ends the silence about points alone, from the next record that is taken in: an earlier life may
  // not have published all of that one's.
  void say_points();

  // Ends the silence. `published` has the newest revision of each alert that was ever published;
  // what it says and what holds now are compared: appends what is new, what has changed, and an end
  // for what no rule holds any longer. Revisions go on from those. Once, after say() has answered
  // false.
  void speak(const std::vector<v1::Alert>& published, Emissions* out);

  // Calls `visit` for every closed pane that is kept and not all zero, in the order of series (by
  // name), pane, key.
  void for_each_pane(const std::function<void(const ClosedPane&)>& visit) const;

  DetectorStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace surgewatch::detect
