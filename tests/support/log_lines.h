// What this process logs, as a test sees it; and a way to hold whoever logs a certain line, so that
// a test can do something in that very moment.
//
// Threads: any.
#pragma once

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace surgewatch::test {

// From its making to its end.
class LogLines {
 public:
  LogLines() : sink_(std::make_shared<Sink>(this)) {
    spdlog::default_logger()->sinks().push_back(sink_);
  }
  // Nothing may log any more.
  ~LogLines() {
    release();
    std::erase(spdlog::default_logger()->sinks(), sink_);
  }
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;

  // How many lines have been logged that contain `text`.
  int count(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    int count = 0;
    for (const std::string& line : lines_) count += line.find(text) == std::string::npos ? 0 : 1;
    return count;
  }

  // The next one who logs a line with `text` waits there until release().
  void hold_at(const std::string& text) {
    const std::lock_guard lock(mutex_);
    hold_at_ = text;
  }
  bool holds() const {
    const std::lock_guard lock(mutex_);
    return holds_;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    hold_at_.clear();
    holds_ = false;
    released_.notify_all();
  }

 private:
  class Sink final : public spdlog::sinks::sink {
   public:
    explicit Sink(LogLines* owner) : owner_(*owner) {}
    void log(const spdlog::details::log_msg& message) override {
      owner_.take(std::string(message.payload.data(), message.payload.size()));
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

   private:
    LogLines& owner_;
  };

  void take(std::string line) {
    std::unique_lock lock(mutex_);
    const bool waits = !hold_at_.empty() && line.find(hold_at_) != std::string::npos;
    lines_.push_back(std::move(line));
    if (!waits) return;
    hold_at_.clear();
    holds_ = true;
    released_.wait(lock, [this] { return !holds_; });
  }

  mutable std::mutex mutex_;
  std::condition_variable released_;
  std::vector<std::string> lines_;
  std::string hold_at_;
  bool holds_ = false;
  const std::shared_ptr<Sink> sink_;
};

}  // namespace surgewatch::test
