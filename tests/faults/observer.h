// A reader of what is committed, on a thread of its own, from before the first event to the end of
// a trial: a subscriber who was there all the time.
//
// Threads: its own reads; any other asks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "faults/oracle.h"
#include "kafka/client.h"
#include "kafka/topics.h"

namespace surgewatch::faults {

// Everything that is committed in a trial's topics now.
absl::StatusOr<Observed> read_all(const std::string& brokers, const kafka::Topics& topics);

class Observer {
 public:
  static absl::StatusOr<std::unique_ptr<Observer>> create(const std::string& brokers,
                                                          const kafka::Topics& topics);
  ~Observer();

  // Stops reading and gives what it has seen.
  Observed end();

  // How many alerts and points it has seen.
  std::size_t said() const;
  // One behind the last record of the journal that it has seen.
  std::int64_t journal_end() const;
  // What the owners have not said to have read up to these; empty if nothing.
  std::string missing(const std::map<SourceId, std::int64_t>& ends) const;

 private:
  Observer(std::unique_ptr<kafka::Consumer> consumer, kafka::Topics topics);
  void run(const std::stop_token& stop);

  const std::unique_ptr<kafka::Consumer> consumer_;
  const kafka::Topics topics_;
  mutable std::mutex mutex_;
  Observed observed_;         // guarded by mutex_
  JournalProgress progress_;  // likewise
  std::jthread thread_;
};

}  // namespace surgewatch::faults
