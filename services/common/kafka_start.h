// What every service does before it works with Kafka: reach the brokers, see that the topics are
// there, say clearly what is not.
//
// Threads: any; each call makes its own client.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/stop.h"
#include "config/config.h"
#include "kafka/client.h"

namespace surgewatch::services {

kafka::ClientOptions client_options(const config::Kafka& kafka);

// Partitions of each topic, in order. Waits for the brokers with a line for each attempt, unless
// `strict`: then UNAVAILABLE at once. NOT_FOUND names each topic that is missing and how to create
// it; CANCELLED if asked to stop.
absl::StatusOr<std::vector<std::int32_t>> await_topics(const config::Kafka& kafka,
                                                       const std::vector<std::string>& topics,
                                                       bool strict, const Stop& stop);

// Runs `work` again and again with backoff while it fails with UNAVAILABLE, FAILED_PRECONDITION or
// ABORTED, each time with a line that names `what`; returns its other errors, and OK when it is
// done or a stop was requested. With `strict` every error is returned.
absl::Status keep_trying(const std::string& what, bool strict, const Stop& stop,
                         const std::function<absl::Status()>& work);

}  // namespace surgewatch::services
