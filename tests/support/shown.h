// What a test asks of text that is shown to people (base/printable.h), with a reader of its own:
// nothing here uses what it judges but for the list of hidden characters.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "base/printable.h"
#include "base/utf8.h"

namespace surgewatch::test {

inline std::string utf8_of(char32_t character) {
  const auto number = static_cast<std::uint32_t>(character);
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80U | ((number >> shift) & 0x3FU));
  };
  const auto head = [&](unsigned mark, unsigned shift) {
    return static_cast<char>(mark | (number >> shift));
  };
  if (number < 0x80) return {static_cast<char>(number)};
  if (number < 0x800) return {head(0xC0, 6), tail(0)};
  if (number < 0x10000) return {head(0xE0, 12), tail(6), tail(0)};
  return {head(0xF0, 18), tail(12), tail(6), tail(0)};
}

// The first character that must not be shown, or byte that is no UTF-8.
inline std::optional<std::string> first_unsafe(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return "a byte that is no UTF-8";
    char32_t character = static_cast<unsigned char>(text[0]);
    if (length > 1) character &= 0x7FU >> length;
    for (const char byte : text.substr(1, length - 1)) {
      character = character * 64 + (static_cast<unsigned char>(byte) - 0x80U);
    }
    if (is_hidden(character)) {
      return fmt::format("U+{:04X}", static_cast<std::uint32_t>(character));
    }
    text.remove_prefix(length);
  }
  return std::nullopt;
}

MATCHER(IsSafeToShow, "is one line of characters that show, in UTF-8") {
  const auto unsafe = first_unsafe(arg);
  if (unsafe) *result_listener << "it holds " << *unsafe;
  return !unsafe;
}

// What printable() was given, of what it did not cut.
inline std::string unescaped(std::string_view shown) {
  std::string text;
  while (!shown.empty()) {
    const char first = shown.front();
    const char kind = first == '\\' && shown.size() > 1 ? shown[1] : '\0';
    const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    std::uint32_t number = 0;
    std::from_chars(shown.data() + 2, shown.data() + 2 + digits, number, 16);
    if (first != '\\') {
      text += first;
    } else if (kind == 'x') {
      text += static_cast<char>(number);
    } else if (digits > 0) {
      text += utf8_of(number);
    } else {
      text += kind == 'n' ? '\n' : kind == 'r' ? '\r' : kind == 't' ? '\t' : kind;
    }
    shown.remove_prefix(first == '\\' ? 2 + digits : 1);
  }
  return text;
}

// The same of printable_word().
inline std::string unescaped_word(std::string_view shown) {
  return unescaped(shown.starts_with('"') ? shown.substr(1, shown.size() - 2) : shown);
}

}  // namespace surgewatch::test
