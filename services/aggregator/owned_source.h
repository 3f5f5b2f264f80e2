// A source that this process owns, and the list of them: what workers, flusher and metrics share.
//
// How far a source has come is said by marks, each of which follows the one before:
//   next_offset (read) ≥ published (in the panes, Source::stats) ≥ handed over to Kafka ≥ delivered
// Only what is delivered counts as said: it is in the journal, and so is all before it.
//
// Threads: one worker owns a source and nothing else writes to its state; the flusher and live
// queries read its panes. Each member says whose it is. The list is for all; its lock is taken at
// rebalances, for a flush and for a live query, never for an event.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "aggregate/source.h"
#include "aggregator/claim.h"
#include "aggregator/input_state.h"
#include "aggregator/owned_pair.h"
#include "config/config.h"
#include "kafka/client.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::services {

struct OwnedSource {
  // `committed`: by the group, before.
  OwnedSource(SourceId id, kafka::TopicPartition where,
              const std::shared_ptr<const config::Config>& config, std::int64_t committed = 0,
              std::shared_ptr<OwnedPair> half_of = nullptr)
      : pair(std::move(half_of)),
        source(id, config,
               {.is_keyed = true,
                .documents = pair == nullptr ? nullptr
                                             : &pair->feeders[static_cast<std::size_t>(id.topic)]}),
        partition(std::move(where)),
        input(committed) {}

  // Any thread. Whether the journal reflects all records below the offset. False for every offset
  // until it says whose the source is; then is_delivered_to(0) holds.
  bool is_delivered_to(std::int64_t offset) const {
    return delivered_to.load(std::memory_order_relaxed) >= offset;
  }

  // What it is half of; null where no rule looks into orders.
  const std::shared_ptr<OwnedPair> pair;
  aggregate::Source source;
  const kafka::TopicPartition partition;
  InputState input;

  // The worker's.
  std::vector<aggregate::Record> gathered;  // polled and not yet processed
  std::int64_t next_offset = 0;
  std::optional<Micros> first_watermark;
  bool waits_for_partner = false;  // not read on before the other half of the pair has followed
  // The first offset that there was to read; not written any more once the list has the source.
  std::int64_t start_offset = 0;

  // Written by the worker, read by the flusher and live queries; relaxed, since each is a figure of
  // its own and nothing else is read on its strength.
  std::atomic<std::int64_t> record_timestamp{0};
  std::atomic<bool> caught_up{false};
  // Records processed. The worker adds with release when their panes can be read, the flusher loads
  // with acquire before it collects: so what it collects reflects them.
  std::atomic<std::uint64_t> processed{0};

  // Written by the flusher, read by the worker and by readiness; relaxed, figures of their own.
  std::atomic<std::int64_t> delivered_to{-1};
  // Corrections, which can be neither dropped nor merged, pile up while the journal takes nothing:
  // the worker counts no more records of this source until this is false.
  std::atomic<bool> must_wait{false};

  // The flusher's.
  Claim claim;
  std::int64_t seen_offset = -1;
  v1::Progress said;  // last
  std::chrono::steady_clock::time_point moved_at = std::chrono::steady_clock::now();
  bool idle = false;
  std::uint64_t handed_over = 0;  // records, by their panes
  std::uint64_t delivered = 0;    // likewise
  std::size_t flushes_under_way = 0;
  std::uint64_t corrections_collected = 0;
};

using OwnedSources = std::vector<std::shared_ptr<OwnedSource>>;

class OwnedSourceList {
 public:
  void add(std::shared_ptr<OwnedSource> source) {
    const std::lock_guard lock(mutex_);
    sources_.push_back(std::move(source));
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    sources_.clear();
  }
  void remove(const std::shared_ptr<OwnedSource>& source) {
    const std::lock_guard lock(mutex_);
    std::erase(sources_, source);
  }
  // As they are now. One that is removed meanwhile stays readable.
  OwnedSources all() const {
    const std::lock_guard lock(mutex_);
    return sources_;
  }

 private:
  mutable std::mutex mutex_;
  OwnedSources sources_;  // guarded by mutex_
};

}  // namespace surgewatch::services
