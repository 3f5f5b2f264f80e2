#include "statistics/ranges.h"

#include "base/status.h"

namespace surgewatch::statistics {

absl::Status check_within(const char* name, double value, double low, double high) {
  if (Range<double>{low, high}.holds(value)) return absl::OkStatus();
  return invalid_argument("{} = {} is out of range: {} to {}", name, value, low, high);
}

}  // namespace surgewatch::statistics
