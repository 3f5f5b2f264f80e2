// A fuzzer's input as choices, taken from its front: a change of one byte changes one choice, and a
// seed can be written by hand. Behind its end every choice is the lowest that there is.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace surgewatch::fuzz {

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  // Little-endian, of as many bytes.
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value |= std::uint64_t{static_cast<std::uint8_t>(i < rest_.size() ? rest_[i] : 0)} << (8 * i);
    }
    rest_.remove_prefix(std::min(bytes, rest_.size()));
    return value;
  }
  // Both ends belong to it. Takes as many bytes as there are to choose by.
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    const std::uint64_t span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    std::size_t bytes = 1;
    while (bytes < 8 && span >> (8 * bytes) != 0) ++bytes;
    const std::uint64_t drawn = number(bytes);
    const std::uint64_t chosen = span == UINT64_MAX ? drawn : drawn % (span + 1);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + chosen);
  }
  template <typename T, std::size_t N>
  const T& one_of(const std::array<T, N>& from) {
    return from[static_cast<std::size_t>(pick(0, N - 1))];
  }
  // A length of one byte, then as many bytes.
  std::string text() {
    const std::size_t size = std::min<std::size_t>(number(1), rest_.size());
    std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return taken;
  }

 private:
  std::string_view rest_;
};

}  // namespace surgewatch::fuzz
