// An unbounded queue from one thread to another, for what is rare and must not be lost.
//
// Threads: one producer, one consumer; neither waits for the other. The producer allocates when a
// chunk is full and none is left over, so it is wait-free but for the allocator; the consumer hands
// emptied chunks back, so that what was once enough is so without the allocator.
// Why unbounded: a correction can be neither dropped nor merged (each belongs to an offset), and
// the writer may not wait. What bounds it is that a flusher takes all of it each interval.
// Invariants: the producer writes elements and then the chunk's count; once it has linked the next
// chunk it never touches the old one again.
// Memory orders: count and next are stored with release after what they promise and loaded with
// acquire. Emptied chunks go back on a stack, with release; the producer takes all of it at once,
// with acquire, so that no chunk can come back to it between two looks of the consumer.
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
    delete_all(head_);
    delete_all(spare_);
    delete_all(emptied_.load());
  }

  // Producer.
  void push(const T& element) {
    std::size_t count = tail_->count.load(std::memory_order_relaxed);  // own store
    if (count == kChunk) {
      Chunk* fresh = take_spare();
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

  Chunk* take_spare() {
    if (spare_ == nullptr) spare_ = emptied_.exchange(nullptr, std::memory_order_acquire);
    if (spare_ == nullptr) return new Chunk;
    Chunk* fresh = std::exchange(spare_, spare_->next.load(std::memory_order_relaxed));
    fresh->next.store(nullptr, std::memory_order_relaxed);  // published by who links it
    fresh->count.store(0, std::memory_order_relaxed);
    return fresh;
  }

  // Only the producer's exchange can come between: at most one more try for each of its chunks.
  void hand_back(Chunk* chunk) {
    Chunk* below = emptied_.load(std::memory_order_relaxed);
    do {
      chunk->next.store(below, std::memory_order_relaxed);
      SW_WINDOW_POINT(kHandingBackChunk);
    } while (!emptied_.compare_exchange_weak(below, chunk, std::memory_order_release,
                                             std::memory_order_relaxed));
  }

  static void delete_all(Chunk* chunk) {
    while (chunk != nullptr) delete std::exchange(chunk, chunk->next.load());
  }

  alignas(64) Chunk* head_;  // consumer's
  std::size_t read_ = 0;     // consumer's
  alignas(64) Chunk* tail_;  // producer's
  Chunk* spare_ = nullptr;   // producer's: a list
  alignas(64) std::atomic<Chunk*> emptied_{nullptr};
};

}  // namespace surgewatch::window
