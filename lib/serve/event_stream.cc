#include "serve/event_stream.h"

#include <utility>

#include "base/proto_json.h"
#include "base/status.h"
#include "base/time.h"
#include "serve/token.h"

namespace surgewatch::serve {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kAlertBatch = 256;
constexpr std::size_t kPointBatch = 2'000;
constexpr milliseconds kSlice{250};
// How long a token may be ahead of us: a gateway that still reads its topic catches up.
constexpr milliseconds kAheadGrace{30'000};

}  // namespace

EventStream::EventStream(const AlertStore* store, const AlertStore::Place& place,
                         api::StreamRequest request, milliseconds heartbeat)
    : store_(store),
      request_(std::move(request)),
      heartbeat_(heartbeat),
      place_(place),
      point_position_(store->point_sequence()),
      opened_(Clock::now()),
      last_write_(opened_),
      last_points_(opened_) {
  if (request_.from) place_.next_offset = request_.from->next_offset;
}

EventStream EventStream::reset(const AlertStore* store, std::string reason) {
  EventStream stream(store, {}, {}, milliseconds(0));
  stream.reset_reason_ = std::move(reason);
  return stream;
}

EventStream::Outcome EventStream::pump(const Write& write) {
  if (reset_reason_) return write_reset(write, *reset_reason_);
  if (!std::exchange(started_, true)) {
    return send(write, "retry: 2000\n") && write_heartbeat(write) ? Outcome::kGoOn : Outcome::kGone;
  }
  if (place_.next_offset > store_->next_offset() && Clock::now() - opened_ > kAheadGrace) {
    return write_reset(write,
                       "the token is ahead of the alerts topic, which may have been made anew");
  }
  store_->wait_beyond(place_, std::min(kSlice, heartbeat_));
  if (!write_alerts(write, &reset_reason_)) return Outcome::kGone;
  if (reset_reason_) return write_reset(write, *reset_reason_);
  if (request_.points && Clock::now() - last_points_ >= kSlice && !write_points(write)) {
    return Outcome::kGone;
  }
  if (Clock::now() - last_write_ >= heartbeat_ && !write_heartbeat(write)) return Outcome::kGone;
  return Outcome::kGoOn;
}

bool EventStream::send(const Write& write, const std::string& text) {
  last_write_ = Clock::now();
  ++written_;
  return write(text);
}

bool EventStream::write_alerts(const Write& write, std::optional<std::string>* reset) {
  const auto found = store_->since(place_, kAlertBatch);
  if (!found.ok()) {
    *reset = absl::IsAborted(found.status()) ? message_of(found.status())
                                             : "revisions behind the token are no longer kept";
    return true;
  }
  place_.identity = found->next.identity;
  for (const StoredRevision& revision : found->revisions) {
    if (!matches(request_.filter, *revision.alert)) continue;
    place_.next_offset = revision.offset + 1;
    if (!send(write, fmt::format("event: alert\nid: {}\ndata: {}\n\n", make_token(place_),
                                 to_json(*revision.alert)))) {
      return false;
    }
  }
  place_ = found->next;
  return true;
}

bool EventStream::write_points(const Write& write) {
  last_points_ = Clock::now();
  const AlertStore::PointChanges changes = store_->points_since(point_position_, kPointBatch);
  point_position_ = changes.next;
  if (changes.complete && changes.points.empty()) return true;
  std::string text = "event: series\ndata: {\"points\":[";
  for (std::size_t i = 0; i < changes.points.size(); ++i) {
    if (i > 0) text += ',';
    text += to_json(changes.points[i]);
  }
  text += fmt::format("],\"complete\":{}}}\n\n", changes.complete);
  return send(write, text);
}

bool EventStream::write_heartbeat(const Write& write) {
  return send(write, fmt::format(": heartbeat\nid: {}\n\n", make_token(place_)));
}

EventStream::Outcome EventStream::write_reset(const Write& write, const std::string& reason) {
  v1::HttpError body;
  body.set_code("OUT_OF_RANGE");
  body.set_message(reason + "; fetch /api/v1/alerts and go on from its resume_token");
  // The empty id keeps a client from coming back with the same token.
  const bool taken = send(write, fmt::format("event: reset\nid:\ndata: {}\n\n", to_json(body)));
  return taken ? Outcome::kEnd : Outcome::kGone;
}

}  // namespace surgewatch::serve
