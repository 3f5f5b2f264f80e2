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

EventStream::Batch EventStream::next(std::size_t budget) {
  Batch batch;
  if (!reset_reason_ && !std::exchange(started_, true)) {
    batch.text = "retry: 2000\n";
    write_heartbeat(&batch);
    return batch;
  }
  if (!reset_reason_) write_alerts(budget, &batch);
  if (reset_reason_) {
    write_reset(*reset_reason_, &batch);
    return batch;
  }
  if (batch.text.size() < budget && request_.points && Clock::now() - last_points_ >= kSlice) {
    write_points(&batch);
  }
  if (Clock::now() - last_write_ >= heartbeat_) write_heartbeat(&batch);
  return batch;
}

void EventStream::write(const std::string& text, Batch* batch) {
  last_write_ = Clock::now();
  batch->text += text;
  ++batch->responses;
}

void EventStream::write_alerts(std::size_t budget, Batch* batch) {
  if (place_.next_offset > store_->next_offset() && Clock::now() - opened_ > kAheadGrace) {
    reset_reason_ = "the token is ahead of the alerts topic, which may have been made anew";
    return;
  }
  const auto found = store_->since(place_, kAlertBatch);
  if (!found.ok()) {
    reset_reason_ = absl::IsAborted(found.status())
                        ? message_of(found.status())
                        : "revisions behind the token are no longer kept";
    return;
  }
  place_.identity = found->next.identity;
  for (const StoredRevision& revision : found->revisions) {
    if (!matches(request_.filter, *revision.alert)) continue;
    if (batch->text.size() >= budget) {
      batch->more = true;
      return;
    }
    place_.next_offset = revision.offset + 1;
    write(fmt::format("event: alert\nid: {}\ndata: {}\n\n", make_token(place_),
                      to_json(*revision.alert)),
          batch);
  }
  place_ = found->next;
  batch->more = found->revisions.size() == kAlertBatch;
}

void EventStream::write_points(Batch* batch) {
  last_points_ = Clock::now();
  const AlertStore::PointChanges changes = store_->points_since(point_position_, kPointBatch);
  point_position_ = changes.next;
  if (changes.complete && changes.points.empty()) return;
  std::string text = "event: series\ndata: {\"points\":[";
  for (std::size_t i = 0; i < changes.points.size(); ++i) {
    if (i > 0) text += ',';
    text += to_json(changes.points[i]);
  }
  text += fmt::format("],\"complete\":{}}}\n\n", changes.complete);
  write(text, batch);
}

void EventStream::write_heartbeat(Batch* batch) {
  write(fmt::format(": heartbeat\nid: {}\n\n", make_token(place_)), batch);
}

void EventStream::write_reset(const std::string& reason, Batch* batch) {
  v1::HttpError body;
  body.set_code("OUT_OF_RANGE");
  body.set_message(reason + "; fetch /api/v1/alerts and go on from its resume_token");
  // The empty id keeps a client from coming back with the same token.
  write(fmt::format("event: reset\nid:\ndata: {}\n\n", to_json(body)), batch);
  batch->ends = true;
}

}  // namespace surgewatch::serve
