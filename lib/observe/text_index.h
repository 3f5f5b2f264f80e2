// Texts that are all known from the start, as numbers: SKUs and currencies of the tables.
//
// Threads: immutable after construction.
// Cost: one probe of a table at a load of at most 1/4. A text of up to 16 bytes is two words,
// which are its hash's input and what is compared; a longer one is compared in full as well.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace surgewatch::observe {

class TextIndex {
 public:
  // Text i gets number i; they differ.
  explicit TextIndex(std::span<const std::string_view> texts)
      : entries_(std::bit_ceil(texts.size() * 4 + 1)), mask_(entries_.size() - 1) {
    for (std::uint32_t i = 0; i < texts.size(); ++i) {
      Entry entry{.words = words_of(texts[i]), .text = std::string(texts[i]), .number = i};
      std::size_t at = hash(entry.words) & mask_;
      while (entries_[at].number != kNone) at = (at + 1) & mask_;
      entries_[at] = std::move(entry);
    }
  }

  std::optional<std::uint32_t> find(std::string_view text) const {
    const Words words = words_of(text);
    for (std::size_t at = hash(words) & mask_;; at = (at + 1) & mask_) {
      const Entry& entry = entries_.data()[at];  // within the mask
      if (entry.number == kNone) return std::nullopt;
      if (entry.words == words && (text.size() <= 16 || entry.text == text)) return entry.number;
    }
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // The first and the last eight bytes, which overlap in a text of less than 16.
  struct Words {
    std::uint64_t first = 0, last = 0, size = 0;
    friend bool operator==(const Words&, const Words&) = default;
  };
  struct Entry {
    Words words;
    std::string text;
    std::uint32_t number = kNone;
  };

  static Words words_of(std::string_view text) {
    const std::size_t size = text.size();
    Words words{.size = size};
    if (size >= 8) {
      std::memcpy(&words.first, text.data(), 8);
      std::memcpy(&words.last, text.data() + size - 8, 8);
    } else if (size >= 4) {
      std::memcpy(&words.first, text.data(), 4);
      std::memcpy(&words.last, text.data() + size - 4, 4);
    } else if (size > 0) {
      words.first = static_cast<unsigned char>(text[0]) |
                    static_cast<std::uint64_t>(static_cast<unsigned char>(text[size / 2])) << 8 |
                    static_cast<std::uint64_t>(static_cast<unsigned char>(text[size - 1])) << 16;
    }
    return words;
  }

  // Odd multipliers with bits all over (the golden ratio's, and that of MurmurHash3's finalizer).
  static std::size_t hash(const Words& words) {
    const std::uint64_t mixed =
        (words.first ^ std::rotl(words.last * 0x9e3779b97f4a7c15u, 32) ^ words.size) *
        0xff51afd7ed558ccdu;
    return static_cast<std::size_t>(mixed >> 32);
  }

  std::vector<Entry> entries_;  // a power of two
  std::size_t mask_;
};

}  // namespace surgewatch::observe
