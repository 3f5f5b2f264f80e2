#include "serve/stream_pump.h"

#include <algorithm>

namespace surgewatch::serve {

StreamPump::StreamPump(const AlertStore* store, std::chrono::milliseconds slice, Deliver deliver,
                       std::function<void()> on_store_stopped)
    : store_(store),
      slice_(slice),
      deliver_(std::move(deliver)),
      on_store_stopped_(std::move(on_store_stopped)),
      watcher_([this] { watch(); }),
      asker_([this] { run(); }) {}

StreamPump::~StreamPump() { stop(); }

void StreamPump::open(std::uint64_t id, std::unique_ptr<EventStream> stream) {
  change({.id = id, .opened = std::move(stream)});
}

void StreamPump::taken(std::uint64_t id) { change({.id = id, .opened = nullptr}); }

void StreamPump::close(std::uint64_t id) { change({.id = id, .opened = nullptr, .closed = true}); }

void StreamPump::change(Change change) {
  const std::lock_guard lock(mutex_);
  has_streams_ = has_streams_ || change.opened != nullptr;
  changes_.push_back(std::move(change));
  wake_.notify_all();
}

void StreamPump::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (watcher_.joinable()) watcher_.join();
  if (asker_.joinable()) asker_.join();
}

void StreamPump::run() {
  bool more = false;
  while (wait(more)) more = ask_all();
}

bool StreamPump::wait(bool at_once) {
  std::vector<Change> changes;
  bool store_stopped = false;
  {
    std::unique_lock lock(mutex_);
    const auto is_awake = [&] {
      return stopping_ || store_stopped_ || has_news_ || !changes_.empty();
    };
    if (!at_once) wake_.wait_for(lock, slice_, is_awake);
    if (stopping_) return false;
    has_streams_ = !entries_.empty() || std::ranges::any_of(changes_, [](const Change& change) {
      return change.opened != nullptr;
    });
    changes.swap(changes_);
    store_stopped = store_stopped_;
    has_news_ = false;
    wake_.notify_all();
  }
  if (store_stopped) {
    on_store_stopped_();
    return false;
  }
  apply(std::move(changes));
  return true;
}

// Tells the asking thread of news, and waits until it has heard before looking for the next. While
// there is no stream it does not look at all.
void StreamPump::watch() {
  AlertStore::Place seen = store_->place();
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || (has_streams_ && !has_news_); });
      if (stopping_) return;
    }
    const bool is_news = store_->wait_beyond(seen, EventStream::kSlice);
    if (is_news) seen = store_->place();
    const bool stopped = store_->stopped();
    const std::lock_guard lock(mutex_);
    has_news_ = has_news_ || is_news;
    store_stopped_ = stopped;
    if (is_news || stopped) wake_.notify_all();
    if (stopped) return;
  }
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
    EventStream::Batch batch = entry.stream->next(kBatchBytes);
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
