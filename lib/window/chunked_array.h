// An array that one thread appends to while others read it: elements never move, and growth
// never concerns a reader.
//
// Threads: one writer appends. Any thread may read what lies below a size() that it has loaded,
// or whose number it learned from a store that was released after append(); wait-free.
// Invariants: chunk k holds kFirst · 2^k elements, so that 2^32 of them need 32 pointers and
// finding one takes a shift. Elements are constructed when appended (pages not yet used stay
// untouched) and live as long as the array. An element that readers see must itself be fit for
// that: constant after append, or made of atomics.
// Memory orders: append() constructs the element, stores the chunk's pointer and then the size,
// with release; a reader's acquire of the size therefore sees both, and of what it does not
// cover it looks at nothing.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/check.h"
#include "window/points.h"

namespace surgewatch::window {

template <typename T, std::uint32_t kFirst = 64>
class ChunkedArray {
  static_assert(std::has_single_bit(kFirst));

 public:
  ChunkedArray() = default;
  ChunkedArray(const ChunkedArray&) = delete;
  ChunkedArray& operator=(const ChunkedArray&) = delete;
  ~ChunkedArray() {
    const std::uint32_t count = size_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < count; ++i) std::destroy_at(&(*this)[i]);
    for (std::size_t chunk = 0; chunk < kChunks; ++chunk) {
      if (T* elements = chunks_[chunk].load(std::memory_order_relaxed); elements != nullptr) {
        std::allocator<T>{}.deallocate(elements, chunk_size(chunk));
      }
    }
  }

  std::uint32_t size() const { return size_.load(std::memory_order_acquire); }

  // Writer only. Returns the new element's number.
  template <typename... Args>
  std::uint32_t append(Args&&... args) {
    const std::uint32_t number = size_.load(std::memory_order_relaxed);  // own store
    SW_CHECK(number < kMaxSize);
    const auto [chunk, position] = locate(number);
    T* elements = chunks_[chunk].load(std::memory_order_relaxed);  // own store
    if (elements == nullptr) {
      elements = std::allocator<T>{}.allocate(chunk_size(chunk));
      // Release: a reader that learns the element's number by another way than size() may load this
      // pointer with nothing else between it and the allocation.
      chunks_[chunk].store(elements, std::memory_order_release);
    }
    std::construct_at(elements + position, std::forward<Args>(args)...);
    SW_WINDOW_POINT(kAppending);
    size_.store(number + 1, std::memory_order_release);
    return number;
  }

  T& operator[](std::uint32_t number) {
    const auto [chunk, position] = locate(number);
    return chunks_[chunk].load(std::memory_order_acquire)[position];
  }
  const T& operator[](std::uint32_t number) const {
    const auto [chunk, position] = locate(number);
    return chunks_[chunk].load(std::memory_order_acquire)[position];
  }

 private:
  static constexpr std::size_t kFirstBits = std::countr_zero(kFirst);
  static constexpr std::size_t kChunks = 32 - kFirstBits;
  static constexpr std::uint32_t kMaxSize = UINT32_MAX - kFirst;

  struct Place {
    std::size_t chunk;
    std::uint32_t position;
  };
  static constexpr std::size_t chunk_size(std::size_t chunk) {
    return static_cast<std::size_t>(kFirst) << chunk;
  }
  // Chunk k begins at kFirst · (2^k − 1): with kFirst added, a number's leading bit says its chunk,
  // and what is below that bit the position.
  static constexpr Place locate(std::uint32_t number) {
    const std::uint64_t shifted = std::uint64_t{number} + kFirst;
    const auto leading = static_cast<std::size_t>(63 - std::countl_zero(shifted));
    // The analyzer thinks that `shifted` may be 0; it is kFirst at least.
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
    const std::uint64_t first = std::uint64_t{1} << leading;
    return {leading - kFirstBits, static_cast<std::uint32_t>(shifted ^ first)};
  }

  std::array<std::atomic<T*>, kChunks> chunks_{};
  std::atomic<std::uint32_t> size_{0};
};

}  // namespace surgewatch::window
