// What a window's collect() has found, as records of the journal: pane batches in which every
// update bears the stamp, corrections in the order of their offsets, numbered within each, and the
// progress record last, which then promises nothing that is not before it.
//
// Limits: a batch ends with the entry that brings it to kBatchEntries or kBatchBytes. Texts of keys
// are bounded (limits.text_bytes; tables have bounds of their own), so no record comes near what
// brokers take.
// Threads: the flusher's.
// Cost: most of it is the allocator's, unless records are handed back: a cleared message keeps its
// parts for the next.
#pragma once

#include <vector>

#include "base/source.h"
#include "config/config.h"
#include "surgewatch/v1/journal.pb.h"
#include "window/window.h"

namespace surgewatch::aggregate {

class JournalWriter {
 public:
  // Some tens of kilobytes, mostly.
  static constexpr int kBatchEntries = 512;
  // A quarter of a broker's default limit (1,048,588 bytes) and of our own (message.max.bytes,
  // 1,000,000): room for the last entry, for what is added to a record, and for compression that
  // makes it longer.
  static constexpr std::size_t kBatchBytes = std::size_t{256} * 1'024;

  // `series` in the window's order.
  JournalWriter(SourceId source, const std::vector<const config::Series*>& series,
                const window::Window* window)
      : source_(source), series_(series), window_(window) {}

  void append(const window::Collected& collected, bool ended, std::vector<v1::JournalRecord>* out);

  // Takes records back that append() gave and nobody needs any more; empties the vector.
  void recycle(std::vector<v1::JournalRecord>* records);

 private:
  class Batches;

  // So many are kept: some megabytes at the most (kBatchBytes).
  static constexpr std::size_t kMaxSpare = 32;

  v1::JournalRecord record();
  v1::JournalRecord pane_record();

  SourceId source_;
  std::vector<const config::Series*> series_;
  const window::Window* window_;
  std::vector<v1::JournalRecord> spare_;  // of panes
};

}  // namespace surgewatch::aggregate
