// Texts as numbers: what keys are made of, so that none is copied or compared on the hot path.
//
// Threads: one writer calls everything but text() and copy(). text() is for a thread that knows the
// number to be in use until it is done (the flusher: see Keys); copy() is for any thread,
// wait-free.
// Invariants
//   - A number has its text as long as somebody uses it: uses are counted, pins are for ever.
//   - A number and its memory stay together, and memory is never freed: a number that is out of use
//     gets another text of the same size class. So a late copy() reads some text, torn perhaps, and
//     whoever asked finds that the key has gone.
// Memory orders: size and words of a text are stored with release and loaded with acquire: a reader
// that sees any of a later text's sees what its writer did before, the leaving of the key above
// all.
// Cost: a look-up is one probe and one comparison; memory is that of the most texts there ever were
// at once, by size class (powers of two), and about 40 bytes for each.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "window/chunked_array.h"
#include "window/hash_table.h"

namespace surgewatch::window {

using ValueId = std::uint32_t;
// The number that no text has.
inline constexpr ValueId kNoValue = UINT32_MAX;

class Dictionary {
 public:
  // The seed is for the hash of texts: where others choose these, one that they can't guess.
  explicit Dictionary(std::uint64_t seed = 0) : seed_(seed) { free_.fill(kNoValue); }

  // kNoValue for a text that is not there. Good until somebody releases it.
  ValueId find(std::string_view text) const;
  // Pins it: its number is for ever.
  ValueId intern(std::string_view text);

  // One more use. `text` must be the number's; kNoValue: it is to get a number.
  ValueId use(ValueId id, std::string_view text);
  // One use fewer. After the last the text has no number any more, and the number waits until
  // reclaim() is called with this epoch or a later one: then no reader can want its text.
  void release(ValueId id, std::uint32_t epoch);
  void reclaim(std::uint32_t epoch);

  std::string_view text(ValueId id) const {
    const Text& it = texts_[id];
    return {reinterpret_cast<const char*>(it.words), it.size.load(std::memory_order_relaxed)};
  }
  std::string copy(ValueId id) const;

  std::uint32_t size() const { return texts_.size(); }  // numbers there are, in use or not
  std::size_t in_use() const { return index_.size(); }  // writer
  // Of a text that long, at the most.
  static constexpr std::size_t bytes_per_text(std::size_t size) {
    return std::bit_ceil(std::max<std::size_t>((size + 7) / 8, 1)) * sizeof(Word) + sizeof(Text) +
           HashIndex::bytes_per_entry(HashIndex::Load::kDense);
  }
  std::size_t bytes() const { return arena_bytes_ + index_.bytes() + texts_.size() * sizeof(Text); }

 private:
  using Word = std::atomic<std::uint64_t>;
  struct Text {
    Word* words = nullptr;
    std::atomic<std::uint32_t> size{0};
    // The writer's.
    std::uint32_t uses = 0;         // or the epoch, of one that waits
    std::uint32_t next = kNoValue;  // waiting or free
    std::uint8_t size_class = 0;    // room for 2^size_class words
  };
  static constexpr std::uint32_t kPinned = UINT32_MAX;
  static constexpr std::size_t kArenaWords = 8'192;

  std::uint64_t hash_of(std::string_view text) const;
  ValueId make(std::string_view text);
  Word* allocate(std::size_t words);

  ChunkedArray<Text> texts_;
  // The writer's.
  HashIndex index_;
  ValueId waiting_first_ = kNoValue, waiting_last_ = kNoValue;
  const std::uint64_t seed_;
  std::array<ValueId, 32> free_;  // by size class
  std::vector<std::unique_ptr<Word[]>> arenas_;
  std::size_t arena_used_ = kArenaWords;
  std::size_t arena_bytes_ = 0;
};

}  // namespace surgewatch::window
