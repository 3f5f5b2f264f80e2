// Where the detector's group stands in the journal, as committed with each transaction, and whether
// the journal is still the one that it was committed of.
//
// The offset is Kafka's; the rest is in the commit's metadata, a few words:
//   first=<16 hex digits> transaction=<n> [partial] [silent_to=<offset>]
// Unknown words are passed over. A commit without them is one of an earlier release.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/client.h"

namespace surgewatch::services {

struct JournalPosition {
  // All that the records below it give rise to has been published, …
  std::int64_t next = 0;
  // … but not yet all points of the last of them: its transactions have been cut.
  bool is_partial = false;
  // Alerts are silent still: not before this record do they speak. Not beyond `next`: they speak.
  std::int64_t silent_to = 0;
  // Grows with each transaction, over all lives, so that no two are alike.
  std::uint64_t transaction = 0;
  // Fingerprint of the journal's first record.
  std::optional<std::uint64_t> first_record = {};

  friend bool operator==(const JournalPosition&, const JournalPosition&) = default;
};

kafka::GroupOffset to_commit(const JournalPosition& position, const kafka::TopicPartition& journal);
JournalPosition from_commit(const kafka::GroupOffset& committed);

// Of a record's time, key and payload.
std::uint64_t fingerprint(std::optional<std::int64_t> timestamp_ms, std::string_view key,
                          std::string_view payload);

// A fault that stays until somebody acts.
struct Incident {
  std::string name;
  std::string what_to_do;  // a line, what is wrong included
  friend bool operator==(const Incident&, const Incident&) = default;
};
inline constexpr const char* kJournalStartMoved = "journal_start_moved";
inline constexpr const char* kJournalReplaced = "journal_replaced";

// What is known of the journal that what has been published was said of.
struct KnownJournal {
  std::int64_t next = 0;                           // it had all records below
  std::optional<std::uint64_t> first_record = {};  // fingerprint
};

// The same in a header of published records: it outlives the group's offsets, which Kafka forgets
// with a topic that is deleted. nullopt if it speaks of another group, or does not make sense.
std::string to_header(std::uint64_t first_record, std::string_view group_id);
std::optional<KnownJournal> from_header(std::string_view header, std::string_view group_id);

// Whether the detector may begin: the journal is whole from offset 0, since all that it knows it
// has from there, and is the one that is known (nullopt: a first life). `first`: its first record,
// nullopt while there is none.
std::optional<Incident> incident_of(const kafka::TopicPartition& journal,
                                    const kafka::LogEnds& ends,
                                    const std::optional<kafka::StoredRecord>& first,
                                    const std::optional<KnownJournal>& known);

}  // namespace surgewatch::services
