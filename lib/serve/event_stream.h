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
#include <optional>
#include <string>

#include "serve/alert_store.h"
#include "serve/api.h"

namespace surgewatch::serve {

class EventStream {
 public:
  using Clock = std::chrono::steady_clock;

  // How soon points are told, and how often to ask a stream for more when nothing wakes it.
  static constexpr std::chrono::milliseconds kSlice{250};

  // From `place`, where the store stood when the request came, or from the request's token.
  EventStream(const AlertStore* store, const AlertStore::Place& place, api::StreamRequest request,
              std::chrono::milliseconds heartbeat);
  // A stream whose request can't be met: it says so and ends.
  static EventStream reset(const AlertStore* store, std::string reason);

  struct Batch {
    std::string text;   // empty: nothing to say now
    int responses = 0;  // events and heartbeats in it
    bool more = false;  // ask again at once
    bool ends = false;  // the stream is over behind it
  };
  // No more than `budget` bytes and one event.
  Batch next(std::size_t budget);

 private:
  void write_alerts(std::size_t budget, Batch* batch);
  void write_points(Batch* batch);
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
  Clock::time_point last_points_;
  bool started_ = false;
};

}  // namespace surgewatch::serve
