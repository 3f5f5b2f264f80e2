// The gateway's memory: the newest revision of each alert, the last revisions in order for those
// who resume, and the newest points of each watched series.
//
//   topic alerts ──add──► revisions (bounded, by offset) ──since──► streams
//                    └──► newest revision of each alert  ──list───► those who ask
//   topic surgewatch.series ──add──► points of each (rule, subject), a bounded ring by window_end
//
// It holds one log at a time. reset() forgets it, for another topic under the same name or because
// reading begins anew; until set_loaded() nothing that it holds may be told to anybody, since what
// is history would look like news.
//
//   (made) ─► loaded ──reset──► loading ──set_loaded──► loaded
//
// Threads: one thread adds; any thread reads or waits. Off the hot path; a mutex guards it, and
// messages are copied outside of it.
// Invariants: in one life offsets only grow; a revision that is not newer than the one held changes
// nothing, unless it was due before somebody else jumped (base/revision_chain.h), or says something
// else under the same number: then the later one counts.
// Cost: a revision is held once, however many read it. A point takes about 56 bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/saturating.h"
#include "base/time.h"
#include "surgewatch/v1/alert.pb.h"
#include "surgewatch/v1/service.pb.h"

namespace surgewatch::serve {

bool matches(const v1::AlertFilter& filter, const v1::Alert& alert);

// A filter is looked through for each alert. INVALID_ARGUMENT if it names more rules or regions.
inline constexpr int kMaxFilterValues = 100;
absl::Status check_filter(const v1::AlertFilter& filter);

struct StoredRevision {
  std::int64_t offset = 0;  // in the alerts topic; a token points behind it
  std::shared_ptr<const v1::Alert> alert;
};

class AlertStore {
 public:
  struct Limits {
    std::int64_t revisions = 100'000;
    // Beyond it the resolved alert of the oldest onset goes, or else the oldest.
    std::size_t alerts = 100'000;
    // (rule, subject) pairs whose points are kept; points of further ones are dropped and counted.
    std::size_t subjects = 1'000;
    std::size_t points_per_subject = 4'000;
    // Changes of points that readers of points_since() may be behind.
    std::size_t point_changes = 20'000;
  };
  // Bytes that so much takes at the most, where a revision takes `alert` and a subject's name
  // `subject`.
  struct AtMost {
    Saturating revisions, alerts, points;
  };
  static AtMost at_most(const Limits& limits, Saturating alert, Saturating subject);

  explicit AlertStore(const Limits& limits);
  explicit AlertStore(std::int64_t kept_revisions);

  // Where reading stands. An offset says nothing without the log that it is of.
  struct Place {
    std::int64_t life = 0;       // grows with each reset()
    std::uint64_t identity = 0;  // of the topic, as its records say; 0 while none has said
    std::int64_t next_offset = 0;
    bool loaded = true;
  };
  Place place() const;

  // Forgets everything, ends all streams, and is loading.
  void reset();
  void set_loaded();
  void set_identity(std::uint64_t identity);

  struct Added {
    bool is_news = false;  // it is the newest revision of its alert now
    std::string evicted;   // id of the alert that went since there were too many; may be empty
  };
  // A record at an offset below next_offset() has been seen before and changes nothing.
  Added add(std::int64_t offset, v1::Alert alert);
  // Replaces the point of the same rule, subject and window_end.
  void add(const v1::SeriesPoint& point);
  // The topic's tombstone: the alert is no longer listed.
  void forget(std::int64_t offset, const std::string& alert_id);
  // Reading has caught up with offsets below `next_offset` though they held nothing new.
  void advance(std::int64_t next_offset);

  // Newest onset first, then by id.
  std::vector<v1::Alert> list(const v1::AlertFilter& filter) const;

  // Where a page of the list ends.
  struct Cursor {
    Micros onset = 0;
    std::string alert_id;
  };
  struct Page {
    std::vector<std::shared_ptr<const v1::Alert>> alerts;
    std::optional<Cursor> next;  // absent on the last page
    // As of this page: who subscribes from here hears of every change after it.
    Place place;
  };
  // At most `limit` alerts, and no more than `max_bytes` together unless it is one.
  Page page(const v1::AlertFilter& filter, const std::optional<Cursor>& after, std::size_t limit,
            std::size_t max_bytes = SIZE_MAX) const;

  std::optional<v1::Alert> get(const std::string& alert_id) const;

  // The offset behind everything that was added.
  std::int64_t next_offset() const { return place().next_offset; }
  struct Revisions {
    std::vector<StoredRevision> revisions;
    // Go on from here: behind the last of `revisions`, or behind everything.
    Place next;
  };
  // Revisions of this life at or above next_offset, at most `limit`; OUT_OF_RANGE if some of those
  // are gone, ABORTED if the life is over.
  absl::StatusOr<Revisions> since(const Place& from, std::size_t limit) const;
  // Until there is something at or above from.next_offset, the life is over, the deadline, or
  // stop(). True in the first two cases.
  bool wait_beyond(const Place& from, std::chrono::milliseconds wait) const;
  // Wakes all who wait, for good.
  void stop();
  bool stopped() const;

  // For those who follow without a thread that waits: `changed` is called after everything that
  // wait_beyond() wakes for, by the thread that did it and with no lock of the store held. It must
  // be short, and can't watch or let go of a watch. Called as long as the handle is held; once that
  // has been let go of no call is under way.
  using Watch = std::shared_ptr<const std::function<void()>>;
  [[nodiscard]] Watch watch(std::function<void()> changed) const;

  // Empty filters match everything; both ends of a range belong to it.
  struct PointQuery {
    std::string rule{};
    std::map<std::string, std::string> subject{};  // these dimensions with these values
    std::optional<std::int64_t> from_seconds{};    // of window_end
    std::optional<std::int64_t> to_seconds{};
    std::int64_t step_seconds = 0;  // above 0: of each subject only the newest point a step
    std::size_t limit = 10'000;     // the newest
  };
  // In the order of window_end, then rule, then subject.
  std::vector<v1::SeriesPoint> points(const PointQuery& query) const;

  // The newest point of each (rule, subject), ordered by these.
  std::vector<v1::SeriesPoint> latest_points() const;

  struct PointChanges {
    std::vector<v1::SeriesPoint> points;  // each point once, as it is now
    std::int64_t next = 0;                // pass it the next time
    bool complete = true;                 // false: some changes are gone; query the points anew
  };
  // What points_since() would need to hear only of what comes next.
  std::int64_t point_sequence() const;
  // Nothing of what was changed at `until` or behind it.
  PointChanges points_since(std::int64_t sequence, std::size_t limit,
                            std::int64_t until = INT64_MAX) const;
  // Points that were not kept: of subjects beyond the limit, or older than a full ring.
  std::uint64_t dropped_points() const;
  // Alerts that had to go since there were too many.
  std::uint64_t evicted_alerts() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace surgewatch::serve
