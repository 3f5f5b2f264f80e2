// Memory in pieces of one size, recycled and not given back: in the steady state what one bucket
// of documents frees the next one uses, and nobody asks the allocator.
//
// Threads: one.
// Cost: pieces are cut from blocks that grow up to kBlockBytes, so that little of it is unused
// and page tables stay short (blocks of full size ask for huge pages: finding a new document's
// place is one miss in memory, and without them three or four in page tables).
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace surgewatch::aggregate {

// kLargeFrom: blocks are of full size from so many bytes on.
template <std::size_t kPieceBytes, std::size_t kLargeFrom = std::size_t{1} << 24>
class BlockPool {
 public:
  // Not initialized; aligned to 64 bytes.
  std::byte* take() {
    if (free_.empty()) add_block();
    std::byte* const piece = free_.back();
    free_.pop_back();
    return piece;
  }
  void give_back(std::byte* piece) { free_.push_back(piece); }

  // Of all blocks, whether or not their pieces are in use.
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{1} << 21;
  static_assert(kPieceBytes % 64 == 0 && kBlockBytes >= kPieceBytes);

  struct Free {
    std::size_t alignment = 64;
    void operator()(std::byte* block) const {
      ::operator delete(block, std::align_val_t(alignment));
    }
  };

  void add_block() {
    const bool is_large = bytes_ >= kLargeFrom;
    const std::size_t pieces =
        std::max((is_large ? kBlockBytes : bytes_ / 8) / kPieceBytes, std::size_t{1});
    // A large block is asked for whole, aligned to its size: less would get no huge page.
    const std::size_t size = is_large ? kBlockBytes : pieces * kPieceBytes;
    const std::size_t alignment = is_large ? kBlockBytes : 64;
    auto* const block = static_cast<std::byte*>(::operator new(size, std::align_val_t(alignment)));
    blocks_.emplace_back(block, Free{alignment});
    if (is_large) madvise(block, size, MADV_HUGEPAGE);  // a wish; refusal is no error
    bytes_ += size;
    free_.reserve(bytes_ / kPieceBytes);  // so that giving back never allocates
    for (std::size_t i = pieces; i-- > 0;) free_.push_back(block + i * kPieceBytes);
  }

  std::vector<std::unique_ptr<std::byte[], Free>> blocks_;
  std::vector<std::byte*> free_;
  std::size_t bytes_ = 0;
};

}  // namespace surgewatch::aggregate
