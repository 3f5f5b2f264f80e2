// How many different parties: a sketch of a set that merges, so that a window's is made of its
// panes'.
//
// HyperLogLog: 2^12 registers of one byte, each the largest rank (leading zeros and one) of the
// hashes that fell to it. A small set is kept as the few registers that it touched, so that most
// panes of most keys cost some dozens of bytes.
//
// Threads: one.
// Invariants: merging is commutative, associative and idempotent, and equal sets make equal
// sketches, in whichever order and through whichever merges. The hash is XXH3-64 without a seed, so
// that this holds between processes and versions.
// Error: standard error 1.04 / √4096 = 1.6 % of the true count: two in three estimates are within
// it, 19 in 20 within twice that; small counts are closer. Ertl's estimator has no bias at any
// count, and needs neither tables nor a change of formula. Nothing is ever removed: a party whose
// document is cancelled stays counted.
// Cost: add() is one hash and, while small, a search in a sorted list of at most 512 entries of 4
// bytes; 4 KiB from then on. estimate() and a merge of large sketches read 4 KiB.
// Sources: P. Flajolet, É. Fusy, O. Gandouet, F. Meunier, "HyperLogLog: the analysis of a
// near-optimal cardinality estimation algorithm", AofA 2007; the 64-bit hash and the sparse form,
// S. Heule, M. Nunkesser, A. Hall, "HyperLogLog in Practice", EDBT 2013; the estimator, O. Ertl,
// "New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284, 2017.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace surgewatch::window {

class DistinctSketch {
 public:
  static constexpr unsigned kBits = 12;
  static constexpr std::size_t kRegisters = std::size_t{1} << kBits;
  static constexpr double kStandardError = 1.04 / 64;  // 1.04 / √kRegisters
  // Registers that a small set touches at most.
  static constexpr std::size_t kMaxSparse = 512;

  void add(std::string_view item);
  void add_hash(std::uint64_t hash);
  void merge(const DistinctSketch& other);

  double estimate() const;
  std::size_t bytes() const;
  bool is_empty() const { return sparse_.empty() && registers_.empty(); }

  friend bool operator==(const DistinctSketch&, const DistinctSketch&) = default;

 private:
  // Register number and rank in one word, so that order is by register.
  static constexpr std::uint32_t entry(std::uint32_t index, std::uint32_t rank) {
    return index << 8 | rank;
  }
  void raise(std::uint32_t index, std::uint32_t rank);
  void make_dense();

  std::vector<std::uint32_t> sparse_;    // by register, while registers_ is empty
  std::vector<std::uint8_t> registers_;  // or all of them
};

// For PaneTree: the parties of a window from those of its panes.
struct Distinct {
  using Value = DistinctSketch;
  static Value identity() { return {}; }
  static Value combine(const Value& a, const Value& b) {
    Value merged = a;
    merged.merge(b);
    return merged;
  }
};

}  // namespace surgewatch::window
