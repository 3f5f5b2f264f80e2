// Random numbers that are the same on every machine: SplitMix64, and hashes made from its mixer.
//
// The standard library's distributions differ between implementations, so none is used. A value
// that must be found again without going through those before it (order 7 of day 12) comes from
// hash(), a stream of values from Random.
//
// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014; the
// constants are those of Vigna's splitmix64.c (public domain).
#pragma once

#include <cstdint>

namespace surgewatch::simulate {

inline constexpr std::uint64_t kGoldenGamma = 0x9e3779b97f4a7c15;

// A bijection of 64 bits in which every input bit changes about half of the output bits.
constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

template <typename... Rest>
constexpr std::uint64_t hash(std::uint64_t seed, std::uint64_t first, Rest... rest) {
  const std::uint64_t mixed = mix(mix(seed + kGoldenGamma) ^ first);
  if constexpr (sizeof...(rest) == 0) {
    return mixed;
  } else {
    return hash(mixed, static_cast<std::uint64_t>(rest)...);
  }
}

// Maps 64 random bits to [0, bound). The bias is below bound / 2^64.
constexpr std::uint64_t scale(std::uint64_t bits, std::uint64_t bound) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
}

class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() { return mix(state_ += kGoldenGamma); }
  // In [0, bound); bound > 0.
  constexpr std::uint64_t below(std::uint64_t bound) { return scale(next(), bound); }

 private:
  std::uint64_t state_;
};

}  // namespace surgewatch::simulate
