// In which buckets may this document be? One cache line answers for all sixteen.
//
// A Bloom filter for each bucket, laid side by side: word i holds bit i of every bucket's
// filter, so that the words of a document, and-ed, leave the buckets that may have it. The
// words of a document lie in one block of 64 bytes.
//
// Why: a document that is seen for the first time must be known to be in no bucket, not only
// not in that of its time (a correction may have moved it, a sloppy producer may have restamped
// it), and nearly every document is seen for the first time.
//
// Threads: one.
// Errors: it may name a bucket in vain (about one lookup in twenty at the density below), never
// miss.
// Cost: at most 2 bytes a document where buckets are alike; doubling looks at every document.
// Source: bit-sliced signature files (C. Faloutsos, "Access methods for text", ACM Computing
// Surveys 1985) over blocked Bloom filters (F. Putze, P. Sanders, J. Singler, WEA 2007).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace surgewatch::aggregate {

class DocumentFilter {
 public:
  static constexpr std::size_t kBuckets = 16;
  using Mask = std::uint16_t;  // bit i: bucket i

  DocumentFilter() : blocks_(1) {}

  // Buckets that may hold a document of this hash.
  Mask find(std::uint64_t hash) const {
    const Block& block = blocks_[block_of(hash)];
    return static_cast<Mask>(block[word(hash, 0)] & block[word(hash, 1)] & block[word(hash, 2)] &
                             block[word(hash, 3)]);
  }
  void insert(std::uint64_t hash, std::size_t bucket);
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&blocks_[block_of(hash)], 1); }

  // Forgets all documents of a bucket.
  void clear(std::size_t bucket);

  // Whether a bucket of so many documents is as dense as the filter bears: then call reset() with a
  // larger size, and insert all again.
  bool is_dense(std::size_t documents_of_bucket) const {
    return documents_of_bucket > blocks_.size() * kDocumentsPerBlock;
  }
  void reset_for(std::size_t documents_of_bucket);

  std::size_t bytes() const { return blocks_.size() * sizeof(Block); }

 private:
  static constexpr std::size_t kWords = 32;
  static constexpr std::size_t kDocumentsPerBlock = 2;  // of one bucket
  struct alignas(64) Block : std::array<Mask, kWords> {};

  std::size_t block_of(std::uint64_t hash) const { return (hash >> 24) & (blocks_.size() - 1); }
  static std::size_t word(std::uint64_t hash, unsigned which) {
    return (hash >> (5 * which)) & (kWords - 1);
  }

  std::vector<Block> blocks_;  // a power of two
};

}  // namespace surgewatch::aggregate
