// A sequence lock over atomics: one writer publishes several words that readers see together.
//
//   writer   sequence odd │ words │ sequence even
//   reader   sequence (even) │ words │ sequence again: the same, or once more
//
// Threads: the writer never waits. A reader repeats only because the writer has made progress, so
// readers are lock-free.
// Memory orders, without a fence (ThreadSanitizer understands it, and x86 pays nothing):
//   - Every word is stored with release and loaded with acquire. A reader that sees a word of
//     write n thereby sees the odd sequence that was stored before it, or a later one, when it
//     loads the sequence again, and repeats.
//   - The even sequence is stored with release and first loaded with acquire: a reader that sees it
//     sees every word of that write, or later ones, against which the second load guards.
// Wrap-around: a reader would have to be stopped between two loads for exactly a multiple of 2^31
// writes to the same words.
// Source: H.-J. Boehm, "Can Seqlocks Get Along With Programming Language Memory Models?", MSPC
// 2012.
#pragma once

#include <atomic>
#include <cstdint>

namespace surgewatch::window {

class SequenceLock {
 public:
  // Writer: between begin() and end() the guarded words are stored with release.
  void begin() { sequence_.store(own() + 1, std::memory_order_relaxed); }
  void end() { sequence_.store(own() + 1, std::memory_order_release); }

  // Reader: calls `load_words` (acquire loads only) until it has run between two writes. Returns
  // the sequence at which it did.
  template <typename LoadWords>
  std::uint32_t read(LoadWords&& load_words) const {
    while (true) {
      const std::uint32_t before = sequence_.load(std::memory_order_acquire);
      if ((before & 1) == 0) {
        load_words();
        if (sequence_.load(std::memory_order_relaxed) == before) return before;
      }
    }
  }

 private:
  std::uint32_t own() const { return sequence_.load(std::memory_order_relaxed); }

  std::atomic<std::uint32_t> sequence_{0};
};

}  // namespace surgewatch::window
