#include "aggregator/incidents.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace surgewatch::services {
namespace {

constexpr const char* kMissing = "topic_missing";

telemetry::Labels where(const SourceId& source) {
  return {{"topic", std::string(topic_name(source.topic))},
          {"partition", std::to_string(source.partition)}};
}

telemetry::Labels where(Topic topic) { return {{"topic", std::string(topic_name(topic))}}; }

std::size_t index(Topic topic) { return static_cast<std::size_t>(topic); }

}  // namespace

Incident judge_partitions(const PartitionCounts& counts, const SourceId& source) {
  const std::int32_t now = counts.now[index(source.topic)];
  if (now == counts.known) return Incident::kNone;
  if (now < counts.known) return Incident::kTopicReplaced;  // partitions are never taken away
  const bool keys_stay = now % counts.known == 0;
  if (source.partition < counts.known && keys_stay) return Incident::kNone;
  return counts.now[0] == counts.now[1] ? Incident::kPartitionsChanged
                                        : Incident::kPartitionsDiffer;
}

InputIncidents::InputIncidents(const kafka::Topics& topics, std::string group_id,
                               std::int32_t partitions, telemetry::Telemetry* telemetry)
    : invoices_(topics.invoices),
      shipments_(topics.shipments),
      group_id_(std::move(group_id)),
      telemetry_(*telemetry),
      counts_{.known = partitions, .now = {partitions, partitions}} {}

InputIncidents::~InputIncidents() {
  for (const auto& [source, incident] : held_) {
    telemetry_.set_incident(std::string(name_of(incident)), where(source), false);
  }
  for (const Topic topic : kInputTopics) {
    if (is_missing_[index(topic)]) telemetry_.set_incident(kMissing, where(topic), false);
    const Incident incident = of_topic_[index(topic)];
    if (incident == Incident::kNone) continue;
    telemetry_.set_incident(std::string(name_of(incident)), where(topic), false);
  }
}

void InputIncidents::hold(const SourceId& source, Incident incident, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  if (held_[source] == incident) return;
  if (held_[source] != Incident::kNone) {
    telemetry_.set_incident(std::string(name_of(held_[source])), where(source), false);
  }
  held_[source] = incident;
  telemetry_.set_incident(std::string(name_of(incident)), where(source), true);
  const std::string place = fmt::format("{} [{}]", full_name(source.topic), source.partition);
  if (incident == Incident::kLogStartMoved) {
    spdlog::error(
        "{}: {}: {}; what was counted there can't be counted again, so it is not read any more, "
        "and its panes stand. To count what is left, as figures of their own, start with another "
        "kafka.group_id than '{}'; and keep inputs longer",
        name_of(incident), place, detail, group_id_);
  } else {
    spdlog::error(
        "{}: {}: {}; it is another topic than the one that was counted, or has lost records, so it "
        "is not read any more. If that is meant, start with another kafka.group_id than '{}', "
        "which counts anew",
        name_of(incident), place, detail, group_id_);
  }
}

void InputIncidents::release(const SourceId& source) {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(source);
  if (found == held_.end()) return;
  telemetry_.set_incident(std::string(name_of(found->second)), where(source), false);
  held_.erase(found);
}

void InputIncidents::partitions_are(const std::array<std::optional<std::int32_t>, 2>& counts) {
  const std::lock_guard lock(mutex_);
  for (const Topic topic : kInputTopics) {
    const std::optional<std::int32_t>& count = counts[index(topic)];
    if (count) counts_.now[index(topic)] = *count;
    if (is_missing_[index(topic)] == !count) continue;
    is_missing_[index(topic)] = !count;
    telemetry_.set_incident(kMissing, where(topic), !count);
    if (!count) {
      spdlog::error(
          "{}: topic '{}' is not there any more; its figures stand. If it is gone for good, create "
          "it with `surgewatch topics create` and start with another kafka.group_id than '{}'",
          kMissing, full_name(topic), group_id_);
    }
  }
  report_partitions();
}

void InputIncidents::partitions_were(std::int32_t count) {
  const std::lock_guard lock(mutex_);
  if (count <= 0 || count >= counts_.known) return;
  counts_.known = count;
  report_partitions();
}

PartitionCounts InputIncidents::partitions() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

bool InputIncidents::all_there() const {
  const std::lock_guard lock(mutex_);
  return !is_missing_[0] && !is_missing_[1];
}

// With the mutex held. A partition that is new says it for its topic.
void InputIncidents::report_partitions() {
  for (const Topic topic : kInputTopics) {
    const Incident incident = judge_partitions(counts_, {topic, counts_.known});
    Incident& reported = of_topic_[index(topic)];
    if (incident == reported) continue;
    if (reported != Incident::kNone) {
      telemetry_.set_incident(std::string(name_of(reported)), where(topic), false);
    }
    reported = incident;
    if (incident == Incident::kNone) continue;
    telemetry_.set_incident(std::string(name_of(incident)), where(topic), true);
    const std::int32_t now = counts_.now[index(topic)];
    const bool keys_stay = now % counts_.known == 0;
    spdlog::error(
        "{}: topic '{}' has {} partitions and had {} ('{}' has {}); the new ones are not read{}, "
        "since orders that moved there can't be matched with what was counted. {}start with "
        "another "
        "kafka.group_id than '{}', which counts anew",
        name_of(incident), full_name(topic), now, counts_.known,
        full_name(topic == Topic::kInvoices ? Topic::kShipments : Topic::kInvoices),
        counts_.now[1 - index(topic)],
        keys_stay ? "" : ", nor are the others any more, among which orders moved as well",
        incident == Incident::kPartitionsDiffer ? "Give both the same number and then "
                                                : "To go on, ",
        group_id_);
  }
}

}  // namespace surgewatch::services
