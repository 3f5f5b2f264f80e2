// The documents of one bucket of event time, packed: a table of hashes and an arena of
// variable-length records.
//
// Threads: one.
// Invariants: a position is good until the next insert or erase. Bytes of erased records stay in
// the arena until the bucket is cleared: corrections are rare, and the bucket goes as a whole.
// Limits: 16 GiB of records in a bucket.
// Cost: 16 bytes an entry at a load between 3/8 and 3/4; see documents.h for the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/measures.h"
#include "base/time.h"

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

class DocumentBucket {
 public:
  struct Position {
    std::size_t at = 0;
  };

  // Empties it, for documents whose latest_time is `start` or later.
  void clear(Micros start);

  bool find(const DocumentKey& key, Position* position) const;
  void prefetch(const DocumentKey& key) const {
    if (!table_.empty()) __builtin_prefetch(&table_[home(key)], 1);
  }

  // Requires that the key is not here.
  void insert(const DocumentKey& key, const DocumentState& state,
              const std::vector<Contribution>& contributions);
  void erase(Position position);
  void mark_extra(Position position);

  DocumentState state(Position position) const;
  void contributions(Position position, std::vector<Contribution>* contributions) const;

  std::size_t size() const { return size_; }
  std::size_t bytes() const;

  // visit(key)
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const Entry& entry : table_) {
      if (entry.location != 0) visit(DocumentKey{entry.low, entry.high});
    }
  }
  // The same for those with further revisions.
  template <typename Visit>
  void for_each_extra(Visit&& visit) const {
    for (const Entry& entry : table_) {
      if (entry.location != 0 && has_extra(entry)) visit(DocumentKey{entry.low, entry.high});
    }
  }

 private:
  struct Entry {
    std::uint64_t low = 0;
    std::uint32_t high = 0;
    std::uint32_t location = 0;  // of the record, plus 1; 0: no entry
  };
  static_assert(sizeof(Entry) == 16);

  std::size_t home(const DocumentKey& key) const { return key.high & (table_.size() - 1); }
  std::uint8_t* record(const Entry& entry) const;
  bool has_extra(const Entry& entry) const;
  const std::uint8_t* read_state(const Entry& entry, DocumentState* state) const;
  void place(const Entry& entry);
  void grow();
  std::uint32_t keep(const std::vector<std::uint8_t>& bytes);

  Micros start_ = 0;
  std::vector<Entry> table_;  // a power of two, or empty
  std::size_t size_ = 0;
  std::vector<std::unique_ptr<std::uint8_t[]>> chunks_;
  std::size_t chunk_used_ = 0;  // of the last chunk
  std::size_t arena_bytes_ = 0;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace surgewatch::aggregate
