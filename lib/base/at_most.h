// How much memory containers take at the most, from the number and the size of their elements: what
// a configuration may take is added up from these before anything is there (docs/configuration.md).
//
// Held to what is measured by tests/unit/footprint.
// Source: gperftools' size classes (common.cc) waste an eighth at the most; libstdc++'s vector,
// deque and map; Abseil's raw_hash_set.h (load 7/8) and btree.h (nodes of 256 bytes, at least half
// full).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/saturating.h"

namespace surgewatch::at_most {

// One piece from the allocator.
constexpr Saturating block(Saturating bytes) {
  constexpr std::uint64_t kSmallest = 16, kWaste = 8;
  return bytes == Saturating(0) ? bytes : bytes + bytes / kWaste + kSmallest;
}

// A vector of known size.
constexpr Saturating exact_vector(Saturating count, std::size_t element) {
  return block(count * element);
}
// A vector that has grown to that size, an element after the other. The pieces that it has outgrown
// come to as much again: where many grow together nobody else has a use for these.
constexpr Saturating vector(Saturating count, std::size_t element) {
  return block(count.to_power_of_two() * element) * 2;
}

// What a std::string of that length has outside of itself.
constexpr Saturating text(Saturating length) {
  constexpr std::size_t kInside = 15;
  return length <= Saturating(kInside) ? Saturating(0) : block(length + Saturating(1));
}

constexpr Saturating deque(Saturating count, std::size_t element) {
  constexpr std::size_t kBlock = 512;
  const std::size_t in_block = std::max<std::size_t>(kBlock / element, 1);
  const Saturating blocks = count / in_block + 1;
  return blocks * block(std::max(kBlock, element)) + vector(blocks, sizeof(void*));
}

// A node of std::map or std::set.
constexpr Saturating tree_node(std::size_t element) {
  constexpr std::size_t kLinks = 4 * sizeof(void*);
  return block(element + kLinks);
}

// absl::flat_hash_map and flat_hash_set; while they grow the former table is there too.
constexpr Saturating flat_hash(Saturating count, std::size_t element) {
  constexpr std::size_t kControl = 1;
  if (count == Saturating(0)) return 0;
  const Saturating slots = (count * 8 / 7 + 1).to_power_of_two();
  return block(slots * (element + kControl)) + block(slots / 2 * (element + kControl));
}

// absl::btree_map and btree_set.
constexpr Saturating btree(Saturating count, std::size_t element) {
  constexpr std::size_t kNode = 256, kHead = 16, kFewest = 3;
  const std::size_t in_node = std::max((kNode - kHead) / element, kFewest);
  const std::size_t least = std::max<std::size_t>(in_node / 2, 1);
  const Saturating leaves = count / (least + 1) + 1;
  const Saturating inner = leaves / least + 1;
  const std::size_t leaf_bytes = kHead + in_node * element;
  return leaves * block(leaf_bytes) + inner * block(leaf_bytes + (in_node + 1) * sizeof(void*));
}

}  // namespace surgewatch::at_most
