#include "serve/open_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "serve/metrics.h"

namespace surgewatch::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Slower than this nobody needs to be who follows alerts.
constexpr std::size_t kSlowestBytesPerSecond = std::size_t{128} << 10U;
// For writes that are on their way when the server stops.
constexpr milliseconds kStopTime{500};
// Without a deadline the pump looks about itself now and then all the same.
constexpr seconds kNoDeadline{3'600};

void count(prometheus::Counter* counter) {
  if (counter != nullptr) counter->Increment();
}

template <typename... Args>
absl::Status exhausted(fmt::format_string<Args...> format, Args&&... args) {
  return absl::ResourceExhaustedError(fmt::format(format, std::forward<Args>(args)...));
}

absl::Status stopping() {
  return unavailable("the gateway is stopping; resume with the last token");
}

}  // namespace

// --- Streams and answers ---------------------------------------------------------------------

void OpenCalls::Stream::on_posted(unsigned events, Clock::time_point now) {
  if (has_ended_) return;
  if ((events & kGone) != 0) return end(absl::CancelledError("the subscriber has gone"));
  if ((events & kTaken) != 0) {
    calls_.end_write(this);
    count(calls_.meters_.responses);
    subscription_.taken(now);
  }
  if (!is_writing()) go_on(now);
}

void OpenCalls::Stream::on_change(Clock::time_point now) {
  if (has_ended_) return;
  if (!is_writing()) return go_on(now);
  if (calls_.ending_) calls_.set_deadline(this, std::min(deadline_, now + kStopTime));
}

void OpenCalls::Stream::on_deadline(Clock::time_point now) {
  if (!is_writing()) return go_on(now);
  cut(Reason::kTime);
}

void OpenCalls::Stream::cut(Reason reason) {
  absl::Status status = stopping();
  if (!calls_.ending_) {
    count(reason == Reason::kTime ? calls_.meters_.cut_by_time : calls_.meters_.cut_by_bytes);
    status = exhausted(
        "the subscriber reads too slowly: a response of {} bytes was not taken in time; resume "
        "with the last token {}",
        unsent_, subscription_.last_token());
  }
  cancel(status);
  end(status);
}

void OpenCalls::Stream::go_on(Clock::time_point now) {
  if (calls_.ending_) return end(stopping());
  const Subscription::Next next = subscription_.next(now, &response_);
  switch (next.what) {
    case Subscription::Next::What::kWrite:
      calls_.begin_write(this, response_.ByteSizeLong(), now);
      start_write(response_);
      break;
    case Subscription::Next::What::kWait:
      calls_.set_deadline(this, next.until);
      break;
    case Subscription::Next::What::kEnd:
      if (subscription_.fell_behind()) count(calls_.meters_.cut_behind);
      end(next.status);
      break;
  }
}

void OpenCalls::Stream::end(const absl::Status& status) {
  has_ended_ = true;
  calls_.end_write(this);
  slot_.reset();
  finish(status);
}

void OpenCalls::Answer::on_posted(unsigned, Clock::time_point now) {
  calls_.begin_write(this, bytes_, now);
}

void OpenCalls::Answer::cut(Reason) {
  count(calls_.meters_.answers_cut);
  calls_.end_write(this);
  slot_.reset();
  cancel(exhausted("an answer of {} bytes was not taken in time", bytes_));
}

// --- Slots -----------------------------------------------------------------------------------

PeerSlots::Admission OpenCalls::take_slot(PeerSlots* slots, const std::string& peer) {
  const std::lock_guard lock(mutex_);
  return slots->take(peer);
}

void OpenCalls::give_back_slot(PeerSlots* slots, const std::string& peer) {
  const std::lock_guard lock(mutex_);
  slots->give_back(peer);
}

absl::StatusOr<OpenCalls::Slot> OpenCalls::slot_for_stream(const std::string& peer) {
  switch (take_slot(&streams_, peer)) {
    case PeerSlots::Admission::kAdmitted:
      break;
    case PeerSlots::Admission::kFull:
      count(meters_.full);
      return exhausted("{} streams are open, the most there may be; try again later",
                       limits_.streams);
    case PeerSlots::Admission::kFullOfPeer:
      count(meters_.full_of_peer);
      return exhausted(
          "{} has {} streams open, the most that one peer may have; end one of them, or raise "
          "server.streams_per_peer",
          peer, limits_.streams_per_peer);
  }
  if (meters_.subscribers != nullptr) meters_.subscribers->Increment();
  return Slot(&streams_, [this, peer](const void*) {
    give_back_slot(&streams_, peer);
    if (meters_.subscribers != nullptr) meters_.subscribers->Decrement();
  });
}

absl::StatusOr<OpenCalls::Slot> OpenCalls::slot_for_answer(const std::string& peer) {
  if (take_slot(&answers_, peer) != PeerSlots::Admission::kAdmitted) {
    count(meters_.answers_refused);
    return exhausted("too many answers wait for clients to take them; try again in a second");
  }
  return Slot(&answers_, [this, peer](const void*) { give_back_slot(&answers_, peer); });
}

// --- The pump --------------------------------------------------------------------------------

