#include "common/kafka_start.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/status.h"

namespace surgewatch::services {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMetadataWait{3'000};
constexpr milliseconds kFirstBackoff{250};
constexpr milliseconds kLongestBackoff{5'000};

bool worth_another_try(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsFailedPrecondition(status) ||
         absl::IsAborted(status) || absl::IsDeadlineExceeded(status);
}

absl::StatusOr<std::vector<std::int32_t>> look_up(kafka::Admin& admin,
                                                  const std::vector<std::string>& topics) {
  SW_ASSIGN_OR_RETURN(const auto found, admin.partitions(topics, kMetadataWait));
  std::vector<std::int32_t> counts;
  std::string missing;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (found[i]) {
      counts.push_back(*found[i]);
    } else {
      missing += fmt::format("{}'{}'", missing.empty() ? "" : ", ", topics[i]);
    }
  }
  if (missing.empty()) return counts;
  return not_found(
      "these topics don't exist: {}; create them with: surgewatch topics create --config FILE",
      missing);
}

}  // namespace

kafka::ClientOptions client_options(const config::Kafka& kafka) {
  kafka::ClientOptions options;
  options.brokers = kafka.brokers;
  options.properties = kafka.properties;
  return options;
}

absl::Status keep_trying(const std::string& what, bool strict, const Stop& stop,
                         const std::function<absl::Status()>& work) {
  milliseconds backoff = kFirstBackoff;
  while (!stop.requested()) {
    const auto started = std::chrono::steady_clock::now();
    const absl::Status status = work();
    if (status.ok() || stop.requested()) return absl::OkStatus();
    if (strict || !worth_another_try(status)) return status;
    // What ran for a while before it failed starts again without the earlier failures' penalty.
    if (std::chrono::steady_clock::now() - started > kLongestBackoff + kMetadataWait) {
      backoff = kFirstBackoff;
    }
    spdlog::warn("{}: {}; trying again in {:.2g} s", what, message_of(status),
                 static_cast<double>(backoff.count()) / 1e3);
    stop.wait_for(backoff);
    backoff = std::min(2 * backoff, kLongestBackoff);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::int32_t>> await_topics(const config::Kafka& kafka,
                                                       const std::vector<std::string>& topics,
                                                       bool strict, const Stop& stop) {
  std::vector<std::int32_t> counts;
  SW_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::create(client_options(kafka)));
  SW_RETURN_IF_ERROR(keep_trying(fmt::format("Kafka at {}", kafka.brokers), strict, stop, [&] {
    auto found = look_up(*admin, topics);
    if (!found.ok()) return found.status();
    counts = *std::move(found);
    return absl::OkStatus();
  }));
  if (counts.empty()) return absl::CancelledError("asked to stop");
  return counts;
}

}  // namespace surgewatch::services
