// The calls that are open at a gRPC server: who may have one, what is written to it, and when it is
// cut. No call has a thread; one thread, the pump, owns them all.
//
//   gRPC's threads ──opened, taken, gone, done──► pump ──write, finish, cancel──► gRPC
//   AlertStore ──changed──────────────────────────►│
//   deadlines: heartbeats, writes that hang ───────┘
//
// gRPC holds one response of a stream at a time, so a client that does not read costs its slot and
// that response. It is cut when it takes longer than GrpcLimits::write_time for it, and a second
// more for each 128 kB: who reads, however slowly, stays. Answers to other calls likewise.
//
// gRPC itself stays outside (grpc_server.cc): a call here is an object that it is told to write,
// finish or cancel by, and that says what became of it.
//
// Threads: everything by any, but join() and the destructor, once no call can be opened any more.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "serve/grpc_server.h"
#include "serve/peer.h"
#include "serve/subscription.h"

namespace surgewatch::serve {

class OpenCalls {
 public:
  using Clock = Subscription::Clock;

  OpenCalls(const AlertStore* alerts, const GrpcLimits& limits, telemetry::Telemetry* telemetry);
  ~OpenCalls();
  OpenCalls(const OpenCalls&) = delete;
  OpenCalls& operator=(const OpenCalls&) = delete;

  // Given back when it is let go of. RESOURCE_EXHAUSTED if there is none.
  using Slot = std::shared_ptr<const void>;
  absl::StatusOr<Slot> slot_for_stream(const std::string& peer);
  absl::StatusOr<Slot> slot_for_answer(const std::string& peer);

  class Call;
  class Stream;
  class Answer;
  // Keeps it until it says done().
  void open(std::unique_ptr<Call> call);

  // Ends streams with UNAVAILABLE, and waits until all calls are done, a second at most. Before the
  // server is shut down, which closes connections over what is still to be said.
  void stop();
  // Waits until all calls are done, as they are once the server has been shut down.
  void join();

 private:
  enum Event : unsigned { kOpened = 1, kTaken = 2, kGone = 4, kDone = 8 };
  enum class Reason { kTime, kBytes };  // of a cut
  struct Meters {
    prometheus::Gauge* subscribers = nullptr;
    prometheus::Counter* responses = nullptr;
    prometheus::Counter* cut_by_time = nullptr;
    prometheus::Counter* cut_by_bytes = nullptr;
    prometheus::Counter* cut_behind = nullptr;
    prometheus::Counter* full = nullptr;
    prometheus::Counter* full_of_peer = nullptr;
    prometheus::Counter* answers_cut = nullptr;
    prometheus::Counter* answers_refused = nullptr;
  };

  PeerSlots::Admission take_slot(PeerSlots* slots, const std::string& peer);
  void give_back_slot(PeerSlots* slots, const std::string& peer);
  void post(Call* call, unsigned event);
  void run();
  // The pump's only, as is what they change.
  void keep_deadlines(Clock::time_point now);
  void relieve(Clock::time_point now);
  void set_deadline(Call* call, Clock::time_point deadline);
  void begin_write(Call* call, std::size_t bytes, Clock::time_point now);
  void end_write(Call* call);

  const AlertStore* const alerts_;
  const GrpcLimits limits_;
  Meters meters_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<Call*> posted_ ABSL_GUARDED_BY(mutex_);
  bool changed_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool joining_ ABSL_GUARDED_BY(mutex_) = false;
  bool all_done_ ABSL_GUARDED_BY(mutex_) = true;  // no call is open
  PeerSlots streams_ ABSL_GUARDED_BY(mutex_);
  PeerSlots answers_ ABSL_GUARDED_BY(mutex_);

  absl::flat_hash_map<Call*, std::unique_ptr<Call>> calls_;
  std::size_t unsent_ = 0;      // bytes that have been written and clients have not taken
  Clock::time_point earliest_;  // no deadline is before
  bool ending_ = false;         // stopping_, or the store has been stopped

  AlertStore::Watch watch_;
  std::thread pump_;
};

class OpenCalls::Call {
 public:
  virtual ~Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // To be said once nothing more will be, by whoever carries the call; then it is deleted.
  void done() { calls_.post(this, kDone); }

 protected:
  Call(OpenCalls* calls, Slot slot) : calls_(*calls), slot_(std::move(slot)) {}

  // Tells the client, ahead of what has been written and not taken if that is possible. At any time
  // until it is deleted.
  virtual void cancel(const absl::Status& status) = 0;

 private:
  friend class OpenCalls;
  // What the pump tells it.
  virtual void on_posted(unsigned events, Clock::time_point now) = 0;
  virtual void on_change(Clock::time_point now) = 0;
  virtual void on_deadline(Clock::time_point now) = 0;
  // Its client takes too long, or all clients together leave us with too much.
  virtual void cut(Reason reason) = 0;

  bool is_writing() const { return unsent_ > 0; }

  OpenCalls& calls_;
  unsigned posted_ ABSL_GUARDED_BY(calls_.mutex_) = 0;  // events that the pump has not seen
  // The pump's.
  Slot slot_;
  Clock::time_point deadline_ = Clock::time_point::max();
  std::size_t unsent_ = 0;  // bytes of the response that is being written
  Clock::time_point writing_since_{};
};

// A subscriber's stream.
//
//   waiting ──something to say──► writing ──taken──► waiting
//      └── it ends ──► ended ◄── gone, or cut ──┘        ended: finish() has been called
class OpenCalls::Stream : public Call {
 public:
  // What start_write() was given has been taken, or never will be.
  void taken() { calls_.post(this, kTaken); }
  void gone() { calls_.post(this, kGone); }

 protected:
  Stream(OpenCalls* calls, Slot slot, Subscription subscription)
      : Call(calls, std::move(slot)), subscription_(std::move(subscription)) {}

  // The response stays as it is until taken(), gone() or done().
  virtual void start_write(const v1::SubscribeResponse& response) = 0;
  // Once, though something may be being written; nothing is written after.
  virtual void finish(const absl::Status& status) = 0;

 private:
  void on_posted(unsigned events, Clock::time_point now) override;
  void on_change(Clock::time_point now) override;
  void on_deadline(Clock::time_point now) override;
  void cut(Reason reason) override;
  void go_on(Clock::time_point now);
  void end(const absl::Status& status);

  Subscription subscription_;
  v1::SubscribeResponse response_;
  bool has_ended_ = false;
};

// The answer to a call that gets one; it is being written when it is opened.
class OpenCalls::Answer : public Call {
 protected:
  Answer(OpenCalls* calls, Slot slot, std::size_t bytes)
      : Call(calls, std::move(slot)), bytes_(bytes) {}

 private:
  void on_posted(unsigned events, Clock::time_point now) override;
  void on_change(Clock::time_point) override {}
  void on_deadline(Clock::time_point) override { cut(Reason::kTime); }
  void cut(Reason reason) override;

  const std::size_t bytes_;
};

}  // namespace surgewatch::serve
