// The gateway's memory: the newest revision of each alert, the last revisions in order for those
// who resume, and the newest points of each watched series.
//
// Threads: one thread calls add(); any thread reads or waits. Off the hot path; a mutex guards it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "surgewatch/v1/alert.pb.h"
#include "surgewatch/v1/service.pb.h"

namespace surgewatch::serve {

bool matches(const v1::AlertFilter& filter, const v1::Alert& alert);

struct StoredRevision {
  std::int64_t offset = 0;  // in the alerts topic; a token points behind it
  v1::Alert alert;
};

class AlertStore {
 public:
  explicit AlertStore(std::int64_t kept_revisions);

  void add(std::int64_t offset, v1::Alert alert);
  void add(v1::SeriesPoint point);
  // Reading has caught up with offsets below `next_offset` though they held nothing new.
  void advance(std::int64_t next_offset);

  // Newest onset first, then by id.
  std::vector<v1::Alert> list(const v1::AlertFilter& filter) const;
  std::optional<v1::Alert> get(const std::string& alert_id) const;

  // The offset behind everything that was added.
  std::int64_t next_offset() const;
  // Revisions at or above `from`, at most `limit`; OUT_OF_RANGE if some of those are gone.
  absl::StatusOr<std::vector<StoredRevision>> since(std::int64_t from, std::size_t limit) const;
  // Until next_offset() > from, the deadline, or stop(). True if there is something.
  bool wait_beyond(std::int64_t from, std::chrono::milliseconds wait) const;
  // Wakes all who wait, for good.
  void stop();
  bool stopped() const;

  // Points in the order of window_end. Empty filters match everything.
  struct PointQuery {
    std::string rule;
    std::map<std::string, std::string> subject;
    std::optional<std::int64_t> from_seconds, to_seconds;  // of window_end
    std::size_t limit = 10'000;                            // the newest
  };
  std::vector<v1::SeriesPoint> points(const PointQuery& query) const;

 private:
  // The implementer's.
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace surgewatch::serve
