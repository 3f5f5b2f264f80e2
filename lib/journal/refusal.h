// Why a record of the journal, or an entry of one, is not taken in. The journal is a topic that
// others can write to: a program of another version, another cluster's mirror, a person by mistake.
// What they write may be well-formed and yet nothing that an owner of a source ever says.
//
// Threads: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/source.h"
#include "base/time.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::journal {

enum class Refusal : std::uint8_t {
  kUnreadable,        // no record of the journal at all
  kUnknownKind,       // nothing that this version knows, or nothing
  kUnknownSource,     // of no input topic, or of no partition that a topic can have
  kBeyondTopology,    // of a partition that its topic does not have
  kNoOwner,           // of a source that nobody owns
  kNotTheOwner,       // by somebody who has never owned the source
  kImpossibleOffset,  // an offset that no log has
  kImpossibleTime,    // a time outside of those that can be written
  kEnded,             // an input's end, which only files have
  kAnotherTopology,   // a topology that is not the owners', or of other topics
  kSeriesMismatch,    // a series that it does not name, names twice, or that is of another topic
  kKeyMismatch,       // a key that its series can't have
  kImpossibleSum,     // sums that no number of documents adds up to
};
inline constexpr std::size_t kRefusalCount = 13;

// As metrics name it: `beyond_topology`.
std::string_view refusal_name(Refusal refusal);
// For a person: "of a partition that its topic does not have".
std::string_view refusal_text(Refusal refusal);

// How often each.
struct RefusalCounts {
  std::array<std::uint64_t, kRefusalCount> by_reason{};

  std::uint64_t& operator[](Refusal r) { return by_reason[static_cast<std::size_t>(r)]; }
  std::uint64_t operator[](Refusal r) const { return by_reason[static_cast<std::size_t>(r)]; }
  std::uint64_t total() const;
};

struct Refused {
  Refusal reason{};
  // What it is of and what is wrong, for a person.
  std::string what;
};

// Offsets below it are possible: a million records a second for two thousand years.
inline constexpr std::int64_t kOffsetEnd = std::int64_t{1} << 56;
inline constexpr std::int32_t kMaxPartitions = 65'536;
// Of a key: the most that limits.text_bytes allows (config/check_settings.cc).
inline constexpr std::size_t kMaxKeyTextBytes = 4'096;

constexpr bool is_offset(std::int64_t offset) { return offset >= 0 && offset < kOffsetEnd; }

// Fills the record from a journal record's bytes, or says that they are none; then what the record
// holds means nothing.
std::optional<Refused> read_record(std::string_view bytes, v1::JournalRecord* record);

// Of the input topics, if it is.
std::optional<SourceId> source_of(const v1::JournalRecord& record);

// What is wrong with a record whatever the rest of the journal says; the entries of a batch are not
// looked at. `offset`: its own.
std::optional<Refused> impossible(const v1::JournalRecord& record, std::int64_t offset);

}  // namespace surgewatch::journal
