// Looks now and then whether the input topics are still the ones that are being read: their
// partitions, the ends of their logs, the records where these began. What it finds it tells the
// sources' workers (InputState.incident) and the incidents; it stops nobody itself, and its waiting
// for brokers keeps nobody waiting.
//
// Threads: one of its own between start() and stop().
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "aggregator/incidents.h"
#include "aggregator/owned_source.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/topics.h"

namespace surgewatch::services {

class InputWatch {
 public:
  struct Pace {
    std::chrono::milliseconds look{5'000};
    int looks_a_fingerprint = 12;  // fetching records is dearer than asking for offsets
  };
  InputWatch(kafka::ClientOptions client, const kafka::Topics& topics,
             const OwnedSourceList* sources, InputIncidents* incidents, Pace pace)
      : client_(std::move(client)),
        topics_(topics),
        sources_(*sources),
        incidents_(*incidents),
        pace_(pace) {}
  ~InputWatch() { stop(); }

  absl::Status connect();
  void start();
  void stop();

 private:
  void run();
  void look_at_partitions();
  void look_at_logs(bool at_records_too);
  void look_at_first_records(const OwnedSources& sources);

  const kafka::ClientOptions client_;
  const kafka::Topics topics_;
  const OwnedSourceList& sources_;
  InputIncidents& incidents_;
  const Pace pace_;
  std::unique_ptr<kafka::Admin> admin_;
  Stop stop_;
  std::thread thread_;
};

}  // namespace surgewatch::services
