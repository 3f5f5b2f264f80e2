#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/status.h"
#include "kafka/client.h"

namespace surgewatch::kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollWait{50};

StoredRecord stored(const Message& message) {
  return {.offset = message.offset,
          .timestamp_ms = message.timestamp_ms,
          .key = std::string(message.key),
          .has_key = message.has_key,
          .payload = std::string(message.payload)};
}

}  // namespace

// Those that are found are given back, so that the rest can be seen to be at their ends.
absl::StatusOr<std::vector<std::optional<StoredRecord>>> first_records(
    const ClientOptions& client,
    const std::vector<std::pair<TopicPartition, std::int64_t>>& partitions, milliseconds wait) {
  const auto deadline = steady_clock::now() + wait;
  Consumer::Options options;
  options.client = client;
  // A record of each is enough.
  options.client.properties["queued.min.messages"] = "1";
  options.client.properties["fetch.message.max.bytes"] = "65536";
  SW_ASSIGN_OR_RETURN(const auto consumer, Consumer::create(options));
  std::vector<std::optional<StoredRecord>> found(partitions.size());
  auto left = partitions;
  while (!left.empty()) {
    SW_RETURN_IF_ERROR(consumer->assign(left));
    const std::size_t before = left.size();
    while (left.size() == before && !consumer->at_end()) {
      if (steady_clock::now() >= deadline) {
        const absl::Status why = consumer->last_error();
        return unavailable("the first record of {} [{}] did not come within {} ms{}",
                           left.front().first.topic, left.front().first.partition, wait.count(),
                           why.ok() ? "" : ": " + message_of(why));
      }
      SW_RETURN_IF_ERROR(consumer
                             ->poll(kPollWait, 1,
                                    [&](const Message& message) {
                                      const auto is = [&](const auto& one) {
                                        return one.first.partition == message.partition &&
                                               one.first.topic == message.topic;
                                      };
                                      const auto at =
                                          std::ranges::find_if(partitions, is) - partitions.begin();
                                      found[static_cast<std::size_t>(at)] = stored(message);
                                      std::erase_if(left, is);
                                    })
                             .status());
    }
    if (left.size() == before) break;  // nothing there
  }
  return found;
}

}  // namespace surgewatch::kafka
