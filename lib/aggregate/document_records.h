// What is remembered of documents, packed: an arena of variable-length records for each bucket of
// event time, freed whole.
//
// Record: the low 64 bits of the document's hash, flags, and numbers of variable length: revisions,
// times, and contributions, once for all series with equal values.
//
// Threads: one.
// Invariants: a location is good until its bucket is freed. Bytes of records that were replaced
// stay until then: corrections are rare, and the bucket goes as a whole.
// Limits: 16 GiB of records. Cost: about 36 bytes for a document of one line in one series; chunks
// are recycled, so that a bucket that follows another of its size allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "aggregate/block_pool.h"
#include "aggregate/document_index.h"
#include "base/measures.h"
#include "base/time.h"

namespace surgewatch::aggregate {

// What a document adds to one key of one series, at the document's time. Signed.
struct Contribution {
  std::uint32_t slot = 0;
  MeasureValues values;

  friend bool operator==(const Contribution&, const Contribution&) = default;
};

struct DocumentState {
  bool has_document = false;  // a revision was applied: `revision` is the newest
  bool is_cancelled = false;  // by a cancellation of `cancel_revision`
  bool has_extra = false;     // further revisions were seen
  std::int32_t revision = 0;
  std::int32_t cancel_revision = 0;
  Micros latest_time = 0;    // of all that was applied to the document
  Micros document_time = 0;  // of the revision in force: where its contributions are
};

class DocumentRecords {
 public:
  DocumentRecords();

  // Empties a place, for documents whose latest_time is `start` or later.
  void restart(std::size_t place, Micros start);

  RecordLocation append(std::size_t place, std::uint64_t low, const DocumentState& state,
                        const std::vector<Contribution>& contributions);

  std::uint64_t low(RecordLocation location) const;
  DocumentState state(std::size_t place, RecordLocation location) const;
  void contributions(RecordLocation location, std::vector<Contribution>* contributions) const;
  void mark_extra(RecordLocation location);

  // Of the chunks in use: what is kept grows with it alone.
  std::size_t used_bytes() const { return used_bytes_; }
  std::size_t bytes() const { return pool_.bytes() + long_bytes_; }

 private:
  static constexpr std::size_t kAlignment = 4;
  static constexpr std::size_t kChunkBytes = std::size_t{1} << 16;
  static constexpr unsigned kUnitBits = 14;  // positions within a chunk, in units of kAlignment
  static_assert(kChunkBytes / kAlignment == std::size_t{1} << kUnitBits);
  using ChunkNumber = std::uint32_t;

  struct Chunk {
    std::byte* bytes = nullptr;
    std::unique_ptr<std::byte[]> own;  // for a record longer than a chunk
    std::size_t own_bytes = 0;
  };
  struct Place {
    Micros start = 0;
    std::vector<ChunkNumber> chunks;
    std::uint8_t* next = nullptr;  // in the last chunk
    std::uint8_t* end = nullptr;
  };

  std::uint8_t* at(RecordLocation location) const {
    return reinterpret_cast<std::uint8_t*>(chunks_[location >> kUnitBits].bytes) +
           (location & ((std::size_t{1} << kUnitBits) - 1)) * kAlignment;
  }
  void add_chunk(Place& place, std::size_t record_bytes);

  std::array<Place, DocumentIndex::kPlaces> places_;
  std::vector<Chunk> chunks_;  // number 0 is none: so no location is 0
  std::vector<ChunkNumber> free_numbers_;
  BlockPool<kChunkBytes> pool_;
  std::size_t long_bytes_ = 0;
  std::size_t used_bytes_ = 0;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace surgewatch::aggregate
