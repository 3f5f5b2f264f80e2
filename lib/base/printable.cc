#include "base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"

namespace surgewatch {
namespace {

constexpr std::string_view kCut = "\\…";

// From U+0080 on, without the two noncharacters that end each plane. First and last of each range.
constexpr std::array<std::pair<char32_t, char32_t>, 27> kHidden{{
    {0x0080, 0x009F},    // C1: controls of 8 bits, such as CSI
    {0x00AD, 0x00AD},    // soft hyphen
    {0x034F, 0x034F},    // combining grapheme joiner
    {0x0600, 0x0605},    // Arabic number signs
    {0x061C, 0x061C},    // Arabic letter mark
    {0x06DD, 0x06DD},    // Arabic end of ayah
    {0x070F, 0x070F},    // Syriac abbreviation mark
    {0x0890, 0x0891},    // Arabic pound and piastre marks
    {0x08E2, 0x08E2},    // Arabic disputed end of ayah
    {0x115F, 0x1160},    // Hangul fillers
    {0x17B4, 0x17B5},    // Khmer inherent vowels
    {0x180B, 0x180F},    // Mongolian variation selectors and vowel separator
    {0x200B, 0x200F},    // zero-width space, joiners, left-to-right and right-to-left marks
    {0x2028, 0x202E},    // line and paragraph separators, embeddings, overrides
    {0x2060, 0x206F},    // word joiner, invisible operators, isolates, deprecated format characters
    {0x3164, 0x3164},    // Hangul filler
    {0xFDD0, 0xFDEF},    // noncharacters
    {0xFE00, 0xFE0F},    // variation selectors
    {0xFEFF, 0xFEFF},    // byte order mark
    {0xFFA0, 0xFFA0},    // half-width Hangul filler
    {0xFFF0, 0xFFFB},    // unassigned ones to be ignored, interlinear annotation
    {0x110BD, 0x110BD},  // Kaithi number sign
    {0x110CD, 0x110CD},  // Kaithi number sign above
    {0x13430, 0x1343F},  // Egyptian hieroglyph format controls
    {0x1BCA0, 0x1BCA3},  // shorthand format controls
    {0x1D173, 0x1D17A},  // musical format controls
    {0xE0000, 0xE0FFF},  // tags, variation selectors
}};

std::string escape_of_byte(char byte) {
  switch (byte) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  }
}

std::string escape_of(char32_t character) {
  const auto number = static_cast<std::uint32_t>(character);
  return number < 0x10000 ? fmt::format("\\u{:04x}", number) : fmt::format("\\U{:08x}", number);
}

// Text of a bounded length. Takes whole pieces, so that no character and no escape is cut.
class Bounded {
 public:
  explicit Bounded(std::size_t max_bytes) : max_(std::max(max_bytes, kCut.size())) {}

  // False: there is no room, and the mark that says so ends the text.
  bool add(std::string_view piece) {
    if (piece.size() > max_ - text_.size()) {
      text_.resize(before_mark_);
      text_ += kCut;
      return false;
    }
    text_ += piece;
    if (max_ - text_.size() >= kCut.size()) before_mark_ = text_.size();
    return true;
  }
  std::string take() && { return std::move(text_); }

 private:
  const std::size_t max_;
  std::string text_;
  std::size_t before_mark_ = 0;  // how much of it stays if the mark must follow
};

struct Escaping {
  std::size_t max_bytes;
  std::string_view also = {};   // as \xHH
  std::string_view after = {};  // with a backslash before
};

std::string escaped(std::string_view text, const Escaping& how) {
  Bounded out(how.max_bytes);
  const auto holds = [](std::string_view set, char c) { return set.find(c) != set.npos; };
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    const char first = text.front();
    bool fits = true;
    if (length == 0 ||
        (length == 1 && (is_hidden(static_cast<unsigned char>(first)) || holds(how.also, first)))) {
      fits = out.add(escape_of_byte(first));
    } else if (length == 1 && holds(how.after, first)) {
      fits = out.add(std::string{'\\', first});
    } else if (length > 1 && is_hidden(utf8_character(sequence))) {
      fits = out.add(escape_of(utf8_character(sequence)));
    } else {
      fits = out.add(sequence);
    }
    if (!fits) break;
    text.remove_prefix(sequence.size());
  }
  return std::move(out).take();
}

// Blanks that are shown as such: Zs, and the pattern of Braille without a dot.
bool is_blank(char32_t character) {
  return character == 0x20 || character == 0xA0 || character == 0x1680 ||
         (character >= 0x2000 && character <= 0x200A) || character == 0x202F ||
         character == 0x205F || character == 0x2800 || character == 0x3000;
}

bool is_word(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
    if (length > 1 && is_blank(utf8_character(text.substr(0, length)))) return false;
    if (length == 1 && std::string_view(" \"'=,;()[]{}").find(text.front()) != text.npos) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

bool is_hidden(char32_t character) {
  if (character < 0x80) return character < 0x20 || character == 0x7F;
  if ((character & 0xFFFEU) == 0xFFFE) return true;
  const auto* const next =
      std::ranges::upper_bound(kHidden, character, {}, &std::pair<char32_t, char32_t>::first);
  return next != kHidden.begin() && character <= std::prev(next)->second;
}

std::string printable(std::string_view text, std::size_t max_bytes, std::string_view also) {
  return escaped(text, {.max_bytes = max_bytes, .also = also, .after = "\\"});
}

std::string printable_word(std::string_view text, std::size_t max_bytes) {
  if (is_word(text)) return printable(text, max_bytes);
  const std::size_t room = max_bytes - std::min<std::size_t>(max_bytes, 2);
  return fmt::format("\"{}\"", escaped(text, {.max_bytes = room, .after = "\\\""}));
}

std::string printable_line(std::string_view line, std::size_t max_bytes) {
  return escaped(line, {.max_bytes = max_bytes});
}

}  // namespace surgewatch
