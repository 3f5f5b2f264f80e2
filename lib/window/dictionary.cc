#include "window/dictionary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace surgewatch::window {
namespace {

constexpr std::size_t words_for(std::size_t bytes) { return (bytes + 7) / 8; }

}  // namespace

std::uint64_t Dictionary::hash_of(std::string_view text) const {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed_);
}

ValueId Dictionary::find(std::string_view text) const {
  static_assert(kNoValue == HashIndex::kNone);
  return index_.find(hash_of(text), [&](ValueId id) { return this->text(id) == text; });
}

ValueId Dictionary::intern(std::string_view text) {
  ValueId id = find(text);
  if (id == kNoValue) id = make(text);
  texts_[id].uses = kPinned;
  return id;
}

ValueId Dictionary::use(ValueId id, std::string_view text) {
  if (id == kNoValue) id = find(text);
  if (id == kNoValue) id = make(text);
  Text& it = texts_[id];
  if (it.uses != kPinned) ++it.uses;
  return id;
}

void Dictionary::release(ValueId id, std::uint32_t epoch) {
  Text& it = texts_[id];
  if (it.uses == kPinned || --it.uses > 0) return;
  index_.erase(hash_of(text(id)), id);
  it.uses = epoch;
  it.next = kNoValue;
  if (waiting_first_ == kNoValue) {
    waiting_first_ = id;
  } else {
    texts_[waiting_last_].next = id;
  }
  waiting_last_ = id;
}

void Dictionary::reclaim(std::uint32_t epoch) {
  // At most as many as one key brings, and a few more, so that those waiting become fewer.
  for (int i = 0; i < 8 && waiting_first_ != kNoValue; ++i) {
    const ValueId id = waiting_first_;
    Text& it = texts_[id];
    if (it.uses > epoch) return;
    waiting_first_ = it.next;
    it.next = free_[it.size_class];
    free_[it.size_class] = id;
  }
}

ValueId Dictionary::make(std::string_view text) {
  const std::size_t words = std::max<std::size_t>(1, words_for(text.size()));
  const auto size_class = static_cast<std::uint8_t>(std::bit_width(words - 1));
  SW_CHECK(size_class < free_.size());
  ValueId id = free_[size_class];
  if (id != kNoValue) {
    free_[size_class] = texts_[id].next;
  } else {
    id = texts_.append();
    texts_[id].words = allocate(std::size_t{1} << size_class);
    texts_[id].size_class = size_class;
  }
  Text& it = texts_[id];
  for (std::size_t i = 0; i < words_for(text.size()); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i * 8, std::min<std::size_t>(8, text.size() - i * 8));
    it.words[i].store(word, std::memory_order_release);
  }
  it.size.store(static_cast<std::uint32_t>(text.size()), std::memory_order_release);
  it.uses = 0;
  index_.insert(hash_of(text), id);
  return id;
}

std::string Dictionary::copy(ValueId id) const {
  const Text& it = texts_[id];
  const std::size_t size = it.size.load(std::memory_order_acquire);
  std::string text(size, '\0');
  for (std::size_t i = 0; i < words_for(size); ++i) {
    const std::uint64_t word = it.words[i].load(std::memory_order_acquire);
    std::memcpy(text.data() + i * 8, &word, std::min<std::size_t>(8, size - i * 8));
  }
  return text;
}

// Texts share arenas, unless they are long.
Dictionary::Word* Dictionary::allocate(std::size_t words) {
  if (words > kArenaWords / 8) {
    arena_bytes_ += words * sizeof(Word);
    // The arena in use stays the last.
    const auto place = arenas_.empty() ? arenas_.end() : arenas_.end() - 1;
    return arenas_.insert(place, std::make_unique<Word[]>(words))->get();
  }
  if (arena_used_ + words > kArenaWords) {
    arenas_.push_back(std::make_unique<Word[]>(kArenaWords));
    arena_bytes_ += kArenaWords * sizeof(Word);
    arena_used_ = 0;
  }
  Word* result = arenas_.back().get() + arena_used_;
  arena_used_ += words;
  return result;
}

}  // namespace surgewatch::window
