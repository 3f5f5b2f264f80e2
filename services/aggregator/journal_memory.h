// What the journal says a consumer group has read. Kafka drops a group's offsets with the topics
// that they are of, or once the group has been away for long (offsets.retention.minutes, a week);
// and one without offsets looks as if it were in its first life, which takes every log as it finds
// it. What the group's members have appended to the journal stands: by it a log is known again.
//
// What no owner of a source says is passed over: the detector names it (journal/refusal.h).
//
// Threads: one. Cost: reads the whole journal, once.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/source.h"
#include "common/beginning.h"
#include "journal/owners.h"
#include "kafka/client.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::services {

class JournalMemory {
 public:
  // Of a source, by its newest owner of the group that has read anything.
  struct Life {
    Beginning beginning;
    std::int64_t reached = 0;    // offsets below it were there
    std::int64_t copied_to = 0;  // late events and rejects below it have been sent
  };

  explicit JournalMemory(std::string group_id) : group_id_(std::move(group_id)) {}

  absl::Status open(const kafka::ClientOptions& client, const std::string& journal);
  // Reads on, for about so long at most; true once it is at the end. UNAVAILABLE while the brokers
  // don't answer: then again.
  absl::StatusOr<bool> read_on(std::chrono::milliseconds at_most);

  void apply(const v1::JournalRecord& record, std::int64_t offset);
  std::optional<Life> of(SourceId source) const;
  // How many partitions each input topic had when the group began to read; 0 if it never did. Its
  // first owner says so: who else has begun, and of which partitions, may not have been said yet.
  std::int32_t partitions() const;

 private:
  const std::string group_id_;
  std::unique_ptr<kafka::Consumer> consumer_;
  journal::Owners owners_;
  std::map<SourceId, std::optional<Life>> sources_;  // that the group has owned
  std::int32_t first_said_ = 0;  // partitions, by the first owner; 0: none said any
};

}  // namespace surgewatch::services
