// The keys of one series, numbered, with their texts held once. A number is free again once nothing
// is left of its key, so that memory follows the keys that hold something.
//
// Beyond the limit a key counts as `other` in each dimension (counts_as), as it does in the
// aggregator: it is then known only as long as its sources' parts are.
//
// Threads: one. Cost: a key takes 45 bytes and its texts with 4 bytes each; intern() is a hash
// look-up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/at_most.h"
#include "base/saturating.h"

namespace surgewatch::journal {

using KeyId = std::uint32_t;

class KeyTable {
 public:
  // `limit`: keys that may count as themselves, `other` aside.
  KeyTable(std::size_t dimensions, std::size_t limit);
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;

  // `Key` is a range of texts, one for each dimension.
  template <typename Key>
  KeyId intern(const Key& key) {
    encode(key, &bytes_);
    return intern_bytes();
  }

  // The key whose sums this one's go to: itself, or `other`.
  KeyId counts_as(KeyId id) const { return entries_[id].counts_as; }
  std::vector<std::string> values(KeyId id) const;
  // One of them; good until a key is interned or let go.
  std::string_view value(KeyId id, std::size_t position) const;
  // What refers to the key. One to which nothing does may go.
  void refer(KeyId id) { ++entries_[id].references; }
  void unrefer(KeyId id) {
    if (--entries_[id].references == 0) idle_.push_back(id);
  }
  // Calls `visitor(id)` for each key to which nothing refers, and lets it go.
  template <typename Visitor>
  void release(Visitor&& visitor) {
    // Letting go of a key can make `other` one of them.
    for (std::size_t i = 0; i < idle_.size(); ++i) {
      const KeyId id = idle_[i];
      if (!entries_[id].is_used || entries_[id].references > 0) continue;
      visitor(id);
      let_go(id);
    }
    idle_.clear();
  }

  // Bytes of so many keys at the most; `texts` of the values of each, which are `dimensions`.
  static Saturating at_most(Saturating keys, std::size_t dimensions, std::size_t texts) {
    const Saturating encoded = dimensions * sizeof(std::uint32_t) + texts;
    return at_most::deque(keys, sizeof(Entry)) + keys * at_most::text(encoded) +
           at_most::flat_hash(keys, sizeof(KeyId)) + at_most::vector(keys, sizeof(KeyId)) * 2;
  }

  // Numbers are below it.
  std::size_t end() const { return entries_.size(); }
  std::size_t over_limit() const { return over_limit_; }

 private:
  struct Entry {
    std::string bytes;  // each value with its length before it: values may hold any bytes
    KeyId counts_as = 0;
    std::uint32_t references = 0;
    bool is_used = false;
  };
  struct Hash {
    using is_transparent = void;
    const std::deque<Entry>* entries;
    std::size_t operator()(std::string_view bytes) const;
    std::size_t operator()(KeyId id) const { return (*this)((*entries)[id].bytes); }
  };
  struct Equal {
    using is_transparent = void;
    const std::deque<Entry>* entries;
    std::string_view text(KeyId id) const { return (*entries)[id].bytes; }
    static std::string_view text(std::string_view bytes) { return bytes; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return text(a) == text(b);
    }
  };

  template <typename Key>
  static void encode(const Key& key, std::string* bytes) {
    bytes->clear();
    for (const std::string& value : key) {
      const auto size = static_cast<std::uint32_t>(value.size());
      bytes->append(reinterpret_cast<const char*>(&size), sizeof size);
      bytes->append(value);
    }
  }
  KeyId intern_bytes();
  KeyId add(const std::string& bytes);
  void let_go(KeyId id);

  const std::size_t limit_;
  std::deque<Entry> entries_;
  std::vector<KeyId> free_;
  std::vector<KeyId> idle_;  // nothing referred to them when they were put here
  absl::flat_hash_set<KeyId, Hash, Equal> ids_;
  std::string other_bytes_;
  std::size_t counted_ = 0;  // keys that count as themselves, without `other`
  std::size_t over_limit_ = 0;
  std::string bytes_;  // reused
};

}  // namespace surgewatch::journal
