// share_shift (D3): has a region's share of the whole changed, whatever the whole does?
//
// For region i with y of the n counts in a window, and π its share in a discounted baseline that
// ends `guard` windows before, two one-sided CUSUMs look for its odds having changed by ψ:
//
//   up:    C = max(0, C + ( y log ψ - n log(1 + π(ψ-1))) / φ)
//   down:  the same with 1/ψ
//
// and one multinomial CUSUM looks for a named shift: π'_i ∝ π_i ψ^{target_i}, each target_i
// -1, 0 or 1. φ is the measured overdispersion of shares (Pearson's), times the baseline's own
// uncertainty. Each alarms at h and then starts again at 0.
//
// A share can rise because others fell: every answer carries the change of the region's count
// beside the change of its share.
//
// Threads: none inside; one owner. Invariants: no allocation after create(); finite for counts
// 0 … 1e12. NA: until guard + warm_up windows are learned, and for windows with fewer than
// `least_total` counts (whose CUSUMs stand still).
// Cost: O(K) a window for K regions; 8 K (guard + 9) bytes and a fixed part.
// Source: Höhle, Online change-point detection in categorical time series, 2010 (categoricalCUSUM).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/saturating.h"

namespace surgewatch::statistics {

struct ShareParameters {
  int regions = 2;          // 2 … 10000
  double odds_ratio = 2;    // ψ, 1.05 … 100
  double threshold = 5;     // h, 0.5 … 50
  double discount = 0.98;   // (0.5, 1]: of the baseline, per window
  int guard = 26;           // 1 … 400
  int warm_up = 26;         // 4 … 400 windows learned before anything is said
  double least_total = 20;  // 1 … 1e12
  double dispersion = 1;    // φ at first, and its least value; 1 … 1e6
  std::vector<int> target;  // empty, or -1, 0, 1 for each region, not all 0

  absl::Status check() const;
  std::uint64_t fingerprint() const;
};

struct RegionShare {
  double share = 0;           // of this window
  double baseline_share = 0;  // π
  double count = 0;
  double baseline_count = 0;  // a window, in the baseline
  double evidence_up = 0;     // C before a restart
  double evidence_down = 0;
  bool alarm_up = false;
  bool alarm_down = false;
};

struct ShareJudgement {
  bool known = false;
  double total = 0;
  double baseline_total = 0;
  double dispersion = 1;  // φ, the baseline's uncertainty included
  double target_evidence = 0;
  bool target_alarm = false;
  bool alarm = false;  // any
  std::vector<RegionShare> regions;
};

class ShareCusum {
 public:
  static absl::StatusOr<ShareCusum> create(const ShareParameters& parameters);

  // Bytes at the most that one has outside of itself.
  static Saturating at_most(const ShareParameters& parameters);

  // counts.size() == regions. What it returns stands until the next step.
  const ShareJudgement& step(std::span<const double> counts) { return step(counts, counts); }
  // The same where what is judged is not what is learned: corrections of a window that has been
  // learned long since.
  const ShareJudgement& step(std::span<const double> learned, std::span<const double> judged);

  // A window without figures: nothing is judged and nothing learned.
  const ShareJudgement& skip();

  std::string snapshot() const;
  absl::Status restore(std::string_view bytes);

 private:
  struct Region {
    double baseline = 0;  // discounted counts
    double up = 0;
    double down = 0;
  };

  explicit ShareCusum(const ShareParameters& parameters);

  void learn(std::span<const double> counts);
  void judge_region(std::size_t i, double count, double baseline_total);
  double target_log_ratio(double baseline_total) const;
  double share_of(std::size_t i, double baseline_total) const;
  std::span<double> oldest();
  void say_nothing();

  std::shared_ptr<const ShareParameters> parameters_;
  double log_odds_;
  std::int64_t windows_ = 0;
  double learned_ = 0;
  double weight_ = 0;  // discounted windows in the baseline
  double dispersion_;
  double target_evidence_ = 0;
  std::vector<Region> regions_;
  std::vector<double> guarded_;  // guard × regions; a first value of -1 marks a skipped window
  std::vector<double> judged_;   // of the window at hand
  ShareJudgement judgement_;
};

}  // namespace surgewatch::statistics
