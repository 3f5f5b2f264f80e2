#include "window/distinct_sketch.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

namespace surgewatch::window {
namespace {

constexpr std::size_t kMaxRank = 64 - DistinctSketch::kBits + 1;

// Ertl's σ: the part of the registers that are still 0.
double sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double z = x;
  double before = 0;
  for (double y = 1; z != before; y += y) {
    x *= x;
    before = z;
    z += x * y;
  }
  return z;
}

// Ertl's τ: the part of those whose rank could not rise further.
double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double z = 1 - x;
  double before = 0;
  for (double y = 0.5; z != before; y *= 0.5) {
    x = std::sqrt(x);
    before = z;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

}  // namespace

void DistinctSketch::add(std::string_view item) { add_hash(XXH3_64bits(item.data(), item.size())); }

void DistinctSketch::add_hash(std::uint64_t hash) {
  const auto index = static_cast<std::uint32_t>(hash >> (64 - kBits));
  // A one below the bits that are left bounds the rank.
  const std::uint64_t rest = hash << kBits | std::uint64_t{1} << (kBits - 1);
  raise(index, static_cast<std::uint32_t>(std::countl_zero(rest)) + 1);
}

void DistinctSketch::raise(std::uint32_t index, std::uint32_t rank) {
  if (!registers_.empty()) {
    registers_[index] = std::max(registers_[index], static_cast<std::uint8_t>(rank));
    return;
  }
  const auto at = std::lower_bound(sparse_.begin(), sparse_.end(), entry(index, 0));
  if (at != sparse_.end() && *at >> 8 == index) {
    *at = std::max(*at, entry(index, rank));
    return;
  }
  sparse_.insert(at, entry(index, rank));
  if (sparse_.size() > kMaxSparse) make_dense();
}

void DistinctSketch::make_dense() {
  registers_.assign(kRegisters, 0);
  for (const std::uint32_t e : sparse_) registers_[e >> 8] = static_cast<std::uint8_t>(e & 0xff);
  sparse_ = {};
}

void DistinctSketch::merge(const DistinctSketch& other) {
  if (other.registers_.empty()) {
    for (const std::uint32_t e : other.sparse_) raise(e >> 8, e & 0xff);
    return;
  }
  if (registers_.empty()) make_dense();
  for (std::size_t i = 0; i < kRegisters; ++i) {
    registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
}

double DistinctSketch::estimate() const {
  std::array<std::uint32_t, kMaxRank + 1> counts{};  // registers of each rank
  if (registers_.empty()) {
    counts[0] = static_cast<std::uint32_t>(kRegisters - sparse_.size());
    for (const std::uint32_t e : sparse_) ++counts[e & 0xff];
  } else {
    for (const std::uint8_t rank : registers_) ++counts[rank];
  }
  constexpr auto kCount = static_cast<double>(kRegisters);
  double z = kCount * tau(1 - counts[kMaxRank] / kCount);
  for (std::size_t rank = kMaxRank - 1; rank >= 1; --rank) z = 0.5 * (z + counts[rank]);
  z += kCount * sigma(counts[0] / kCount);
  return kCount * kCount / (2 * std::numbers::ln2 * z);
}

std::size_t DistinctSketch::bytes() const {
  return sizeof(*this) + sparse_.capacity() * sizeof(std::uint32_t) + registers_.capacity();
}

}  // namespace surgewatch::window
