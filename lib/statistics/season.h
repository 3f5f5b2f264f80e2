// The seasonal part of a baseline: cosine and sine waves of one or two periods, in tables that all
// series of a kind share.
//
// Threads: immutable after construction.
#pragma once

#include <memory>
#include <span>
#include <vector>

namespace surgewatch::statistics {

struct SeasonShape {
  int period = 52;        // windows in a season
  int harmonics = 2;      // waves in it, 0 for no season
  int second_period = 0;  // a longer season on top (hourly: the week); 0 for none
  int second_harmonics = 0;

  int waves() const { return harmonics + (second_period > 0 ? second_harmonics : 0); }
};

class Season {
 public:
  explicit Season(const SeasonShape& shape);

  int width() const { return 2 * shape_.waves(); }

  // cos, sin of each wave in the window of that number, the first season's first.
  void at(long window, double* out) const;

  // 1, 2, … within its season: prior variance falls with it.
  int order_of_wave(int wave) const {
    return wave < shape_.harmonics ? wave + 1 : wave - shape_.harmonics + 1;
  }

 private:
  SeasonShape shape_;
  std::vector<double> first_;  // period × 2 harmonics
  std::vector<double> second_;
};

}  // namespace surgewatch::statistics
