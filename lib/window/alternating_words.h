// A few words that one writer publishes together, often, in two places by turns.
//
//   writer   words of place (n + 1) mod 2 │ n + 1
//   reader   n │ words of place n mod 2 │ n again: the same, or once more
//
// Threads: the writer never waits. A reader repeats only if something was published meanwhile,
// wherever the writer may be stopped: readers are lock-free.
// Memory orders: words are stored with release and loaded with acquire. Place n mod 2 is next
// written for n + 2, after n + 1 was stored: a reader that sees a word of that sees n + 1, or a
// later number, in its second look. The number is stored with release and first loaded with
// acquire: who sees it sees its words, or later ones.
// Cost: one store more than the words.
// Source: G. L. Peterson, "Concurrent Reading While Writing", TOPLAS 1983.
// Checked: tests/model/progress.pml.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "window/points.h"

namespace surgewatch::window {

template <std::size_t kWords>
class AlternatingWords {
 public:
  using Words = std::array<std::int64_t, kWords>;

  // What is read before the first publish().
  explicit AlternatingWords(const Words& first) {
    for (std::size_t i = 0; i < kWords; ++i)
      places_[0][i].store(first[i], std::memory_order_relaxed);  // not shared yet
  }

  // Writer.
  void publish(const Words& words) {
    const std::uint64_t next = number_.load(std::memory_order_relaxed) + 1;  // own store
    for (std::size_t i = 0; i < kWords; ++i) {
      places_[next & 1][i].store(words[i], std::memory_order_release);
      if (i == 0) SW_WINDOW_POINT(kPublishing);
    }
    number_.store(next, std::memory_order_release);
  }

  // Any thread.
  Words read() const {
    while (true) {
      const std::uint64_t before = number_.load(std::memory_order_acquire);
      Words words;
      for (std::size_t i = 0; i < kWords; ++i) {
        words[i] = places_[before & 1][i].load(std::memory_order_acquire);
        if (i == 0) SW_WINDOW_POINT(kReadingProgress);
      }
      if (number_.load(std::memory_order_relaxed) == before) return words;
    }
  }

 private:
  std::array<std::array<std::atomic<std::int64_t>, kWords>, 2> places_{};
  std::atomic<std::uint64_t> number_{0};
};

}  // namespace surgewatch::window
