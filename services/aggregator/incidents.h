// Incidents of the input topics: what is held back because of them, and one line for each that says
// what to do. What a session has reported ends with it.
//
// How many partitions the topics have is looked at here too, since that is nobody's in particular.
// Orders are keyed, and where a key goes depends on the number of partitions. So when partitions
// are added
//   - the new ones are not read: what they hold can't be matched with what was counted before;
//   - the others are read on if every key that has not gone to a new partition has stayed where it
//     was, which is so when the number is a multiple of the one before, and held otherwise;
//   - until somebody starts anew, under another kafka.group_id.
//
// Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/source.h"
#include "common/beginning.h"
#include "kafka/topics.h"
#include "telemetry/telemetry.h"

namespace surgewatch::services {

// How many partitions the topics had when reading began, and have now.
struct PartitionCounts {
  std::int32_t known = 0;
  std::array<std::int32_t, 2> now{};  // by Topic
};
// Why a partition is not read because of them.
Incident judge_partitions(const PartitionCounts& counts, const SourceId& source);

class InputIncidents {
 public:
  InputIncidents(const kafka::Topics& topics, std::string group_id, std::int32_t partitions,
                 telemetry::Telemetry* telemetry);
  // Ends all.
  ~InputIncidents();

  // A source is held for a reason of its own; `detail` is what was seen.
  void hold(const SourceId& source, Incident incident, const std::string& detail);
  // Somebody else's from now on.
  void release(const SourceId& source);

  // What the brokers say; nullopt for a topic that is not there.
  void partitions_are(const std::array<std::optional<std::int32_t>, 2>& counts);
  // What an earlier life of the group remembers.
  void partitions_were(std::int32_t count);
  PartitionCounts partitions() const;
  // Whether the brokers have both topics, as far as they were asked.
  bool all_there() const;

 private:
  void report_partitions();
  const std::string& full_name(Topic topic) const {
    return topic == Topic::kInvoices ? invoices_ : shipments_;
  }

  const std::string invoices_, shipments_, group_id_;
  telemetry::Telemetry& telemetry_;
  mutable std::mutex mutex_;  // guards what follows
  PartitionCounts counts_;
  std::array<Incident, 2> of_topic_{Incident::kNone, Incident::kNone};
  std::array<bool, 2> is_missing_{};
  std::map<SourceId, Incident> held_;
};

}  // namespace surgewatch::services
