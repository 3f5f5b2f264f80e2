// The documents of a source that corrections may still name: which revisions were seen, and
// what the one in force has contributed.
//
//                     document                          cancellation
//   not known         apply            → in force       remember          → cancelled
//   in force          seen: duplicate                   seen: (none can be)
//                     higher: replace  → in force       take out          → cancelled
//                     lower: superseded
//   cancelled         seen: duplicate                   seen: duplicate
//                     else: superseded                  else: superseded
//
// What is superseded is remembered all the same: the same (id, revision) again is a duplicate.
// A document and a cancellation of the same revision are two things.
//
// Forgetting: a document is known while the latest event time applied to it (its own, its
// revisions', its cancellation's) is not before the horizon, to the microsecond. Its memory is
// freed with its bucket of event time, a fourteenth of the horizon.
//
// Threads: one.
// Units: a document is known by 96 bits of XXH3-128 of its id; among a billion documents the
// chance that two ids ever meet is below 10^-11. (XXH3 is no cryptographic hash: a producer
// that wants two of its own documents to collide can have that.)
// Cost: a plain document of one line takes 50 to 75 bytes (66 measured, docs/window.md);
// looking up a new one touches one cache line of the filter.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "aggregate/document_filter.h"
#include "aggregate/document_store.h"
#include "base/measures.h"
#include "base/time.h"

namespace surgewatch::aggregate {

enum class DocumentAction : std::uint8_t {
  kApply,       // add the new contributions
  kReplace,     // take the old ones out, add the new
  kRemember,    // a cancellation that came first
  kTakeOut,     // take the old ones out
  kDuplicate,   // nothing
  kSuperseded,  // nothing
};

struct DocumentEvent {
  DocumentKey key;
  std::int32_t revision = 0;
  bool is_cancellation = false;
  Micros time = 0;
};

class Documents {
 public:
  // `horizon` back from the watermark; event times run ahead of it by `out_of_orderness` at most.
  Documents(Micros horizon, Micros out_of_orderness);

  // Has the memory fetched that find() and put() will want.
  void prefetch(const DocumentKey& key, Micros time) const;

  // What the event does to its document, given the watermark before it. What was forgotten by then
  // is not known. For kReplace and kTakeOut `old` gets what the document has contributed, at
  // `old_time`.
  // For kDuplicate and kSuperseded nothing else is to be done; otherwise apply() must follow.
  DocumentAction decide(const DocumentEvent& event, std::optional<Micros> watermark_before,
                        std::vector<Contribution>* old, Micros* old_time);

  // Notes that the event of the last decide() was applied with these contributions.
  void apply(const DocumentEvent& event, const std::vector<Contribution>& contributions);

  // Frees what the new watermark has put behind the horizon.
  void advance(Micros watermark);

  // Whether a document may have been forgotten: one that is not known may be old, not new.
  bool may_have_forgotten(std::optional<Micros> watermark_before) const;

  std::size_t size() const { return size_; }  // documents in memory
  std::size_t bytes() const;                  // that they take

 private:
  static constexpr std::size_t kBuckets = DocumentFilter::kBuckets;

  struct Found {
    std::size_t bucket = 0;
    DocumentBucket::Position position{};
    DocumentState state;
  };
  using Revisions = absl::flat_hash_set<std::uint64_t>;

  std::int64_t bucket_number(Micros time) const { return floor_div(time, bucket_length_); }
  static std::size_t place_of(std::int64_t number) {
    return static_cast<std::size_t>(number & static_cast<std::int64_t>(kBuckets - 1));
  }
  bool find(const DocumentKey& key);
  bool is_seen(const DocumentEvent& event) const;
  void keep_seen(const DocumentKey& key, std::int32_t revision, bool is_cancellation);
  void erase_found();
  void store(const DocumentKey& key, const DocumentState& state,
             const std::vector<Contribution>& contributions);
  void rebuild_filter(std::size_t documents_of_bucket);
  void free_bucket(std::size_t place);

  const Micros horizon_;
  const Micros bucket_length_;
  std::array<DocumentBucket, kBuckets> buckets_;
  std::array<std::int64_t, kBuckets> numbers_{};  // which bucket is in each place
  DocumentFilter filter_;
  // Revisions beyond those in the document's state: few documents have any.
  absl::flat_hash_map<DocumentKey, Revisions> extra_;
  std::size_t size_ = 0;
  std::optional<Micros> earliest_applied_;
  std::optional<std::int64_t> oldest_bucket_;  // that may hold a known document
  std::optional<Found> found_;                 // by the last decide()
};

}  // namespace surgewatch::aggregate
