#include "serve/subscription.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/proto_time.h"
#include "base/status.h"
#include "base/time.h"

namespace surgewatch::serve {
namespace {

// Revisions looked at before others have their turn, and taken from the store at once.
constexpr std::size_t kTurn = 4'096;
constexpr std::size_t kBatch = 16;

}  // namespace

Subscription::Subscription(const AlertStore* alerts, const v1::SubscribeRequest& request,
                           const AlertStore::Place& place, const Options& options,
                           Clock::time_point now)
    : alerts_(alerts),
      filter_(request.filter()),
      options_(options),
      place_(place),
      last_token_(request.resume_token().empty() ? make_token(place) : request.resume_token()),
      last_write_(now),
      expires_(now + options.age) {}

absl::StatusOr<Subscription> Subscription::begin(const AlertStore* alerts,
                                                 const v1::SubscribeRequest& request,
                                                 const AlertStore::Place& now_at,
                                                 const Options& options, Clock::time_point now) {
  AlertStore::Place place = now_at;
  if (!request.resume_token().empty()) {
    SW_ASSIGN_OR_RETURN(const ResumeToken token, parse_resume_token(request.resume_token()));
    SW_RETURN_IF_ERROR(usable(token, place.identity, wall_clock_micros() / kMicrosPerSecond));
    place.next_offset = token.next_offset;
  }
  return Subscription(alerts, request, place, options, now);
}

// `why`: what the store says of our place.
Subscription::Next Subscription::end(const absl::Status& why) {
  Next next{.what = Next::What::kEnd};
  if (absl::IsAborted(why)) {
    next.status = out_of_range("{}; {}", message_of(why), kListAnew);
  } else if (!started_) {
    next.status = out_of_range("the resume token is older than what is kept; {}", kListAnew);
  } else {
    fell_behind_ = true;
    next.status = absl::ResourceExhaustedError(fmt::format(
        "the subscriber reads too slowly and has fallen behind what is kept; last token {}; {}",
        last_token_, kListAnew));
  }
  return next;
}

Subscription::Next Subscription::write(v1::SubscribeResponse* response) {
  token_ = make_token(place_);
  response->set_resume_token(token_);
  return {.what = Next::What::kWrite};
}

Subscription::Next Subscription::write_heartbeat(v1::SubscribeResponse* response) {
  set_time(wall_clock_micros(), response->mutable_heartbeat()->mutable_sent_at());
  return write(response);
}

void Subscription::taken(Clock::time_point now) {
  last_token_ = std::move(token_);
  last_write_ = now;
}

Subscription::Next Subscription::next(Clock::time_point now, v1::SubscribeResponse* response) {
  response->Clear();
  if (now >= expires_) {
    return {.what = Next::What::kEnd,
            .status = unavailable("the stream has come of age; resume with the last token")};
  }
  if (may_be_ahead_) {
    const AlertStore::Place stands = alerts_->place();
    may_be_ahead_ = stands.life == place_.life && stands.next_offset < place_.next_offset;
    const Clock::time_point deadline = last_write_ + options_.ahead_grace;
    if (may_be_ahead_ && now < deadline) return {.what = Next::What::kWait, .until = deadline};
    if (may_be_ahead_) {
      return {
          .what = Next::What::kEnd,
          .status = out_of_range(
              "the resume token is ahead of the alerts topic, which may have been made anew; {}",
              kListAnew)};
    }
  }
  if (!started_) {
    // Tokens that are too old are found before anything is written.
    const absl::Status kept = alerts_->since(place_, 0).status();
    if (!kept.ok()) return end(kept);
    started_ = true;
    // At once, so that the subscriber holds a token whatever happens next.
    return write_heartbeat(response);
  }
  const Clock::time_point heartbeat_due = last_write_ + options_.heartbeat;
  for (std::size_t looked_at = 0; looked_at < kTurn; looked_at += kBatch) {
    const auto found = alerts_->since(place_, kBatch);
    if (!found.ok()) return end(found.status());
    place_.identity = found->next.identity;
    for (const StoredRevision& revision : found->revisions) {
      place_.next_offset = revision.offset + 1;
      if (!matches(filter_, *revision.alert)) continue;
      *response->mutable_alert() = *revision.alert;
      return write(response);
    }
    place_ = found->next;
    if (found->revisions.size() == kBatch) continue;
    if (now >= heartbeat_due) return write_heartbeat(response);
    return {.what = Next::What::kWait, .until = std::min(heartbeat_due, expires_)};
  }
  if (now >= heartbeat_due) return write_heartbeat(response);
  return {.what = Next::What::kWait, .until = now};
}

}  // namespace surgewatch::serve
