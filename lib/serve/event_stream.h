// The body of one server-sent event stream: alerts by offset, points coalesced, heartbeats.
//
//   id: TOKEN            event: alert     one revision; Last-Event-ID resumes behind it
//   event: series        new points since the last such event, each once as it is now
//   event: reset         the token is too old or of another topic, or the topic has become another
//                        one: fetch the lists anew; the end
//   : and an id alone    heartbeat; it carries the newest token, so that a quiet client stays fresh
//
// Threads: one stream belongs to one thread.
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "serve/alert_store.h"
#include "serve/api.h"

namespace surgewatch::serve {

class EventStream {
 public:
  using Clock = std::chrono::steady_clock;
  using Write = std::function<bool(std::string_view)>;

  // From `place`, where the store stood when the request came, or from the request's token.
  EventStream(const AlertStore* store, const AlertStore::Place& place, api::StreamRequest request,
              std::chrono::milliseconds heartbeat);
  // A stream whose request can't be met: it says so and ends.
  static EventStream reset(const AlertStore* store, std::string reason);

  enum class Outcome { kGoOn, kEnd, kGone };
  // Waits a quarter of a second at most for something to say, then says it. kGone: the client takes
  // no more.
  Outcome pump(const Write& write);

  // Events and heartbeats written since the last call.
  int take_written() { return std::exchange(written_, 0); }

 private:
  bool write_alerts(const Write& write, std::optional<std::string>* reset);
  bool write_points(const Write& write);
  bool write_heartbeat(const Write& write);
  Outcome write_reset(const Write& write, const std::string& reason);
  bool send(const Write& write, const std::string& text);

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
  int written_ = 0;
};

}  // namespace surgewatch::serve
