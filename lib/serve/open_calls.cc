#include "serve/open_calls.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

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
// What a deadline that is none comes to: a look once an hour costs nothing.
constexpr seconds kNoDeadline{3'600};

void count(prometheus::Counter* counter) {
  if (counter != nullptr) counter->Increment();
}

grpc::Status exhausted(std::string message) {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, std::move(message)};
}

}  // namespace

grpc::Status to_grpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), message_of(status)};
}

// Made in a method's handler. What is not said to be of other threads is the pump's.
class OpenCalls::Call {
 public:
  // With a slot of `slots`, which it gives back.
  Call(OpenCalls* calls, grpc::CallbackServerContext* context, PeerSlots* slots, std::string peer)
      : calls_(*calls), call_(context->c_call()), slots_(slots), peer_(std::move(peer)) {
    // So that it can be cancelled at any time, though it may be done by then.
    grpc_call_ref(call_);
  }
  virtual ~Call() {
    give_back_slot();
    grpc_call_unref(call_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  virtual void on_posted(unsigned events, Clock::time_point now) = 0;
  virtual void on_change(Clock::time_point now) = 0;
  virtual void on_deadline(Clock::time_point now) = 0;
  // Its client takes too long, or all clients together leave us with too much.
  virtual void cut(Reason reason) = 0;

  bool is_writing() const { return unsent > 0; }

  unsigned posted ABSL_GUARDED_BY(calls_.mutex_) = 0;  // events that the pump has not seen
  Clock::time_point deadline = Clock::time_point::max();
  std::size_t unsent = 0;  // bytes of the response that is being written
  Clock::time_point writing_since{};

 protected:
  // Tells the client the status ahead of what its window holds back. gRPC's header does not promise
  // as much, but its HTTP/2 transport writes the trailers at once, which nothing else does:
  // Finish() waits until all before it has been written.
  void cancel(const grpc::Status& status) {
    grpc_call_cancel_with_status(call_, static_cast<grpc_status_code>(status.error_code()),
                                 status.error_message().c_str(), nullptr);
  }
  void give_back_slot() {
    if (slots_ == nullptr) return;
    const std::lock_guard lock(calls_.mutex_);
    std::exchange(slots_, nullptr)->give_back(peer_);
  }

  OpenCalls& calls_;

 private:
  grpc_call* const call_;
  PeerSlots* slots_;  // null once given back
  const std::string peer_;
};

// A subscriber's stream.
//
//   waiting ──something to say──► writing ──taken──► waiting
//      └── it ends ──► ended ◄── gone, or cut ──┘
class OpenCalls::Stream final : public Call, public OpenCalls::StreamReactor {
 public:
  Stream(OpenCalls* calls, grpc::CallbackServerContext* context, std::string peer,
         Subscription subscription)
      : Call(calls, context, &calls->streams_, std::move(peer)),
        subscription_(std::move(subscription)) {
    if (calls_.meters_.subscribers != nullptr) calls_.meters_.subscribers->Increment();
  }

  void OnWriteDone(bool ok) override { calls_.post(this, ok ? kTaken : kGone); }
  void OnCancel() override { calls_.post(this, kGone); }
  void OnDone() override { calls_.post(this, kDone); }

  void on_posted(unsigned events, Clock::time_point now) override {
    if (has_ended_) return;
    if ((events & kGone) != 0) return end({grpc::StatusCode::CANCELLED, "the subscriber has gone"});
    if ((events & kTaken) != 0) {
      calls_.end_write(this);
      count(calls_.meters_.responses);
      subscription_.taken(now);
    }
    if (!is_writing()) go_on(now);
  }
  void on_change(Clock::time_point now) override {
    if (has_ended_) return;
    if (!is_writing()) return go_on(now);
    if (calls_.ending_) calls_.set_deadline(this, std::min(deadline, now + kStopTime));
  }
  void on_deadline(Clock::time_point now) override {
    if (!is_writing()) return go_on(now);
    cut(Reason::kTime);
  }
  void cut(Reason reason) override {
    grpc::Status status = stopping();
    if (!calls_.ending_) {
      count(reason == Reason::kTime ? calls_.meters_.cut_by_time : calls_.meters_.cut_by_bytes);
      status = exhausted(fmt::format(
          "the subscriber reads too slowly: a response of {} bytes was not taken in time; resume "
          "with the last token {}",
          unsent, subscription_.last_token()));
    }
    cancel(status);
    end(status);
  }

 private:
  static grpc::Status stopping() {
    return to_grpc(unavailable("the gateway is stopping; resume with the last token"));
  }
  void go_on(Clock::time_point now) {
    if (calls_.ending_) return end(stopping());
    const Subscription::Next next = subscription_.next(now, &response_);
    switch (next.what) {
      case Subscription::Next::What::kWrite:
        calls_.begin_write(this, response_.ByteSizeLong(), now);
        StartWrite(&response_);
        break;
      case Subscription::Next::What::kWait:
        calls_.set_deadline(this, next.until);
        break;
      case Subscription::Next::What::kEnd:
        if (subscription_.fell_behind()) count(calls_.meters_.cut_behind);
        end(to_grpc(next.status));
        break;
    }
  }
  void end(const grpc::Status& status) {
    has_ended_ = true;
    calls_.end_write(this);
    give_back_slot();
    if (calls_.meters_.subscribers != nullptr) calls_.meters_.subscribers->Decrement();
    Finish(status);
  }

  Subscription subscription_;
  v1::SubscribeResponse response_;  // gRPC's while writing
  bool has_ended_ = false;          // Finish() has been called; only OnDone() is to come
};

// The answer to a call that gets one.
class OpenCalls::Answer final : public Call, public grpc::ServerUnaryReactor {
 public:
  Answer(OpenCalls* calls, grpc::CallbackServerContext* context, std::string peer)
      : Call(calls, context, &calls->answers_, std::move(peer)) {}

  // Once, and by the thread that made it.
  void send(std::size_t bytes) {
    bytes_ = bytes;
    calls_.post(this, kOpened);
    Finish(grpc::Status::OK);
  }
  void OnDone() override { calls_.post(this, kDone); }

  void on_posted(unsigned, Clock::time_point now) override {
    calls_.begin_write(this, bytes_, now);
  }
  void on_change(Clock::time_point) override {}
  void on_deadline(Clock::time_point) override { cut(Reason::kTime); }
  void cut(Reason) override {
    count(calls_.meters_.answers_cut);
    calls_.end_write(this);
    give_back_slot();
    cancel(exhausted(fmt::format("an answer of {} bytes was not taken in time", bytes_)));
  }

 private:
  std::size_t bytes_ = 0;
};

OpenCalls::OpenCalls(const GrpcServer::Options& options)
    : options_(options),
      streams_(options.limits.streams, options.limits.streams_per_peer),
      answers_(options.limits.answers, options.limits.answers_per_peer),
      earliest_(Clock::now()) {
  if (options.telemetry != nullptr) {
    telemetry::Telemetry& telemetry = *options.telemetry;
    meters_ = {
        .subscribers = &subscribers_gauge(telemetry, "grpc"),
        .responses = &responses_counter(telemetry, "grpc"),
        .cut_by_time = &subscribers_cut_counter(telemetry, "grpc", "time"),
        .cut_by_bytes = &subscribers_cut_counter(telemetry, "grpc", "bytes"),
        .cut_behind = &subscribers_cut_counter(telemetry, "grpc", "behind"),
        .full = &subscribers_refused_counter(telemetry, "grpc", "full"),
        .full_of_peer = &subscribers_refused_counter(telemetry, "grpc", "peer"),
        .answers_cut = &telemetry.counter(
            "grpc_answers_cut_total",
            "Answers to gRPC calls that were given up since the client did not take them.", {}),
        .answers_refused = &telemetry.counter(
            "grpc_answers_refused_total",
            "gRPC calls that were refused since too many wait for their client to take the "
            "answer.",
            {})};
  }
  watch_ = options.alerts->watch([this] {
    const std::lock_guard lock(mutex_);
    changed_ = true;
    wake_.notify_one();
  });
  pump_ = std::thread([this] { run(); });
}

OpenCalls::~OpenCalls() { join(); }

OpenCalls::StreamReactor* OpenCalls::refuse(const grpc::Status& status) {
  class Refusal final : public StreamReactor {
   public:
    explicit Refusal(const grpc::Status& why) { Finish(why); }
    void OnDone() override { delete this; }
  };
  return new Refusal(status);
}

OpenCalls::StreamReactor* OpenCalls::stream(grpc::CallbackServerContext* context,
                                            Subscription subscription) {
  std::string peer = peer_of_uri(context->peer());
  switch (admit(&streams_, peer)) {
    case PeerSlots::Admission::kAdmitted:
      break;
    case PeerSlots::Admission::kFull:
      count(meters_.full);
      return refuse(exhausted(fmt::format(
          "{} streams are open, the most there may be; try again later", options_.limits.streams)));
    case PeerSlots::Admission::kFullOfPeer:
      count(meters_.full_of_peer);
      return refuse(exhausted(
          fmt::format("{} has {} streams open, the most that one peer may have; end one of them, "
                      "or raise server.streams_per_peer",
                      peer, options_.limits.streams_per_peer)));
  }
  auto* const stream = new Stream(this, context, std::move(peer), std::move(subscription));
  post(stream, kOpened);
  return stream;
}

grpc::ServerUnaryReactor* OpenCalls::answer(grpc::CallbackServerContext* context,
                                            const google::protobuf::Message& response,
                                            const std::function<grpc::Status()>& compute) {
  const auto finish_at_once = [context](const grpc::Status& status) {
    auto* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  };
  std::string peer = peer_of_uri(context->peer());
  if (admit(&answers_, peer) != PeerSlots::Admission::kAdmitted) {
    count(meters_.answers_refused);
    return finish_at_once(
        exhausted("too many answers wait for their clients to take them; try again in a second"));
  }
  auto answer = std::make_unique<Answer>(this, context, std::move(peer));
  const grpc::Status status = compute();
  if (!status.ok()) return finish_at_once(status);
  answer->send(response.ByteSizeLong());
  return answer.release();
}

PeerSlots::Admission OpenCalls::admit(PeerSlots* slots, const std::string& peer) {
  const std::lock_guard lock(mutex_);
  return slots->take(peer);
}

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
  if (call->posted == 0) posted_.push_back(call);
  call->posted |= event;
  all_done_ = false;
  wake_.notify_one();
}

void OpenCalls::run() {
  std::vector<std::pair<Call*, unsigned>> events;
  while (true) {
    events.clear();
    bool changed = false;
    bool stopping = false;
    {
      std::unique_lock lock(mutex_);
      all_done_ = calls_.empty() && posted_.empty();
      if (all_done_) done_.notify_all();
      const auto has_work = [this] {
        return !posted_.empty() || changed_ || (joining_ && all_done_);
      };
      wake_.wait_until(lock, earliest_, has_work);
      if (joining_ && all_done_) return;
      for (Call* call : posted_) events.emplace_back(call, std::exchange(call->posted, 0));
      posted_.clear();
      changed = std::exchange(changed_, false);
      stopping = stopping_;
    }
    if (changed) ending_ = stopping || options_.alerts->stopped();
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
    if (call->deadline <= now) call->on_deadline(now);
  }
  if (unsent_ > options_.limits.unsent_bytes) relieve(now);
  for (const auto& [call, owner] : calls_) earliest_ = std::min(earliest_, call->deadline);
}

// The longest first, and only those that really hang: many who are told of a large alert at once
// are not to blame.
void OpenCalls::relieve(Clock::time_point now) {
  std::vector<Call*> writing;
  for (const auto& [call, owner] : calls_) {
    if (call->is_writing()) writing.push_back(call);
  }
  std::sort(writing.begin(), writing.end(),
            [](const Call* a, const Call* b) { return a->writing_since < b->writing_since; });
  for (Call* call : writing) {
    if (unsent_ <= options_.limits.unsent_bytes) return;
    const Clock::time_point hangs_at = call->writing_since + options_.limits.pressed_write_time;
    if (hangs_at > now) {
      earliest_ = std::min(earliest_, hangs_at);
      return;
    }
    call->cut(Reason::kBytes);
  }
}

void OpenCalls::set_deadline(Call* call, Clock::time_point deadline) {
  call->deadline = deadline;
  earliest_ = std::min(earliest_, deadline);
}

void OpenCalls::begin_write(Call* call, std::size_t bytes, Clock::time_point now) {
  call->unsent = bytes;
  call->writing_since = now;
  unsent_ += bytes;
  set_deadline(call, now + options_.limits.write_time + seconds(bytes / kSlowestBytesPerSecond));
  if (unsent_ > options_.limits.unsent_bytes) earliest_ = now;
}

void OpenCalls::end_write(Call* call) {
  unsent_ -= std::exchange(call->unsent, 0);
  call->deadline = Clock::time_point::max();
}

}  // namespace surgewatch::serve
