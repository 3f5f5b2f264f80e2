// The detector: a deterministic state machine over the journal. No clock, no random number, no
// thread decides what it emits; the same records in the same order give the same alerts, byte for
// byte.
//
//              updates, watermarks                         threshold reached
//   journal ──────────────────────► merged panes ──► rules ────────────────► FIRING ──► RESOLVED
//                                    per series      per subject              │  ▲ revisions:
//                                    state,
//                                                                             └──┘ severity,
//                                                                             timing,
//                                                                                  peak, late
//                                                                                  figures
//
// Threads: one thread calls apply(); any thread calls stats().
// Errors: a record that does not make sense (an unknown series, a source outside the topology) is
// counted, never fatal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/time.h"
#include "config/config.h"
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
  std::uint64_t reopened_panes = 0;  // updates to a pane that was final
  std::uint64_t closed_panes = 0, evaluations = 0, inconclusive = 0;
  std::uint64_t alerts_firing = 0;
  std::optional<Micros> watermark;  // the lowest over all sources that are not idle
};

class Detector {
 public:
  explicit Detector(std::shared_ptr<const config::Config> config);
  ~Detector();
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;

  // Appends to `out` what the record gives rise to.
  void apply(const v1::JournalRecord& record, Emissions* out);

  // Calls `visit` for every pane that is not all zero, in the order of series (by name), pane, key.
  void for_each_pane(const std::function<void(const ClosedPane&)>& visit) const;

  DetectorStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace surgewatch::detect
