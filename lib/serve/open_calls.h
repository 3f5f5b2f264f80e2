// The calls of a gRPC server that are open: who may have one, what is written to it, and when it is
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
// Threads: everything by any, but join() and the destructor, once the server has been shut down.
#pragma once

#include <grpcpp/support/server_callback.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "serve/grpc_server.h"
#include "serve/peer.h"
#include "serve/subscription.h"

namespace surgewatch::serve {

grpc::Status to_grpc(const absl::Status& status);

class OpenCalls {
 public:
  using Clock = Subscription::Clock;

  explicit OpenCalls(const GrpcServer::Options& options);
  ~OpenCalls();
  OpenCalls(const OpenCalls&) = delete;
  OpenCalls& operator=(const OpenCalls&) = delete;

  // A stream of what the subscription has to say, or of the reason why there is none.
  using StreamReactor = grpc::ServerWriteReactor<v1::SubscribeResponse>;
  StreamReactor* stream(grpc::CallbackServerContext* context, Subscription subscription);
  static StreamReactor* refuse(const grpc::Status& status);

  // Calls `compute`, which fills `response`, if there is a slot for one more answer.
  grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context,
                                   const google::protobuf::Message& response,
                                   const std::function<grpc::Status()>& compute);

  // Ends streams with UNAVAILABLE, and waits until all calls are done, a second at most. Before the
  // server is shut down, which closes connections over what is still to be said.
  void stop();
  // Waits for the last call to be done, as they all are once the server has been shut down.
  void join();

 private:
  class Call;
  class Stream;
  class Answer;
  enum Event : unsigned { kOpened = 1, kTaken = 2, kGone = 4, kDone = 8 };
  enum class Reason { kTime, kBytes };  // of a cut

  PeerSlots::Admission admit(PeerSlots* slots, const std::string& peer);
  void post(Call* call, unsigned event);
  void run();
  // The pump's only, as is what they change.
  void keep_deadlines(Clock::time_point now);
  void relieve(Clock::time_point now);
  void set_deadline(Call* call, Clock::time_point deadline);
  void begin_write(Call* call, std::size_t bytes, Clock::time_point now);
  void end_write(Call* call);

  const GrpcServer::Options options_;
  struct Meters {
    prometheus::Gauge* subscribers = nullptr;
    prometheus::Counter* responses = nullptr;
    prometheus::Counter *cut_by_time = nullptr, *cut_by_bytes = nullptr, *cut_behind = nullptr;
    prometheus::Counter *full = nullptr, *full_of_peer = nullptr;
    prometheus::Counter *answers_cut = nullptr, *answers_refused = nullptr;
  } meters_;

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
  std::size_t unsent_ = 0;      // bytes that gRPC has of us and clients have not taken
  Clock::time_point earliest_;  // no deadline is before
  bool ending_ = false;         // stopping_, or the store has been stopped

  AlertStore::Watch watch_;
  std::thread pump_;
};

}  // namespace surgewatch::serve
