#include "config/control_class.h"

namespace surgewatch::config {
namespace {

constexpr std::int64_t kHundredth = 10'000'000;  // of a unit of density, in 10^-9

}  // namespace

std::string_view control_class(std::optional<std::int64_t> tpp,
                               std::optional<std::int64_t> density_e9, bool datacenter_marketed) {
  if (!tpp) return kClassUnknown;
  if (*tpp >= 4'800) return kClassA;
  // Note 2 to 3A090: parts neither designed nor marketed for data centers are outside below 4800.
  if (!datacenter_marketed || *tpp < 1'600) return kClassNone;
  if (!density_e9) return kClassUnknown;
  if (*density_e9 >= 592 * kHundredth) return kClassA;
  const std::int64_t lowest_of_b = *tpp >= 2'400 ? 160 * kHundredth : 320 * kHundredth;
  return *density_e9 >= lowest_of_b ? kClassB : kClassNone;
}

}  // namespace surgewatch::config
