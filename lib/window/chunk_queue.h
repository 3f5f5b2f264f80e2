// An unbounded queue from one thread to another, for what is rare and must not be lost.
//
// Threads: one producer, one consumer; neither waits for the other. The producer allocates when a
// chunk is full, so it is wait-free but for the allocator; one emptied chunk is handed back to it,
// so that a steady trickle allocates nothing.
// Why unbounded: a correction can be neither dropped nor merged (each belongs to an offset), and
// the writer may not wait. What bounds it is that a flusher takes all of it each interval.
// Invariants: the producer writes elements and then the chunk's count; once it has linked the next
// chunk it never touches the old one again.
// Memory orders: count and next are stored with release after what they promise and loaded with
// acquire. The spare chunk is exchanged: release by the consumer, acquire by the producer.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

#include "window/points.h"

namespace surgewatch::window {

template <typename T, std::size_t kChunk = 128>
class ChunkQueue {
 public:
  ChunkQueue() : head_(new Chunk), tail_(head_) {}
  ChunkQueue(const ChunkQueue&) = delete;
  ChunkQueue& operator=(const ChunkQueue&) = delete;
  ~ChunkQueue() {
    while (head_ != nullptr) delete std::exchange(head_, head_->next.load());
    delete spare_.load();
  }

  // Producer.
  void push(const T& element) {
    std::size_t count = tail_->count.load(std::memory_order_relaxed);  // own store
    if (count == kChunk) {
      Chunk* fresh = spare_.exchange(nullptr, std::memory_order_acquire);
      if (fresh == nullptr) fresh = new Chunk;
      SW_WINDOW_POINT(kLinkingChunk);
      tail_->next.store(fresh, std::memory_order_release);
      tail_ = fresh;
      count = 0;
    }
    tail_->elements[count] = element;
    SW_WINDOW_POINT(kPushingCorrection);
    tail_->count.store(count + 1, std::memory_order_release);
  }

  // Consumer. The oldest element, or null; valid until pop().
  const T* front() {
    while (true) {
      if (read_ < head_->count.load(std::memory_order_acquire)) return &head_->elements[read_];
      if (read_ < kChunk) return nullptr;
      Chunk* next = head_->next.load(std::memory_order_acquire);
      if (next == nullptr) return nullptr;
      hand_back(std::exchange(head_, next));
      read_ = 0;
    }
  }
  void pop() { ++read_; }

 private:
  struct Chunk {
    std::array<T, kChunk> elements{};
    std::atomic<std::size_t> count{0};
    std::atomic<Chunk*> next{nullptr};
  };

  void hand_back(Chunk* chunk) {
    chunk->count.store(0, std::memory_order_relaxed);
    chunk->next.store(nullptr, std::memory_order_relaxed);
    SW_WINDOW_POINT(kHandingBackChunk);
    delete spare_.exchange(chunk, std::memory_order_acq_rel);
  }

  alignas(64) Chunk* head_;  // consumer's
  std::size_t read_ = 0;     // consumer's
  alignas(64) Chunk* tail_;  // producer's
  std::atomic<Chunk*> spare_{nullptr};
};

}  // namespace surgewatch::window
