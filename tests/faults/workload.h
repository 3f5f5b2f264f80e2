// What a trial sends: a seeded stream of invoices and shipments with all that the contract has an
// answer for (duplicates, corrections, cancellations, disorder, late events, rejects, orders that
// do not add up), and the configuration that judges it.
//
// Threads: one. Deterministic: the same seed gives the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/source.h"
#include "base/time.h"

namespace surgewatch::faults {

inline constexpr std::int32_t kPartitions = 4;  // of each input topic
// Days of the stream. Behind them each source has one more event, so far ahead that every window
// of the stream is final and every order has met its deadline.
inline constexpr std::int64_t kDays = 120;

// How many such things there are, over all sources.
struct Made {
  std::uint64_t events = 0, duplicates = 0, revisions = 0, late = 0, rejects = 0;
};

struct Sent {
  SourceId source;
  std::string key, payload;
  bool is_valid = true;  // false: for the dead-letter topic
};

struct Workload {
  std::vector<Sent> records;  // in the order in which they are sent; offsets are per source
  Made made;                  // as intended: what is late is for the reference to say
};

// `per_source` events for each partition of each topic.
Workload make_workload(std::uint64_t seed, int per_source);

// Series and rules, without the section `kafka`. Its tables are those that are shipped, in `tables`
// beside the file.
std::string workload_yaml();

}  // namespace surgewatch::faults
