// surge (D1): is this window's count more than the rolling baseline explains?
//
// The baseline is a log-linear state θ = (level, slope, waves of the season) with covariance P,
// followed by a discounted Gamma-Poisson filter; the count's law is negative binomial with variance
// φμ + qμ², where φ is the measured overdispersion and q the baseline's own uncertainty:
//
//   judge:  η = x'θ   q = min(x'Px, 1)   μ = w e^η   V = φμ + qμ²   p = P(NB(μ, V) >= y)
//   learn:  δ = log((1/q + k y) / (1/q + k μ))   q* = 1/(1/q + k y)   k = ω/φ
//           θ += Px δ/q    P -= Px x'P (1 - q*/q)/q
//
// A count is learned only `guard` windows after it was seen, so that a running surge cannot raise
// its own baseline; outliers are learned with a weight ω that falls with their Anscombe residual,
// until `outliers_accepted` in a row show that the level is new, which is then learned afresh.
//
// Money. A sum of money is no count and its variance is not its mean. Give `unit`, the size of a
// typical document: y/unit then follows the same quasi-likelihood (mean and variance alone), and φ
// is measured in documents of that size. The p-value then holds as far as a gamma-like law does.
//
// Threads: none inside; one owner. Copies share the season's tables, which never change.
// Invariants: no allocation after create(); every value that leaves is finite for counts 0 … 1e12
//   (others are clamped to that) and exposures 1e-6 … 1e6; outputs are a function of parameters and
//   inputs alone, to the last bit (portable_math.h), and snapshot() / restore() keep them so.
// Units: windows; counts, or multiples of `unit`.
// Errors: create(): kInvalidArgument with the range of what is out of it.
// Cost: O(d²), d = 2 + 2 × waves <= 12; 8 (d + d(d+1)/2 + 3 guard) bytes and a fixed part a series.
// Source: discounting and the conjugate update: West, Harrison, Migon, Dynamic Generalized Linear
//   Models, JASA 80 (1985); reweighting of past outbreaks, Anscombe residuals, 26 windows left out:
//   Noufaily et al., An improved algorithm for outbreak detection, Stat. Med. 32 (2013).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/saturating.h"
#include "statistics/season.h"

namespace surgewatch::statistics {

inline constexpr double kMaxCount = 1e12;

struct GammaPoissonParameters {
  SeasonShape season;
  double level_discount = 0.998;  // (0.8, 1]: how much of the past a window keeps
  double slope_discount = 0.999;
  double season_discount = 0.999;
  double level_variance = 0.5;    // (0, 4]: of the logarithm, when learning begins
  double slope_variance = 0.05;   // per season
  double season_variance = 0.3;   // of wave j: this over j
  int guard = 26;                 // 1 … 400 windows between seeing and learning
  int level_windows = 26;         // 4 … 400 windows whose mean is the first level
  double dispersion = 1.5;        // φ at first, 1 … 1e6
  double outlier_p = 0.005;       // 1e-9 … 0.02: learned with less weight below this
  int outliers_accepted = 4;      // in a row; then the level is taken to be new
  double alpha = 0.005;           // (0, 0.5]: of the alarm and the bound
  double least_recent_count = 5;  // no alarm unless the last `recent_windows` held this many
  int recent_windows = 4;         // 1 … 8
  double unit = 1;                // > 0: what counts as one (money: a typical document)

  static GammaPoissonParameters weekly();
  static GammaPoissonParameters daily();
  static GammaPoissonParameters hourly();

  absl::Status check() const;
  std::uint64_t fingerprint() const;
};

// What a detector says of one window.
struct Judgement {
  bool known = false;   // false: too little history, or no value: NA, never a guess
  bool enough = false;  // the last few windows held enough counts to alarm on
  bool alarm = false;   // known, enough and p <= alpha
  double observed = 0;
  double expected = 0;     // μ
  double variance = 0;     // V
  double dispersion = 1;   // φ
  double uncertainty = 0;  // q
  double p = 1;            // P(Y >= observed)
  double unit = 1;         // in which the law counts (see above)
};

class GammaPoissonFilter {
 public:
  static absl::StatusOr<GammaPoissonFilter> create(const GammaPoissonParameters& parameters);

  // Judges the next window, then keeps its value for learning. No value: nothing is learned from
  // the window. `exposure` is its length times its completeness, relative to a full window.
  Judgement step(std::optional<double> value, double exposure = 1) {
    return step(value, value, exposure);
  }
  // The same where what is judged is not what is learned: corrections of a window that has been
  // learned long since.
  Judgement step(std::optional<double> learned, std::optional<double> judged, double exposure);

  // What step() would say now of `value`, without taking it in: provisional tests of open windows.
  Judgement judge(std::optional<double> value, double exposure = 1) const;

  // The smallest value that is above what `alpha` allows; asks for a known judgement.
  double upper_bound(const Judgement& judgement, double alpha) const;

  // Replaces a value that is still in the guard buffer: `age` 1 is the last window. False if it has
  // been learned already (late data that came after the guard changes no baseline).
  bool amend(int age, std::optional<double> value, double exposure = 1);

  // Bytes at the most that one has outside of itself, and those that it shares with its copies.
  struct AtMost {
    Saturating own, shared;
  };
  static AtMost at_most(const GammaPoissonParameters& parameters);

  std::int64_t windows() const { return windows_; }
  int warm_up_windows() const { return parameters_->guard + parameters_->level_windows; }
  const GammaPoissonParameters& parameters() const { return *parameters_; }

  std::string snapshot() const;
  absl::Status restore(std::string_view bytes);

 private:
  static constexpr int kMaxDimension = 12;
  using Vector = std::array<double, kMaxDimension>;

  struct Seen {
    double value;     // in units
    double exposure;  // 0: nothing to learn
  };
  struct Prediction {
    double log_mean;  // of a full window
    double uncertainty;
  };

  explicit GammaPoissonFilter(const GammaPoissonParameters& parameters);

  Prediction predict(const Vector& x, Vector* px) const;
  void regressors(std::int64_t window, double lag, Vector* x) const;
  Judgement judge_window(std::int64_t window, const Seen& seen) const;
  void learn(std::int64_t window, const Seen& seen);
  void learn_first_level(const Seen& seen);
  void drift();
  double outlier_weight(double y, double mean, double variance);
  void learn_dispersion(double y, double mean, double uncertainty, double weight);
  Seen seen_of(std::optional<double> value, double exposure) const;

  std::shared_ptr<const GammaPoissonParameters> parameters_;
  std::shared_ptr<const Season> season_;
  int dimension_;
  std::int64_t windows_ = 0;
  double learned_ = 0;    // windows learned from, for the steps of φ and the first level
  double level_sum_ = 0;  // until the first level is known
  double level_exposure_ = 0;
  bool level_known_ = false;
  double dispersion_;
  double outlier_run_ = 0;
  std::array<double, 8> recent_{};
  Vector theta_{};
  std::vector<double> covariance_;  // dimension_ × dimension_, symmetric
  std::vector<Seen> guarded_;       // ring of the last `guard` windows
};

}  // namespace surgewatch::statistics
