#include "kafka/topics.h"

#include <fmt/format.h>

#include <chrono>

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

std::vector<TopicSpec> Topics::specs(std::int32_t input_partitions) const {
  using std::chrono::days;
  return {
      // The user's own: how long inputs are kept is theirs to say.
      {invoices, input_partitions, {}},
      {shipments, input_partitions, {}},
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

}  // namespace surgewatch::kafka