OpenCalls::OpenCalls(const AlertStore* alerts, const GrpcLimits& limits,
                     telemetry::Telemetry* telemetry)
    : alerts_(alerts),
      limits_(limits),
      streams_(limits.streams, limits.streams_per_peer),
      answers_(limits.answers, limits.answers_per_peer),
      earliest_(Clock::now()) {
  if (telemetry != nullptr) {
    meters_ = {
        .subscribers = &subscribers_gauge(*telemetry, "grpc"),
        .responses = &responses_counter(*telemetry, "grpc"),
        .cut_by_time = &subscribers_cut_counter(*telemetry, "grpc", "time"),
        .cut_by_bytes = &subscribers_cut_counter(*telemetry, "grpc", "bytes"),
        .cut_behind = &subscribers_cut_counter(*telemetry, "grpc", "behind"),
        .full = &subscribers_refused_counter(*telemetry, "grpc", "full"),
        .full_of_peer = &subscribers_refused_counter(*telemetry, "grpc", "peer"),
        .answers_cut = &telemetry->counter(
            "grpc_answers_cut_total",
            "Answers to gRPC calls that were given up since the client did not take them.", {}),
        .answers_refused = &telemetry->counter(
            "grpc_answers_refused_total",
            "gRPC calls that were refused since too many answers wait for clients to take "
            "them.",
            {})};
  }
  watch_ = alerts->watch([this] {
    const std::lock_guard lock(mutex_);
    changed_ = true;
    wake_.notify_one();
  });
  pump_ = std::thread([this] { run(); });
}

OpenCalls::~OpenCalls() { join(); }

void OpenCalls::open(std::unique_ptr<Call> call) { post(call.release(), kOpened); }

void OpenCalls::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_ = true;
  wake_.notify_one();
  done_.wait_for(lock, 2 * kStopTime, [this] { return all_done_; });
}

void OpenCalls::join() {
  if (!pump_.joinable()) return;
  watch_.reset();
  {
    const std::lock_guard lock(mutex_);
    joining_ = true;
    wake_.notify_one();
  }
  pump_.join();
}

void OpenCalls::post(Call* call, unsigned event) {
  const std::lock_guard lock(mutex_);
  if (call->posted_ == 0) posted_.push_back(call);
  call->posted_ |= event;
  all_done_ = false;
  wake_.notify_one();
}

void OpenCalls::run() {
  std::vector<std::pair<Call*, unsigned>> events;
  while (true) {
    events.clear();
    bool changed = false;
    bool stops = false;
    {
      std::unique_lock lock(mutex_);
      all_done_ = calls_.empty() && posted_.empty();
      if (all_done_) done_.notify_all();
      wake_.wait_until(lock, earliest_,
                       [this] { return !posted_.empty() || changed_ || (joining_ && all_done_); });
      if (joining_ && all_done_) return;
      for (Call* call : posted_) events.emplace_back(call, std::exchange(call->posted_, 0));
      posted_.clear();
      changed = std::exchange(changed_, false);
      stops = stopping_;
    }
    if (changed) ending_ = stops || alerts_->stopped();
    const Clock::time_point now = Clock::now();
    for (const auto& [call, what] : events) {
      if ((what & kOpened) != 0) calls_.emplace(call, call);
      if ((what & kDone) == 0) {
        call->on_posted(what, now);
      } else {
        end_write(call);
        calls_.erase(call);
      }
    }
    if (changed) {
      for (const auto& [call, owner] : calls_) call->on_change(now);
    }
    if (now >= earliest_) keep_deadlines(now);
  }
}

void OpenCalls::keep_deadlines(Clock::time_point now) {
  earliest_ = now + kNoDeadline;
  for (const auto& [call, owner] : calls_) {
    if (call->deadline_ <= now) call->on_deadline(now);
  }
  if (unsent_ > limits_.unsent_bytes) relieve(now);
  for (const auto& [call, owner] : calls_) earliest_ = std::min(earliest_, call->deadline_);
}

// The longest first, and only those that really hang: many who are told of a large alert at once
// are not to blame.
void OpenCalls::relieve(Clock::time_point now) {
  std::vector<Call*> writing;
  for (const auto& [call, owner] : calls_) {
    if (call->is_writing()) writing.push_back(call);
  }
  std::sort(writing.begin(), writing.end(),
            [](const Call* a, const Call* b) { return a->writing_since_ < b->writing_since_; });
  for (Call* call : writing) {
    if (unsent_ <= limits_.unsent_bytes) return;
    const Clock::time_point hangs_at = call->writing_since_ + limits_.pressed_write_time;
    if (hangs_at > now) {
      earliest_ = std::min(earliest_, hangs_at);
      return;
    }
    call->cut(Reason::kBytes);
  }
}

void OpenCalls::set_deadline(Call* call, Clock::time_point deadline) {
  call->deadline_ = deadline;
  earliest_ = std::min(earliest_, deadline);
}

void OpenCalls::begin_write(Call* call, std::size_t bytes, Clock::time_point now) {
  call->unsent_ = bytes;
  call->writing_since_ = now;
  unsent_ += bytes;
  set_deadline(call, now + limits_.write_time + seconds(bytes / kSlowestBytesPerSecond));
  if (unsent_ > limits_.unsent_bytes) earliest_ = now;
}

void OpenCalls::end_write(Call* call) {
  unsent_ -= std::exchange(call->unsent_, 0);
  call->deadline_ = Clock::time_point::max();
}

}  // namespace surgewatch::serve
