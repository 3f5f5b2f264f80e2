// new_entity (D4): a cell that was never seen before, and the rate of a cell that is too young for
// a baseline.
//
// Three answers a window:
//   first_seen  the cell's first count: an event of its own, not an anomaly;
//   p           P(Y >= y) of a Gamma-Poisson predictive: a prior Gamma(a, b) from the cell's
//               siblings, sharpened by its own past;
//   e           an e-process against "the rate is at most λ0", λ0 the prior's upper quantile, for
//               rises of 2 to 20 times: E_t = Σ_j w_j Π_s NB(y_s; κ_j λ0)/NB(y_s; λ0). By
//               Ville's inequality P(E ever reaches 1/α) <= α while the null holds, however
//               often one looks.
// For cells that live long the same ratios feed a Shiryaev-Roberts sum, R = (1 + R) L, which starts
// again after each alarm and has a mean time to a false alarm of at least 1/α windows.
//
// Threads: none inside; one owner. Invariants: no allocation at all; finite for counts 0 … 1e12.
// Cost: 2 exponentials for each of 8 rises; 250 bytes a series. Warm-up: none.
// Source: Ville 1939; Shin, Ramdas, Rinaldo, E-detectors, NEJSDS 2 (2024); pooling by moments:
//   Robbins' empirical Bayes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace surgewatch::statistics {

// Gamma(shape, weight) of a rate per window; weight in windows.
struct RatePrior {
  double shape = 0.5;
  double weight = 1;
};

// By moments over the mean rates of sibling cells; a prior never weighs more than 8 windows.
// With fewer than two siblings: the weak prior above.
RatePrior pooled_prior(std::span<const double> sibling_rates);

struct NewEntityParameters {
  RatePrior prior;              // shape 1e-3 … 1e9, weight 1e-6 … 1e3
  double alpha = 0.005;         // (0, 0.5]: alarm at E or R >= 1/alpha
  double null_quantile = 0.95;  // 0.5 … 0.999: which rate of the prior still is no surprise
  double smallest_rise = 2;     // 1.1 … 100
  double largest_rise = 20;     // smallest_rise … 1000
  double dispersion = 1;        // φ >= 1 of a window's count

  absl::Status check() const;
  std::uint64_t fingerprint() const;
};

struct NewEntityJudgement {
  bool known = false;
  bool first_seen = false;
  bool alarm = false;   // E or R reached 1/alpha in this window
  double expected = 0;  // of the predictive
  double p = 1;
  double e_value = 1;     // E: valid at any time, never restarted
  double e_detector = 0;  // R before the restart
  double null_rate = 0;   // λ0
};

class NewEntity {
 public:
  static absl::StatusOr<NewEntity> create(const NewEntityParameters& parameters);

  NewEntityJudgement step(std::optional<double> value, double exposure = 1) {
    return step(value, value, exposure);
  }
  // The same where what is judged is not what is learned: corrections of a window that has been
  // learned long since.
  NewEntityJudgement step(std::optional<double> learned, std::optional<double> judged,
                          double exposure);

  // Old and busy enough for a baseline of its own: 52 windows and 50 counts.
  bool ready_for_baseline() const { return exposure_ >= 52 && total_ >= 50; }

  std::string snapshot() const;
  absl::Status restore(std::string_view bytes);

 private:
  static constexpr std::size_t kRises = 8;

  explicit NewEntity(const NewEntityParameters& parameters);

  NewEntityParameters parameters_;
  double null_rate_;
  std::array<double, kRises> rises_;
  double exposure_ = 0;
  double total_ = 0;
  bool reported_ = false;               // E has reached 1/alpha already
  std::array<double, kRises> log_e_{};  // of each rise
  std::array<double, kRises> r_{};
};

}  // namespace surgewatch::statistics
