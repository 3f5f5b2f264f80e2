// What a window's collect() has found, as records of the journal: pane batches in which every
// update bears the stamp, corrections in offset order with those of one offset together, and the
// progress record last, which then promises nothing that is not before it.
//
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
  // `series` in the window's order.
  JournalWriter(SourceId source, const std::vector<const config::Series*>& series,
                const window::Window* window)
      : source_(source), series_(series), window_(window) {}

  void append(const window::Collected& collected, bool ended, std::vector<v1::JournalRecord>* out);

  // Takes records back that append() gave and nobody needs any more; empties the vector.
  void recycle(std::vector<v1::JournalRecord>* records);

 private:
  class Batches;

  // So many are kept: some megabytes at the most.
  static constexpr std::size_t kMaxSpare = 32;

  v1::JournalRecord record();
  v1::JournalRecord pane_record();

  SourceId source_;
  std::vector<const config::Series*> series_;
  const window::Window* window_;
  std::vector<v1::JournalRecord> spare_;  // of panes
};

}  // namespace surgewatch::aggregate
