#include "kafka/topics.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/status.h"

namespace surgewatch::kafka {
namespace {

std::string ms(std::chrono::milliseconds span) { return std::to_string(span.count()); }

}  // namespace

Topics::Topics(std::string_view prefix)
    : invoices(fmt::format("{}invoices", prefix)),
      shipments(fmt::format("{}shipments", prefix)),
      journal(fmt::format("{}surgewatch.journal", prefix)),
      checkpoints(fmt::format("{}surgewatch.checkpoints", prefix)),
      series(fmt::format("{}surgewatch.series", prefix)),
      reference(fmt::format("{}surgewatch.reference", prefix)),
      alerts(fmt::format("{}alerts", prefix)),
      late(fmt::format("{}surgewatch.late", prefix)),
      dead_letter(fmt::format("{}surgewatch.dead-letter", prefix)) {}

std::vector<TopicSpec> Topics::specs(
    std::int32_t input_partitions,
    std::optional<std::chrono::milliseconds> timestamps_ahead) const {
  using std::chrono::days;
  // The user's own: how long inputs are kept is theirs to say.
  std::map<std::string, std::string> of_inputs;
  if (timestamps_ahead) of_inputs[std::string(kTimestampBound)] = ms(*timestamps_ahead);
  return {
      {invoices, input_partitions, of_inputs},
      {shipments, input_partitions, of_inputs},
      // The detector alone truncates it.
      {journal,
       1,
       {{"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}}},
      // One for each pair of sources and one for the detector.
      {checkpoints, input_partitions + 1, {{"cleanup.policy", "compact"}}},
      {series, 1, {{"cleanup.policy", "delete"}, {"retention.ms", ms(days(2 * 365))}}},
      {reference, 1, {{"cleanup.policy", "compact"}}},
      // Every revision for as long as a resume token lives, then the newest of each alert.
      {alerts, 1, {{"cleanup.policy", "compact"}, {"min.compaction.lag.ms", ms(days(7))}}},
      {late, input_partitions, {{"cleanup.policy", "delete"}, {"retention.ms", ms(days(30))}}},
      {dead_letter,
       input_partitions,
       {{"cleanup.policy", "delete"}, {"retention.ms", ms(days(30))}}},
  };
}

absl::Status create_topics(Admin* admin, std::vector<TopicSpec> topics, int replication) {
  const absl::Status made = admin->create_topics(topics, replication);
  if (!absl::IsInvalidArgument(made) ||
      message_of(made).find(kTimestampBound) == std::string::npos) {
    return made;
  }
  spdlog::warn(
      "{}; the topic is made without that setting: brokers before Kafka 3.6 take records however "
      "far "
      "ahead of their clock",
      message_of(made));
  for (TopicSpec& topic : topics) topic.settings.erase(std::string(kTimestampBound));
  return admin->create_topics(topics, replication);  // those that were made are left as they are
}

}  // namespace surgewatch::kafka
