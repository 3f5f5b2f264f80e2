// How a log is known again. A service that reads its log from the beginning whenever it starts says
// the same as before only if the beginning is still the one that its group's first life found. So
// with each offset the group keeps, as metadata, where that beginning was and a fingerprint of the
// record there; and a source whose log is another one by now is not read, by a name.
//
// Threads: pure functions. Cost: some hashing, once a start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/client.h"

namespace surgewatch::services {

struct Beginning {
  std::int64_t first = 0;  // offset of the first record that there was to read
  // Its fingerprint; absent where nobody kept one: then any record will do.
  std::optional<std::uint64_t> record = std::nullopt;
  friend bool operator==(const Beginning&, const Beginning&) = default;
};

// XXH3 of a record's timestamp, key and payload.
std::uint64_t fingerprint(std::optional<std::int64_t> timestamp_ms, std::string_view key,
                          bool has_key, std::string_view payload);

// What stands beside a committed offset. With every topic go the offsets that groups have committed
// in it; so a source remembers its partner too, the partition of equal number of the other topic.
struct Remembered {
  Beginning own = {};
  std::optional<Beginning> partner = std::nullopt;
  std::int32_t partitions = 0;  // of the topic; 0: not known
  friend bool operator==(const Remembered&, const Remembered&) = default;
};

std::string to_metadata(const Remembered& remembered);
// Whatever is missing or can't be read is not known; of an empty text the beginning is 0.
Remembered from_metadata(std::string_view metadata);

// Why a source is not read, though others are, until somebody acts.
enum class Incident : std::uint8_t {
  kNone,
  kLogStartMoved,      // records that were counted are gone, so they can't be counted again
  kTopicReplaced,      // another topic under the same name, or a log that lost its end
  kPartitionsDiffer,   // one input topic has more partitions than the other
  kPartitionsChanged,  // both have more than when reading began
};
std::string_view name_of(Incident incident);

// As far as offsets tell, before anything is read.
struct StartFacts {
  std::optional<std::int64_t> committed = {};     // by the group; none in its first life
  Beginning remembered = {};                      // with `committed`
  std::optional<Beginning> partner_recalls = {};  // what the partner's metadata says of this source
  std::int64_t reached = 0;                       // offsets below it are known to have been there
};
Incident judge_start(const StartFacts& facts, const kafka::LogEnds& ends);

// Once the first record is there: where it is and what it is.
Incident judge_first(const Beginning& remembered, std::int64_t offset, std::uint64_t record);

}  // namespace surgewatch::services
