// Asks every event stream of a gateway for what there is to say, however many there are, and never
// for more than its client has taken.
//
//   open() ──► asked ──► batch delivered ──► taken() ──► asked …        close(), or the batch ends
//
// A stream is asked when the store has news, at the end of each slice of points, and when its
// client has taken the batch before; so what a client that doesn't read costs is one batch.
//
// Threads: the pump has one, which asks and delivers. The methods may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "serve/alert_store.h"
#include "serve/event_stream.h"

namespace surgewatch::serve {

class StreamPump {
 public:
  static constexpr std::size_t kBatchBytes = std::size_t{128} << 10U;
  using Deliver = std::function<void(std::uint64_t id, EventStream::Batch batch)>;

  // Heartbeats need streams to be asked as often. on_store_stopped() is
  // called once, on the pump's thread, when the store has been stopped; then nothing is delivered
  // any more.
  StreamPump(const AlertStore* store, std::chrono::milliseconds heartbeat, Deliver deliver,
             std::function<void()> on_store_stopped);
  ~StreamPump();
  StreamPump(const StreamPump&) = delete;
  StreamPump& operator=(const StreamPump&) = delete;

  // `id` is the caller's and new.
  void open(std::uint64_t id, std::unique_ptr<EventStream> stream);
  void taken(std::uint64_t id);
  void close(std::uint64_t id);
  // Delivers nothing more once it has returned.
  void stop();

 private:
  struct Entry {
    std::unique_ptr<EventStream> stream;
    bool is_waiting_for_client = false;
  };
  // Null opens nothing: the client of `id` has taken its batch, or is gone.
  struct Change {
    std::uint64_t id = 0;
    std::unique_ptr<EventStream> opened;
    bool closed = false;
  };

  void change(Change change);
  void run();
  // What has been told meanwhile; nothing once it is over.
  std::optional<std::vector<Change>> wait(bool at_once);
  void apply(std::vector<Change> changes);
  bool ask_all();

  const AlertStore* const store_;
  const std::chrono::milliseconds heartbeat_;
  const Deliver deliver_;
  const std::function<void()> on_store_stopped_;

  // The thread's own.
  std::map<std::uint64_t, Entry> entries_;
  PointNews points_;

  // std::mutex, since ThreadSanitizer does not see the locks of Debian's Abseil.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Change> changes_ ABSL_GUARDED_BY(mutex_);
  bool has_news_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  AlertStore::Watch watch_;
  std::thread thread_;
};

}  // namespace surgewatch::serve
