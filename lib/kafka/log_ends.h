// Where the logs of partitions begin and end. For the .cc files of this folder only.
#pragma once

#include <chrono>
#include <vector>

#include "absl/status/statusor.h"
#include "kafka/client.h"
#include "kafka/native.h"

namespace surgewatch::kafka {

// As Consumer::log_ends, for any client.
absl::StatusOr<std::vector<LogEnds>> log_ends(const Native& native,
                                              const std::vector<TopicPartition>& partitions,
                                              std::chrono::milliseconds wait);

}  // namespace surgewatch::kafka
