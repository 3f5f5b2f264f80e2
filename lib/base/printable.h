// Text that others wrote, as it is shown to people: in a log, on a terminal, in the words of an
// alert, in a cell of a table. It can't begin a line, move the cursor, change a colour, turn the
// order of what is beside it, or hide.
//
//   written as             what it stands for
//   \n  \r  \t             U+000A, U+000D, U+0009
//   \x00 … \x1f, \x7f      the other control characters of ASCII
//   \x80 … \xff            a byte that is no part of well-formed UTF-8
//   \u0080 … \uffff        a character that is_hidden() names, of up to U+FFFF
//   \U00010000 …           one beyond
//   \\                     a backslash
//   \…                     the end of what is shown of a longer text
//
// Everything else stays as it is, letters of every script among it; digits are lower case. What is
// machine-read (protobuf, JSON, labels of metrics) carries the text itself.
//
// Invariants: what comes out is well-formed UTF-8 of at most `max_bytes` (or 4, and 6 of a word, if
// that is less), without a character that is_hidden() names. Of values, two give the same only if
// both are cut, between characters, behind a beginning that they share. Cost: linear in what is
// shown. Source: RFC 3629; The Unicode Standard 15.0 and its annexes 9 (bidi) and 44 (properties);
// Unicode Technical Report 36, "Unicode security considerations".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace surgewatch {

// Holds a text of `limits.text_bytes`' default, however it must be written.
inline constexpr std::size_t kLongestPrintable = 1'024;
inline constexpr std::size_t kLongestLine = 4'000;
inline constexpr std::size_t kUncut = SIZE_MAX;

// A character that shows as nothing, ends a line, or changes how others show: general categories
// Cc (controls), Cf (format: bidi marks, embeddings, overrides and isolates, zero-width ones,
// tags), Zl and Zp (line and paragraph separator), and what has the property
// Default_Ignorable_Code_Point (fillers, joiners, variation selectors) or Noncharacter_Code_Point.
bool is_hidden(char32_t character);

// A value. `also`: characters of ASCII that are written as \xHH too, because they mean something
// where the value is put; neither letters nor digits.
std::string printable(std::string_view text, std::size_t max_bytes = kLongestPrintable,
                      std::string_view also = {});

// The same for a value among words: in double quotes, with \" for its own, unless it is a word by
// itself, without a blank and without any of `"'=,;()[]{}`.
std::string printable_word(std::string_view text, std::size_t max_bytes = kLongestPrintable);

// A line that was put together, values in it by the above: backslashes stay. The last look at what
// goes out, and no more than that, since a value's own backslash can't be told from an escape.
std::string printable_line(std::string_view line, std::size_t max_bytes = kLongestLine);

}  // namespace surgewatch
