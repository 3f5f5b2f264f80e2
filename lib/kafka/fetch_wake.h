// When to wake librdkafka's fetching. Its queue of fetched records is bounded; once that is full,
// versions before 2.2 look at it again only when something else wakes the broker's thread, or after
// a second: a reader that catches up stands idle most of the time, unless the queue holds all that
// it reads in a second. That is hundreds of megabytes which are cold when they are read. So the
// queue is kept small, and whoever empties it says so in time. Later versions look by themselves
// (fetch.queue.backoff.ms).
//
// Rule: wake when less than half of either limit is left, if half of one has been taken since the
// last time. The client doesn't tell the bytes that are left; they are estimated from what was
// taken. Should the estimate be too high, the queue is woken later, at the latest when it is empty;
// if too low, once in vain, and again half a queue later.
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace surgewatch::kafka {

// Enough for a fetch under way while another is read.
inline constexpr std::size_t kQueuedKilobytes = 4'096;
inline constexpr std::size_t kQueuedMessages = 100'000;

class FetchWake {
 public:
  // Of keys and values of one record that was taken.
  void took(std::size_t bytes) {
    ++taken_;
    taken_bytes_ += bytes;
  }

  // After a poll, with the number of records that wait in the queue: whether to wake.
  bool is_due(std::size_t left) {
    constexpr std::size_t kHalfOfBytes = kQueuedKilobytes * 1'024 / 2;
    constexpr std::size_t kHalfOfMessages = kQueuedMessages / 2;
    if (taken_bytes_ < kHalfOfBytes && taken_ < kHalfOfMessages) [[likely]]
      return false;
    if (left >= kHalfOfMessages || left * (taken_bytes_ / taken_) >= kHalfOfBytes) return false;
    taken_ = 0;
    taken_bytes_ = 0;
    return true;
  }

 private:
  // Since the last time.
  std::size_t taken_ = 0;
  std::size_t taken_bytes_ = 0;
};

}  // namespace surgewatch::kafka
