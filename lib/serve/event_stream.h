// The body of one server-sent event stream: alerts by offset, points coalesced, heartbeats.
//
//   id: TOKEN            event: alert     one revision; Last-Event-ID resumes behind it
//   event: series        new points since the last such event, each once as it is now
//   event: reset         the token is too old or of another topic, or the topic has become another
//                        one: fetch the lists anew; the end
//   : and an id alone    heartbeat; it carries the newest token, so that a quiet client stays fresh
//
// It knows no connection and never waits: who holds it asks for what there is to say, and asks
// again once that has been taken (stream_pump.h).
//
// Threads: one stream belongs to one thread at a time.
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "serve/alert_store.h"
#include "serve/api.h"

namespace surgewatch::serve {

// What there is to say of points, written once for all streams that are at the same place. Time is
// cut into slices: within one all streams come to the same place, so that they stay together.
//
// Threads: one.
class PointNews {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kSlice{250};

  explicit PointNews(const AlertStore* store) : store_(store) {}

  static std::int64_t slice_at(Clock::time_point time) { return time.time_since_epoch() / kSlice; }
  static Clock::time_point end_of(std::int64_t slice) {
    return Clock::time_point((slice + 1) * Clock::duration(kSlice));
  }

  struct News {
    std::string event;  // empty: nothing has changed
    std::int64_t next = 0;
  };
  const News& since(std::int64_t position, std::int64_t slice);

 private:
  const AlertStore* store_;
  std::int64_t slice_ = -1;
  std::int64_t end_ = 0;
  std::map<std::int64_t, News> by_position_;  // of this slice
};

class EventStream {
 public:
  using Clock = PointNews::Clock;

  // From `place`, where the store stood when the request came, or from the request's token.
  EventStream(const AlertStore* store, const AlertStore::Place& place, api::StreamRequest request,
              std::chrono::milliseconds heartbeat);
  // A stream whose request can't be met: it says so and ends.
  static EventStream reset(const AlertStore* store, std::string reason);

  struct Batch {
    std::string text;          // empty: nothing to say now
    int responses = 0;         // events and heartbeats in it
    bool more = false;         // ask again at once
    bool ends = false;         // the stream is over behind it
    bool fell_behind = false;  // which is since its reader was too slow
  };
  // No more than `budget` bytes and one event.
  Batch next(std::size_t budget, PointNews* points);

 private:
  void write_alerts(std::size_t budget, Batch* batch);
  void write_points(std::int64_t slice, PointNews* points, Batch* batch);
  void write_heartbeat(Batch* batch);
  void write_reset(const std::string& reason, Batch* batch);
  void write(const std::string& text, Batch* batch);

  const AlertStore* store_;
  api::StreamRequest request_;
  std::chrono::milliseconds heartbeat_;
  std::optional<std::string> reset_reason_;
  AlertStore::Place place_;          // in the alerts topic
  std::int64_t point_position_ = 0;  // in the store's sequence of changes
  Clock::time_point opened_;
  Clock::time_point last_write_;
  std::int64_t point_slice_;  // the last in which points were told
  bool started_ = false;
  bool was_served_ = false;
};

}  // namespace surgewatch::serve
