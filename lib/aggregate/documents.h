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
// Ahead: `out_of_orderness` is how far event times run ahead of the watermark. A document that is
// further ahead (a clock that is wrong, where the watermark does not follow it) is kept by itself,
// whole, until the watermark has come to it. How many there are is the caller's to bound.
//
// Forgetting: a document is known while the latest event time applied to it (its own, its
// revisions', its cancellation's) is not before the horizon, to the microsecond. Its memory is
// freed with its bucket of event time, a fourteenth of the horizon, and used again for others.
//
// Limit: where there is no memory for one more, the oldest bucket is forgotten before its time; if
// none is older than the document's own, that is not remembered. Both are counted, and from then on
// whatever is not known may have been forgotten. Which documents these are is a function of the
// prefix of the source.
//
// Threads: one.
// Units: a document is known by 96 bits of XXH3-128 of its id; among a billion documents the
// chance that two ids ever meet is below 10^-11. (XXH3 is no cryptographic hash: a producer
// that wants two of its own documents to collide can have that.)
// Cost: a plain document of one line takes 51 to 61 bytes (measured: docs/performance.md); one that
// is new touches one cache line of the index, and the end of an arena.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "aggregate/document_index.h"
#include "aggregate/document_records.h"
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
  // `horizon` back from the watermark; event times run ahead of it by `out_of_orderness`, mostly.
  // Takes `most_bytes` at the most, about: see bytes().
  Documents(Micros horizon, Micros out_of_orderness, std::size_t most_bytes = SIZE_MAX);

  // Has the memory fetched that decide() and apply() will want.
  void prefetch(const DocumentKey& key) const { index_.prefetch(key); }

  // What the event does to its document, given the watermark before it. What was forgotten by then
  // is not known. For kReplace and kTakeOut `old` gets what the document has contributed, at
  // `old_time`.
  // For kDuplicate and kSuperseded nothing else is to be done; otherwise apply() must follow.
  DocumentAction decide(const DocumentEvent& event, std::optional<Micros> watermark_before,
                        std::vector<Contribution>* old, Micros* old_time);

  // Notes that the event of the last decide() was applied with these contributions. Given the
  // watermark after it, which never falls, frees what that has put behind the horizon. Requires
  // that the watermark has come to all event times that were applied, less the out-of-orderness.
  void apply(const DocumentEvent& event, Micros watermark,
             const std::vector<Contribution>& contributions);
  // The same without that, and where there is no watermark yet. Returns the latest event time
  // applied to the document.
  Micros apply_ahead(const DocumentEvent& event, std::optional<Micros> watermark,
                     const std::vector<Contribution>& contributions);

  // Whether a document may have been forgotten: one that is not known may be old, not new.
  bool may_have_forgotten(std::optional<Micros> watermark_before) const;

  std::size_t size() const { return size_; }  // documents in memory
  // Documents that were forgotten, or not remembered, for want of memory.
  std::uint64_t forgotten() const { return forgotten_; }
  std::size_t bytes() const;  // that are taken for them

 private:
  using Revisions = absl::flat_hash_set<std::uint64_t>;

  struct Bucket {
    std::int64_t number = INT64_MIN;  // of none
    std::size_t size = 0;
    std::size_t marks = 0;  // revisions in `extra`
    // Revisions beyond those in the document's state: few documents have any.
    absl::flat_hash_map<DocumentKey, Revisions> extra;
  };

  std::int64_t bucket_number(Micros time) const { return floor_div(time, bucket_length_); }
  Bucket& bucket_of(std::int64_t number) {
    return buckets_[static_cast<std::size_t>(number) % DocumentIndex::kPlaces];
  }
  DocumentIndex::Found find(const DocumentKey& key);
  static bool is_newest(const DocumentEvent& event, const DocumentState& state);
  static bool is_superseded(const DocumentEvent& event, const DocumentState& state);
  bool is_seen(const DocumentEvent& event, const DocumentState& state, const Bucket& bucket) const;
  bool is_ahead(Micros time, std::optional<Micros> watermark) const {
    return !watermark || time - out_of_orderness_ > *watermark;
  }
  DocumentAction decide_ahead(const DocumentEvent& event, std::vector<Contribution>* old,
                              Micros* old_time);
  [[gnu::always_inline]] DocumentState state_after(const DocumentEvent& event);
  void keep_ahead(const DocumentKey& key, const DocumentState& state,
                  const std::vector<Contribution>& contributions);
  void come_to(std::optional<Micros> watermark);
  void take_out(const DocumentKey& key, const DocumentIndex::Found& found);
  void advance(Micros watermark);
  void clear(std::size_t place);
  bool has_room() const;
  bool make_room(std::int64_t number);
  void store(const DocumentKey& key, const DocumentState& state,
             const std::vector<Contribution>& contributions);

  // A document that is ahead.
  struct Ahead {
    DocumentState state;
    std::vector<Contribution> contributions;
    Revisions extra;
  };

  const Micros horizon_;
  const Micros out_of_orderness_;
  const Micros bucket_length_;
  const std::size_t most_bytes_;
  DocumentIndex index_;
  DocumentRecords records_;
  std::array<Bucket, DocumentIndex::kPlaces> buckets_;
  absl::flat_hash_map<DocumentKey, Ahead> ahead_;
  std::multimap<Micros, DocumentKey> ahead_by_time_;  // latest_time of each
  std::size_t size_ = 0;
  std::size_t marks_ = 0;  // of all buckets
  std::uint64_t forgotten_ = 0;
  std::optional<Micros> earliest_applied_;
  std::int64_t oldest_bucket_ = INT64_MIN;  // that may hold a known document
  Micros next_advance_ = INT64_MIN;         // watermark at which the next bucket leaves
  // The bucket of the last document: mostly that of the next.
  Micros recent_start_ = 0;
  std::int64_t recent_number_ = 0;

  // Taken out by the last decide(), if it found one that the event changes.
  std::optional<DocumentState> former_;
  Revisions former_extra_;
};

}  // namespace surgewatch::aggregate
