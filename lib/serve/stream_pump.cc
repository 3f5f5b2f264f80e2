#include "serve/stream_pump.h"

#include <algorithm>
#include <iterator>

namespace surgewatch::serve {

StreamPump::StreamPump(const AlertStore* store, std::chrono::milliseconds heartbeat,
                       Deliver deliver, std::function<void()> on_store_stopped)
    : store_(store),
      heartbeat_(heartbeat),
      deliver_(std::move(deliver)),
      on_store_stopped_(std::move(on_store_stopped)),
      points_(store),
      watch_(store->watch([this] {
        const std::lock_guard lock(mutex_);
        if (!std::exchange(has_news_, true)) wake_.notify_one();
      })),
      thread_([this] { run(); }) {}

StreamPump::~StreamPump() { stop(); }

void StreamPump::open(std::uint64_t id, std::unique_ptr<EventStream> stream) {
  change({.id = id, .opened = std::move(stream)});
}

void StreamPump::taken(std::uint64_t id) { change({.id = id, .opened = nullptr}); }

void StreamPump::close(std::uint64_t id) { change({.id = id, .opened = nullptr, .closed = true}); }

void StreamPump::change(Change change) {
  const std::lock_guard lock(mutex_);
  changes_.push_back(std::move(change));
  wake_.notify_one();
}

void StreamPump::stop() {
  watch_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void StreamPump::run() {
  bool more = false;
  while (std::optional<std::vector<Change>> changes = wait(more)) {
    apply(*std::move(changes));
    if (store_->stopped()) return on_store_stopped_();
    more = ask_all();
  }
}

std::optional<std::vector<StreamPump::Change>> StreamPump::wait(bool at_once) {
  std::unique_lock lock(mutex_);
  const auto is_awake = [&] { return stopping_ || has_news_ || !changes_.empty(); };
  if (entries_.empty()) {
    wake_.wait(lock, is_awake);
  } else if (!at_once) {
    const auto now = PointNews::Clock::now();
    const auto end_of_slice = PointNews::end_of(PointNews::slice_at(now));
    wake_.wait_until(lock, std::min(now + heartbeat_, end_of_slice), is_awake);
  }
  if (stopping_) return std::nullopt;
  has_news_ = false;
  return std::exchange(changes_, {});
}

void StreamPump::apply(std::vector<Change> changes) {
  for (Change& change : changes) {
    if (change.opened != nullptr) {
      entries_[change.id].stream = std::move(change.opened);
    } else if (change.closed) {
      entries_.erase(change.id);
    } else if (const auto found = entries_.find(change.id); found != entries_.end()) {
      found->second.is_waiting_for_client = false;
    }
  }
}

// True if one of them is to be asked again at once.
bool StreamPump::ask_all() {
  bool more = false;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto& [id, entry] = *it;
    if (entry.is_waiting_for_client) {
      ++it;
      continue;
    }
    EventStream::Batch batch = entry.stream->next(kBatchBytes, &points_);
    const bool ends = batch.ends;
    if (batch.text.empty()) {
      more = more || batch.more;
    } else {
      it->second.is_waiting_for_client = true;
      deliver_(id, std::move(batch));
    }
    it = ends ? entries_.erase(it) : std::next(it);
  }
  return more;
}

}  // namespace surgewatch::serve
