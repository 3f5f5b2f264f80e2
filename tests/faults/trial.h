// One trial: a workload through a system of its own (topics, group, processes) on a real Kafka,
// with a fault played to it, and what came of that against what must.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "faults/scene.h"
#include "support/kafka_server.h"

namespace surgewatch::faults {

struct Outcome {
  std::vector<std::string> differences;  // empty: it held
  std::uint64_t events = 0;
  std::size_t alerts = 0, repeated_copies = 0;
  std::vector<milliseconds> silences;  // from the fault's end to the next that was said
  milliseconds took{0};
  std::map<std::string, std::string>
      evidence;  // of one that differs: logs and topics, by file name
};

// An error: it could not be done, which says nothing of what would have come.
absl::StatusOr<Outcome> run_trial(test::KafkaServer* server, const Fault& fault,
                                  std::uint64_t seed);

}  // namespace surgewatch::faults
