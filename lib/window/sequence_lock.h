// A sequence lock over atomics whose readers need not wait for a write in progress: one writer
// publishes several words that readers see together.
//
//   writer   outcome │ sequence odd │ words │ sequence even
//   reader   sequence │ words if it is even, the outcome if it is odd │ sequence again: the same,
//            or once more
//
// The *outcome* is a second place that holds what the words are about to become. A writer needs one
// for all its locks, since it is in one write at a time.
//
// Threads: the writer never waits. A reader repeats only because the writer has made progress,
// wherever the writer may be stopped meanwhile: readers are lock-free. A write takes effect when
// its odd sequence is stored.
// Memory orders, without a fence (ThreadSanitizer understands it, and x86 pays nothing):
//   - Every word, of the outcome too, is stored with release and loaded with acquire. A reader that
//     sees a word of write n thereby sees the odd sequence that was stored before it, or a later
//     one, when it loads the sequence again, and repeats.
//   - The even sequence is stored with release and first loaded with acquire: a reader that sees it
//     sees every word of that write, or later ones, against which the second load guards.
//   - Just so the odd sequence and the outcome. The outcome of a later write, of whichever lock, is
//     stored after this write's even sequence, so that who sees a word of it sees that, too.
// Wrap-around: a reader would have to be stopped between two loads for exactly a multiple of 2^31
// writes to the same words.
// Sources: H.-J. Boehm, "Can Seqlocks Get Along With Programming Language Memory Models?", MSPC
// 2012, for the orders; G. L. Peterson, "Concurrent Reading While Writing", TOPLAS 1983, for the
// second copy that frees readers from a stopped writer.
// Checked: tests/model/pane.pml.
#pragma once

#include <atomic>
#include <cstdint>

namespace surgewatch::window {

class SequenceLock {
 public:
  // Writer: the outcome is stored before begin(), the words between begin() and end(); all with
  // release.
  void begin() { sequence_.store(own() + 1, std::memory_order_release); }
  void end() { sequence_.store(own() + 1, std::memory_order_release); }

  // Reader: calls one of the two (acquire loads only) until it has run between two changes of the
  // sequence. Returns the even sequence of the write that it saw.
  template <typename LoadWords, typename LoadOutcome>
  std::uint32_t read(LoadWords&& load_words, LoadOutcome&& load_outcome) const {
    while (true) {
      const std::uint32_t before = sequence_.load(std::memory_order_acquire);
      const bool is_written = (before & 1) != 0;
      if (is_written) {
        load_outcome();
      } else {
        load_words();
      }
      if (sequence_.load(std::memory_order_relaxed) == before) return before + (before & 1);
    }
  }

 private:
  std::uint32_t own() const { return sequence_.load(std::memory_order_relaxed); }

  std::atomic<std::uint32_t> sequence_{0};
};

}  // namespace surgewatch::window
