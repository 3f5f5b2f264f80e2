// One window after another by Farrington's method: gathers the rows that its history takes part
// with, fits them, and judges the window's count.
//
// Threads: one object each. Cost: a few tens of microseconds a window (tests/bench has it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "methods/quasi_poisson.h"
#include "methods/table.h"

namespace surgewatch::methods {

enum class FarringtonThreshold : std::uint8_t { kNbPlugin, kMuan, kDelta };

struct FarringtonOptions {
  std::size_t b = 5;            // seasons back
  std::size_t w = 3;            // windows on either side; 2 w + 1 <= period
  std::size_t no_periods = 10;  // at most period - 2 w
  std::size_t past_excluded = 26;
  bool reweight = true;
  double weights_threshold = 2.58;
  bool trend = true;
  double p_threshold_trend = 1;
  double limit_cases = 5;
  std::size_t limit_windows = 4;
  FarringtonThreshold threshold = FarringtonThreshold::kNbPlugin;
  double alpha = 0.005;
  std::size_t period = 52;
};

class Farrington {
 public:
  using Values = std::vector<std::optional<double>>;

  // With days, which rise, a season is a calendar year: its window is that of the nearest date.
  explicit Farrington(const FarringtonOptions& options, std::vector<std::int64_t> days = {})
      : options_(options), days_(std::move(days)) {}

  // Of window t; empty unless the b seasons before it are there. Details: p, phi, trend (1 or 0).
  Answer answer(const Values& values, std::size_t t);

 private:
  struct Prediction {
    double eta;  // linear predictor
    double se;   // its standard error
    bool trend;
  };
  // The same window of each season back, oldest first, then t; false if one isn't there.
  bool find_centres(std::size_t t);
  void gather(const Values& values, std::size_t t);
  bool fit(bool with_trend);
  bool trend_holds(std::size_t t) const;
  bool enough_cases(const Values& values, std::size_t t) const;
  Answer judge(const Prediction& prediction, const Values& values, std::size_t t) const;

  FarringtonOptions options_;
  std::vector<std::int64_t> days_;
  std::vector<std::size_t> centres_;
  QuasiPoisson fit_;
  std::vector<double> weights_;
  double phi_ = 1;
  // R keeps the weights of the second fit in the place of the iteration's, so that its standard
  // errors rest on another dispersion. Kept, since bounds by muan and delta depend on it.
  double phi_of_errors_ = 1;
};

}  // namespace surgewatch::methods
