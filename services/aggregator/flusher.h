// Appends to the journal what has changed in the panes of every owned source, again and again after
// the flush interval; and whether a source is idle, which only a clock can tell.
//
//   new source ──► says whose it is ──► where that stands is the epoch ──► flushes, with the epoch
//
// Nothing is said of a source before its epoch is known; others go on meanwhile. The first that is
// said then is how many partitions there are, so that the journal knows at once who is listened to;
// whenever that changes each source says it again. While the journal
// takes less than there is to say, nothing is collected: panes are absolute, so what waits is
// merged there. Corrections can't be merged, so where too many wait the source's worker is told to.
//
// Threads: one of its own between start() and stop(), which only reads what workers write;
// status(), is_delivering() and set_partitions() by any.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregator/journal_appender.h"
#include "aggregator/meters.h"
#include "aggregator/owned_source.h"
#include "common/stop.h"
#include "config/config.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::services {

class Flusher {
 public:
  // `delivered`: where to say how many records the journal reflects.
  Flusher(const config::Config* config, std::unique_ptr<JournalAppender> journal,
          const OwnedSourceList* sources, AggregatorMeters* meters,
          std::atomic<std::uint64_t>* delivered);
  ~Flusher() { stop(); }

  // How many each input topic has, by Topic.
  using Partitions = std::array<std::int32_t, 2>;
  // Says it for whoever owns nothing yet; before start().
  void open(const Partitions& partitions);
  void start();
  // Any thread: said with the next flush.
  void set_partitions(const Partitions& partitions);
  // Flushes once more and waits until all is delivered, some seconds at most.
  void stop();
  // Why it ended, or nothing is appended any more.
  absl::Status status() const;
  // False before something has arrived in the journal, and while something is under way for long.
  bool is_delivering() const { return is_delivering_.load(std::memory_order_relaxed); }

 private:
  void run();
  bool wait_until(std::chrono::steady_clock::time_point next);
  bool flush_all();
  void flush_until(std::chrono::steady_clock::time_point deadline);
  void take_over(const std::shared_ptr<OwnedSource>& owned, const Partitions& partitions);
  void claim(SourceId id, v1::Ownership ownership, std::shared_ptr<Claim> claim,
             std::function<void()> known);
  void say_topology(OwnedSource* owned, const Partitions& partitions);
  void flush(const std::shared_ptr<OwnedSource>& owned);
  void flush_pair(OwnedSource* half);
  void say_what_is_copied(OwnedSource* owned);
  static void say_of_input(const InputState& input, v1::Progress* progress);
  void append_flush(const std::shared_ptr<OwnedSource>& owned, v1::JournalRecord* record,
                    std::uint64_t processed);
  void mark_idle(OwnedSource* owned, bool moved);
  void bound_corrections(OwnedSource* owned);
  void say_how_far();

  const config::Config& config_;
  const std::unique_ptr<JournalAppender> journal_;
  const OwnedSourceList& sources_;
  AggregatorMeters& meters_;
  std::atomic<std::uint64_t>& delivered_;
  std::size_t turn_ = 0;  // who is flushed first: whoever found no room
  // Reused.
  std::vector<v1::JournalRecord> records_, pair_records_;
  orders::Pair::Collected collected_;
  Stop stop_;
  std::thread thread_;
  std::atomic<bool> is_delivering_{false};  // a figure of its own
  mutable std::mutex mutex_;
  absl::Status status_;      // guarded by mutex_
  Partitions partitions_{};  // guarded by mutex_
};

}  // namespace surgewatch::services
