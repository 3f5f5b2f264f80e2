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

const PointNews::News& PointNews::since(std::int64_t position, std::int64_t slice) {
  if (slice != std::exchange(slice_, slice)) {
    by_position_.clear();
    end_ = store_->point_sequence();
  }
  const auto [found, is_new] = by_position_.try_emplace(position);
  News& news = found->second;
  if (!is_new) return news;
  const AlertStore::PointChanges changes = store_->points_since(position, kPointBatch, end_);
  news.next = changes.next;
  if (changes.complete && changes.points.empty()) return news;
  news.event = "event: series\ndata: {\"points\":[";
  for (std::size_t i = 0; i < changes.points.size(); ++i) {
    if (i > 0) news.event += ',';
    news.event += to_json(changes.points[i]);
  }
  news.event += fmt::format("],\"complete\":{}}}\n\n", changes.complete);
  return news;
}

EventStream::EventStream(const AlertStore* store, const AlertStore::Place& place,
                         api::StreamRequest request, milliseconds heartbeat)
    : store_(store),
      request_(std::move(request)),
      heartbeat_(heartbeat),
      place_(place),
      point_position_(store->point_sequence()),
      opened_(Clock::now()),
      last_write_(opened_),
      point_slice_(PointNews::slice_at(opened_)) {
  if (request_.from) place_.next_offset = request_.from->next_offset;
}

EventStream EventStream::reset(const AlertStore* store, std::string reason) {
  EventStream stream(store, {}, {}, milliseconds(0));
  stream.reset_reason_ = std::move(reason);
  return stream;
}

EventStream::Batch EventStream::next(std::size_t budget, PointNews* points) {
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
  const std::int64_t slice = PointNews::slice_at(Clock::now());
  if (batch.text.size() < budget && request_.points && slice != point_slice_) {
    write_points(slice, points, &batch);
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
    batch->fell_behind = was_served_ && !absl::IsAborted(found.status());
    reset_reason_ = absl::IsAborted(found.status())
                        ? message_of(found.status())
                        : "revisions behind the token are no longer kept";
    return;
  }
  was_served_ = true;
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

void EventStream::write_points(std::int64_t slice, PointNews* points, Batch* batch) {
  const PointNews::News& news = points->since(point_position_, slice);
  point_slice_ = slice;
  point_position_ = news.next;
  if (!news.event.empty()) write(news.event, batch);
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
