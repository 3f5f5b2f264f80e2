// Appends to the journal what has changed in the panes of every owned source, again and again after
// the flush interval; and whether a source is idle, which only a clock can tell.
//
// Threads: one of its own between start() and stop(), which only reads what workers write;
// status() by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "aggregator/meters.h"
#include "aggregator/owned_source.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/client.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::services {

class Flusher {
 public:
  Flusher(const config::Config* config, std::string journal_topic,
          std::unique_ptr<kafka::Producer> producer, const OwnedSourceList* sources,
          AggregatorMeters* meters, std::atomic<std::uint64_t>* journaled);
  ~Flusher() { stop(); }

  // For the record that opens what this process has to say; before start().
  absl::Status append(const v1::JournalRecord& record);
  void start();
  // Flushes once more and waits until all is delivered.
  void stop();
  // Why it ended.
  absl::Status status() const;

 private:
  void run();
  absl::Status flush_all();
  absl::Status flush(OwnedSource* owned);
  absl::Status mark_idle(OwnedSource* owned, bool moved);

  const config::Config& config_;
  const std::string topic_;
  const std::unique_ptr<kafka::Producer> producer_;
  const OwnedSourceList& sources_;
  AggregatorMeters& meters_;
  std::atomic<std::uint64_t>& journaled_;
  Stop stop_;
  std::thread thread_;
  mutable std::mutex mutex_;
  absl::Status status_;  // guarded by mutex_
};

}  // namespace surgewatch::services
