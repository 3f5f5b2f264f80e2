// What a trial must come to, whatever was done to it:
//   O1  the journal, merged, has the panes of a sequential reference (property/reference.h,
//       property/orders_reference.h), which shares no code with the product; and the last word on
//       each alert and each window is that of a run in one thread, without Kafka, that nothing
//       disturbed.
//   O2  alerts and points are what a fresh detector makes of the journal, to the last of them;
//       the late topic and the dead-letter topic have exactly the events that the reference says.
//   O3  a reader of what is committed saw, while it happened, what is there in the end, with the
//       revisions of each alert counted up from 1 without gap or repetition.
//   O4  nothing is lost: what came in is what counts, is known already, is late or rejected, in
//       numbers and in money.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "config/config.h"
#include "faults/workload.h"
#include "property/reference.h"
#include "surgewatch/v1/alert.pb.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::faults {

// Where an event of the input stands.
struct Place {
  SourceId source;
  std::int64_t offset = 0;
  friend auto operator<=>(const Place&, const Place&) = default;
};

// The last word on each alert that was not withdrawn, in figures, and on each window that is not
// empty.
struct LastWords {
  std::map<std::string, std::string> alerts, points;
};

struct Expected {
  property::Panes panes;
  std::set<Place> late, rejected;
  std::uint64_t counted = 0, known_already = 0;
  LastWords undisturbed;
  // Changes that came too late to move every answer. Where there are any, the last words depend on
  // when things came, and nothing can be compared.
  std::uint64_t too_old = 0;
};

Expected expect(const Workload& workload, const std::shared_ptr<const config::Config>& config);

// What a reader of what is committed has found in a trial's topics, each in its order.
struct Observed {
  struct Said {
    std::int64_t offset = 0;
    std::string payload;
  };
  std::vector<Said> journal, alerts, points;
  std::vector<Place> late, rejected;
};

// What a reader would find of a run by one thread, without Kafka, that nothing disturbs.
Observed observe_undisturbed(const Workload& workload,
                             const std::shared_ptr<const config::Config>& config);

// What differs, in words; empty where nothing does. `during`: of a reader that was there all the
// time, if there was one.
std::vector<std::string> differences(const Workload& workload, const Expected& expected,
                                     const std::shared_ptr<const config::Config>& config,
                                     const Observed& observed, const Observed* during);

// Copies of events that are in a side topic more than once: allowed, since those topics promise
// that nothing is missing, and counted.
std::size_t repetitions(const std::vector<Place>& places);

// How far the owners say that they have come, and whether that is all.
class JournalProgress {
 public:
  void apply(std::int64_t offset, const v1::JournalRecord& record);
  // `ends`: one behind the last event of each source.
  bool has_come_to(const std::map<SourceId, std::int64_t>& ends) const;
  // What is missing of that.
  std::string missing(const std::map<SourceId, std::int64_t>& ends) const;

 private:
  struct Owner {
    std::int64_t epoch = -1;
    std::int64_t next_offset = -1;
    std::optional<std::pair<std::int64_t, std::int64_t>> pair;
  };
  std::map<SourceId, Owner> owners_;  // the newest of each
};

}  // namespace surgewatch::faults
