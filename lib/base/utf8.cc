#include "base/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace surgewatch {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080u;

bool between(unsigned char byte, unsigned char low, unsigned char high) {
  return low <= byte && byte <= high;
}

// Length of the well-formed sequence that starts at text[0], a byte above 0x7f; 0 if there is none.
std::size_t sequence_length(const unsigned char* text, std::size_t size) {
  const unsigned char lead = text[0];
  std::size_t length = 0;
  unsigned char low = 0x80, high = 0xbf;  // of the second byte
  if (between(lead, 0xc2, 0xdf)) {
    length = 2;
  } else if (between(lead, 0xe0, 0xef)) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;   // shorter forms exist
    if (lead == 0xed) high = 0x9f;  // surrogates
  } else if (between(lead, 0xf0, 0xf4)) {
    length = 4;
    if (lead == 0xf0) low = 0x90;   // shorter forms exist
    if (lead == 0xf4) high = 0x8f;  // above U+10FFFF
  } else {
    return 0;
  }
  if (size < length || !between(text[1], low, high)) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!between(text[i], 0x80, 0xbf)) return 0;
  }
  return length;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  return *at < 0x80 ? 1 : sequence_length(at, text.size());
}

char32_t utf8_character(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first;
  char32_t character = first & (0x7FU >> sequence.size());
  for (const char byte : sequence.substr(1)) {
    character = character << 6U | (static_cast<unsigned char>(byte) & 0x3FU);
  }
  return character;
}

bool is_utf8_beyond_ascii(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t left = text.size();
  while (left > 0) {
    if (left >= sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      if ((word & kHighBits) == 0) {
        at += sizeof word;
        left -= sizeof word;
        continue;
      }
    }
    const std::size_t length = *at < 0x80 ? 1 : sequence_length(at, left);
    if (length == 0) return false;
    at += length;
    left -= length;
  }
  return true;
}

}  // namespace surgewatch
