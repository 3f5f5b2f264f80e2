// What a pair's collect() has found, as records of the journal: its panes, its findings by name,
// and a progress record with the offsets of both halves that they reflect.
//
// Whoever flushes appends these before the progress records of the halves: what those promise is
// then there.
//
// Limits: as JournalWriter's: a batch ends with the entry that brings it to kBatchEntries or
// kBatchBytes.
// Threads: the flusher's.
#pragma once

#include <cstdint>
#include <vector>

#include "config/config.h"
#include "orders/pair.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::aggregate {

class PairWriter {
 public:
  PairWriter(const config::Config* config, std::int32_t partition)
      : config_(*config), partition_(partition) {}

  struct Offsets {
    std::int64_t invoices = 0, shipments = 0;  // below which all is reflected
  };
  // Nothing if nothing has changed since the last call, offsets included.
  void append(const orders::Pair::Collected& collected, const Offsets& reached,
              std::vector<v1::JournalRecord>* out);

 private:
  class Batches;
  v1::JournalRecord record() const;

  const config::Config& config_;
  const std::int32_t partition_;
  Offsets said_{-1, -1};
};

}  // namespace surgewatch::aggregate
