// An array that one thread appends to while others read it: elements never move, and growth
// never concerns a reader.
//
// Threads: one writer appends. Any thread may read what lies below a size() that it has loaded,
// or whose number it learned from a store that was released after append(); wait-free.
// Invariants: chunk k holds kFirst · 2^k elements, so that 2^32 of them need 32 pointers and
// finding one takes a shift. Elements are constructed when appended (pages not yet used stay
// untouched) and live as long as the array. An element that readers see must itself be fit for
// that: constant after append, or made of atomics. What is kept of a chunk is its *origin*, the
// address that element "0" would have if the chunk's numbers, with kFirst added, counted from it:
// so finding one needs neither a subtraction nor the position within the chunk.
// Memory orders: append() constructs the element, stores the chunk's pointer and then the size,
// with release; a reader's acquire of the size therefore sees both, and of what it does not
// cover it looks at nothing.
#pragma once

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
      if (const Address origin = origins_[chunk].load(std::memory_order_relaxed); origin != 0) {
        std::allocator<T>{}.deallocate(element(origin, chunk_size(chunk)), chunk_size(chunk));
      }
    }
  }

  std::uint32_t size() const { return size_.load(std::memory_order_acquire); }

  // Writer only. Returns the new element's number.
  template <typename... Args>
  std::uint32_t append(Args&&... args) {
    const std::uint32_t number = size_.load(std::memory_order_relaxed);  // own store
    SW_CHECK(number < kMaxSize);
    const std::size_t chunk = chunk_of(number);
    Address origin = origins_[chunk].load(std::memory_order_relaxed);  // own store
    if (origin == 0) {
      T* elements = std::allocator<T>{}.allocate(chunk_size(chunk));
      origin = reinterpret_cast<Address>(elements) - chunk_size(chunk) * sizeof(T);
      // Release: a reader that learns the element's number by another way than size() may load this
      // with nothing else between it and the allocation.
      origins_[chunk].store(origin, std::memory_order_release);
    }
    std::construct_at(element(origin, shifted(number)), std::forward<Args>(args)...);
    SW_WINDOW_POINT(kAppending);
    size_.store(number + 1, std::memory_order_release);
    return number;
  }

  T& operator[](std::uint32_t number) {
    return *element(origins_[chunk_of(number)].load(std::memory_order_acquire), shifted(number));
  }
  const T& operator[](std::uint32_t number) const {
    return *element(origins_[chunk_of(number)].load(std::memory_order_acquire), shifted(number));
  }

 private:
  static constexpr std::size_t kFirstBits = std::countr_zero(kFirst);
  static constexpr std::size_t kChunks = 32 - kFirstBits;
  static constexpr std::uint32_t kMaxSize = UINT32_MAX - kFirst;

  using Address = std::uintptr_t;

  static constexpr std::size_t chunk_size(std::size_t chunk) {
    return static_cast<std::size_t>(kFirst) << chunk;
  }
  // Chunk k begins at kFirst · (2^k − 1): with kFirst added, a number's leading bit says its chunk.
  static constexpr std::size_t shifted(std::uint32_t number) {
    return std::size_t{number} + kFirst;
  }
  static constexpr std::size_t chunk_of(std::uint32_t number) {
    // 63 less the zeros, written so that it is one instruction.
    return (static_cast<unsigned>(std::countl_zero(shifted(number))) ^ 63u) - kFirstBits;
  }
  static T* element(Address origin, std::size_t shifted_number) {
    // An origin may lie outside its chunk, where no pointer may: so it is a number.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return reinterpret_cast<T*>(origin + shifted_number * sizeof(T));
  }

  std::atomic<Address> origins_[kChunks]{};
  // Apart: the writer stores it with each element, readers look up elements all the time.
  alignas(64) std::atomic<std::uint32_t> size_{0};
};

}  // namespace surgewatch::window
