// Aggregator, detector and gateway in one process, a thread each: the same code as the three
// services, against one Kafka.
//
// Threads: all calls by one thread, but for the accessors' own promises.
// Errors: start() as Gateway::start(); wait() gives the first error of any of the three.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "aggregator/aggregator.h"
#include "aggregator/owned_source.h"
#include "common/stop.h"
#include "config/config.h"
#include "detector/detector_service.h"
#include "gateway/gateway.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

class Stack {
 public:
  // `instance_id`: of Aggregator::Options and DetectorService::Options.
  Stack(std::shared_ptr<const config::Config> config, bool strict, const std::string& instance_id);
  ~Stack();

  absl::Status start();
  // Until asked to stop, or until one of the three ends by itself.
  absl::Status wait(const Stop& stop);
  // Asks all to stop, waits for them, and gives the first error.
  absl::Status stop();
  // One of the three has ended by itself.
  bool failed() const { return stopping_.requested(); }

  const Aggregator& aggregator() const { return aggregator_; }
  const DetectorService& detector() const { return detector_; }
  const Gateway& gateway() const { return gateway_; }

 private:
  void run(const char* name, const std::function<absl::Status()>& work);

  std::shared_ptr<const config::Config> config_;
  telemetry::Telemetry telemetry_;
  std::shared_ptr<OwnedSourceList> sources_;  // of the aggregator, for live queries
  Aggregator aggregator_;
  DetectorService detector_;
  Gateway gateway_;
  Stop stopping_;
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace surgewatch::services
