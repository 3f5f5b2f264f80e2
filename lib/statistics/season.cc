#include "statistics/season.h"

#include <algorithm>

#include "statistics/portable_math.h"

namespace surgewatch::statistics {
namespace {

std::vector<double> table_of(int period, int harmonics) {
  std::vector<double> table;
  table.reserve(static_cast<std::size_t>(period) * 2 * static_cast<std::size_t>(harmonics));
  for (long window = 0; window < period; ++window) {
    for (long j = 1; j <= harmonics; ++j) {
      const CosSin wave = portable_cos_sin(j * window, period);
      table.push_back(wave.cos);
      table.push_back(wave.sin);
    }
  }
  return table;
}

}  // namespace

Season::Season(const SeasonShape& shape)
    : shape_(shape),
      first_(table_of(shape.period, shape.harmonics)),
      second_(shape.second_period > 0 ? table_of(shape.second_period, shape.second_harmonics)
                                      : std::vector<double>()) {}

void Season::at(long window, double* out) const {
  const long first_width = 2L * shape_.harmonics;
  out = std::copy_n(first_.begin() + window % shape_.period * first_width, first_width, out);
  if (shape_.second_period <= 0) return;
  const long second_width = 2L * shape_.second_harmonics;
  std::copy_n(second_.begin() + window % shape_.second_period * second_width, second_width, out);
}

}  // namespace surgewatch::statistics
