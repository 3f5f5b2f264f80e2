// Asks every event stream of a gateway for what there is to say, however many there are, and never
// for more than its client has taken.
//
//   open() ──► asked ──► batch delivered ──► taken() ──► asked …        close(), or the batch ends
//
// A stream is asked when the store has news, four times a second, and when its client has taken the
// batch before; so what a client that doesn't read costs is one batch.
//
// Threads: the pump has two, one that asks and delivers and one that waits for the store. The
// methods may be called from any thread; Deliver is called on the pump's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
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

  // `slice` is the longest wait; heartbeats need it as short as they are. on_store_stopped() is
  // called once, by when the store has been stopped and a stream is open; nothing is delivered after
  // that.
  StreamPump(const AlertStore* store, std::chrono::milliseconds slice, Deliver deliver,
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
  void watch();
  // False once it is over.
  bool wait(bool at_once);
  void apply(std::vector<Change> changes);
  bool ask_all();

  const AlertStore* const store_;
  const std::chrono::milliseconds slice_;
  const Deliver deliver_;
  const std::function<void()> on_store_stopped_;

  std::map<std::uint64_t, Entry> entries_;  // the asking thread's own

  // std::mutex, since ThreadSanitizer does not see the locks of Debian's Abseil.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Change> changes_ ABSL_GUARDED_BY(mutex_);
  bool has_streams_ ABSL_GUARDED_BY(mutex_) = false;  // or will have, by changes_
  bool has_news_ ABSL_GUARDED_BY(mutex_) = false;
  bool store_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread watcher_;
  std::thread asker_;
};

}  // namespace surgewatch::serve
