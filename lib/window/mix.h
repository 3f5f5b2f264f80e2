// A hash of two words: their product, folded.
//
// Not for adversaries who choose the words: here they are numbers that we have given.
// Source: wyhash, by Wang Yi.
#pragma once

#include <cstdint>

namespace surgewatch::window {

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a ^ 0x9e3779b97f4a7c15u} * (b ^ 0xe7037ed1a0b428dbu);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace surgewatch::window
