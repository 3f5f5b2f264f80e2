// Where a document's record is: one hash table for all buckets of event time, in which a new
// document is known to be new, and is put, by one cache line.
//
//   directory ──(first bits of the hash)──► segment: 64 lines of 8 entries, and 3 to overflow into
//   entry     location 32 │ bucket's place 4 │ lines from home 2 │ tag 26
//
// Of a document's 96 bits of hash 32 are here (26 in the tag, 6 in the line), 64 in the record: a
// find is a candidate, which the record confirms.
//
// Growth: a full segment splits in two by the next bit of its tags (extendible hashing), so that
// no insert ever waits for a whole table, and memory grows with the documents and not in
// doublings. Forgetting: entries of a bucket that has left are dropped when their segment is
// touched next, all at once; until then nobody looks at them.
//
// Threads: one.
// Limits: kMaxDepth; and what does not fit near its home although the segment has room (ids made to
// collide) is kept in a map beside it, exact and slower.
// Cost: 8 bytes an entry at a load between 0.43 and 0.86. A split moves 460 entries; each doubling
// of the directory copies 8 bytes for a segment.
// Source: R. Fagin et al., "Extendible hashing", ACM TODS 1979.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "aggregate/block_pool.h"

namespace surgewatch::aggregate {

// 96 bits of a document's hash.
struct DocumentKey {
  std::uint64_t low = 0;
  std::uint32_t high = 0;

  friend bool operator==(const DocumentKey&, const DocumentKey&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const DocumentKey& key) {
    return H::combine(std::move(hash), key.low, key.high);
  }
};

// Where a record is; never 0.
using RecordLocation = std::uint32_t;

class DocumentIndex {
 public:
  // Buckets are numbered in the order of event time; those below `oldest` have left, those in use
  // are less than kPlaces above it. Bucket n has place n modulo kPlaces.
  static constexpr std::size_t kPlaces = 16;

  DocumentIndex();

  void prefetch(const DocumentKey& key) const {
    const Segment* const segment = directory_[number_of(tag_of(key))];
    __builtin_prefetch(segment, 1);
    __builtin_prefetch(&segment->entries[line_of(key) * kLineEntries], 1);
  }

  struct Found {
    RecordLocation location = 0;  // 0: none
    std::size_t place = 0;
  };
  // is_its(location): whether the record there has the key.
  template <typename IsIts>
  Found find(const DocumentKey& key, IsIts&& is_its) {
    Segment& segment = cleaned_segment_of(key);
    Entry* const entry = find_entry(segment, key, is_its);
    if (entry != nullptr) return {location_of(*entry), place_of(*entry)};
    if (crowded_.empty()) [[likely]]
      return {};
    const auto found = crowded_.find(key);
    return found == crowded_.end() ? Found{} : found->second;
  }
  // Requires that the key is here.
  template <typename IsIts>
  void erase(const DocumentKey& key, IsIts&& is_its) {
    Segment& segment = cleaned_segment_of(key);
    if (Entry* const entry = find_entry(segment, key, is_its); entry != nullptr) {
      *entry = kEmpty;
      --segment.count;
    } else {
      crowded_.erase(key);
    }
  }
  // Requires that the key is not here.
  void insert(const DocumentKey& key, std::size_t place, RecordLocation location);

  // The buckets below `oldest` have left. It never falls.
  void advance(std::int64_t oldest);

  std::size_t bytes() const;

 private:
  using Entry = std::uint64_t;
  static constexpr Entry kEmpty = 0;
  static constexpr unsigned kTagBits = 26, kMaxDepth = 24;
  static constexpr unsigned kMaxLinesFromHome = 3;
  static constexpr std::size_t kHomes = 64, kLines = kHomes + kMaxLinesFromHome;
  static constexpr std::size_t kLineEntries = 8, kEntries = kLines * kLineEntries;
  static constexpr std::uint32_t kFull = 460;
  // A segment with fewer entries than that does not split for want of room near a home.
  static constexpr std::uint32_t kMinSplit = 256;
  // So many lines that send a search on, and the segment is packed anew when it is cleaned.
  static constexpr int kManyOverflowed = 16;

  // In the pool; what is known of it lies beside its entries, so that finding both waits for one
  // load of the directory only.
  struct alignas(64) Segment {
    std::uint64_t overflowed = 0;  // homes that were full when an entry came
    // As it was when the segment was cleaned last: its entries are of bucket numbers from there to
    // there + kPlaces.
    std::int64_t oldest = 0;
    std::uint32_t count = 0;
    std::uint32_t depth = 0;  // how many bits its entries have in common
    alignas(64) std::array<Entry, kEntries> entries{};
  };

  static constexpr std::uint32_t tag_of(const DocumentKey& key) { return key.high >> 6; }
  static constexpr std::size_t line_of(const DocumentKey& key) { return key.high & (kHomes - 1); }
  static constexpr RecordLocation location_of(Entry entry) {
    return static_cast<RecordLocation>(entry);
  }
  static constexpr std::size_t place_of(Entry entry) { return entry >> 32 & (kPlaces - 1); }
  static constexpr std::size_t lines_from_home(Entry entry) { return entry >> 36 & 3; }
  static constexpr std::uint32_t tag_of(Entry entry) {
    return static_cast<std::uint32_t>(entry >> 38);
  }
  static constexpr Entry make_entry(std::uint32_t tag, std::size_t place, RecordLocation location) {
    return static_cast<Entry>(tag) << 38 | static_cast<Entry>(place) << 32 | location;
  }

  std::size_t number_of(std::uint32_t tag) const { return tag >> (kTagBits - depth_); }
  Segment& cleaned_segment_of(const DocumentKey& key) {
    Segment& segment = *directory_[number_of(tag_of(key))];
    if (segment.oldest != oldest_) [[unlikely]]
      clean(segment);
    return segment;
  }

  template <typename IsIts>
  Entry* find_entry(Segment& segment, const DocumentKey& key, IsIts&& is_its) {
    const std::size_t home = line_of(key);
    for (unsigned away = 0; away <= kMaxLinesFromHome; ++away) {
      const std::size_t line = home + away;
      Entry* const entries = segment.entries.data() + line * kLineEntries;
      const std::uint64_t wanted = static_cast<std::uint64_t>(tag_of(key)) << 2 | away;
      for (std::size_t i = 0; i < kLineEntries; ++i) {
        if (entries[i] >> 36 == wanted && entries[i] != kEmpty && is_its(location_of(entries[i]))) {
          return &entries[i];
        }
      }
      if (line < kHomes && (segment.overflowed >> line & 1) == 0) return nullptr;
    }
    return nullptr;
  }

  void clean(Segment& segment);
  void repack(Segment& segment, Segment& with_bit, unsigned bit);
  bool put(Segment& segment, std::size_t home, Entry entry);
  void split(std::size_t position);
  Segment* new_segment(std::uint32_t depth);

  // Every document goes to another place in it, so that huge pages are worth some bytes.
  BlockPool<sizeof(Segment), std::size_t{1} << 23> pool_;
  std::vector<Segment*> directory_;  // 2^depth_
  unsigned depth_ = 0;
  std::int64_t oldest_ = 0;
  absl::flat_hash_map<DocumentKey, Found> crowded_;
};

}  // namespace surgewatch::aggregate
