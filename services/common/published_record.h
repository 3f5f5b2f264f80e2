// Records of the topics of alerts and series, which others can write to too: what is no such record
// is passed over, counted and named by whoever reads.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "kafka/client.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::services {

enum class PublishedFault : std::uint8_t {
  kUnreadable,          // no such message, or one with a time that can't be written
  kImpossibleId,        // no id, a long one, or another than the record's key
  kImpossibleRevision,  // nobody counts there
  kTooLarge,            // larger than a detector writes
};
inline constexpr std::size_t kPublishedFaults = 4;

// As metrics name it: `impossible_id`.
std::string_view fault_name(PublishedFault fault);

// Ours have 19.
inline constexpr std::size_t kMaxAlertIdBytes = 256;
// What is read back is written again when it is withdrawn, so that it has to fit a record.
inline constexpr std::size_t kMaxPublishedBytes = 500'000;

// Fills the message; or says why it can't be one.
std::optional<PublishedFault> read_alert(const kafka::Message& record, v1::Alert* alert);
std::optional<PublishedFault> read_point(const kafka::Message& record, v1::SeriesPoint* point);

}  // namespace surgewatch::services
