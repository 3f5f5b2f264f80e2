#include "base/printable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"
#include "support/hostile.h"
#include "support/shown.h"

namespace surgewatch {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

constexpr std::string_view kRightToLeftOverride = "\u202e";

TEST(Printable, LeavesWhatPeopleWriteAsItIs) {
  for (const std::string text :
       {"ACME 42", "Zürich", "株式会社", "שלום", "شركة", "a~b", "…", "😀", "\u00a0"}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_EQ(printable_line(text), text);
  }
}

TEST(Printable, WritesEachKindInItsOwnWay) {
  EXPECT_EQ(printable("a\nb\rc\td"), R"(a\nb\rc\td)");
  EXPECT_EQ(printable(std::string("\0\x07\x1b\x1f\x7f", 5)), R"(\x00\x07\x1b\x1f\x7f)");
  EXPECT_EQ(printable("\u0080\u009b\u009f"), R"(\u0080\u009b\u009f)");
  EXPECT_EQ(printable("\x9b\xff\xc3"), R"(\x9b\xff\xc3)");
  EXPECT_EQ(printable("\u202e\u2066\u2069\u200b\u2028\ufeff\u061c"),
            R"(\u202e\u2066\u2069\u200b\u2028\ufeff\u061c)");
  EXPECT_EQ(printable("\U000e0041\U000e0001\U0001fffe"), R"(\U000e0041\U000e0001\U0001fffe)");
  EXPECT_EQ(printable(R"(\n \ \\)"), R"(\\n \\ \\\\)");
}

TEST(Printable, WritesABrokenSequenceByteByByte) {
  EXPECT_EQ(printable("\xe2\x82"), R"(\xe2\x82)");
  EXPECT_EQ(printable("\xc0\x80"), R"(\xc0\x80)");
  EXPECT_EQ(printable("\xed\xa0\x80"), R"(\xed\xa0\x80)");
  EXPECT_EQ(printable("\xe2\x82\xac\xe2\x82!"), "€\\xe2\\x82!");
}

TEST(Printable, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(printable("abcdefgh", 8), "abcdefgh");
  EXPECT_EQ(printable("abcdefghi", 8), "abcd\\…");
  EXPECT_EQ(printable("abcé5678", 8), "abc\\…");     // é would leave no room for the mark
  EXPECT_EQ(printable("abc\x1b\x1b", 8), "abc\\…");  // nor is an escape halved
  EXPECT_EQ(printable("abcd\x1b", 8), "abcd\\x1b");
  EXPECT_EQ(printable("abcdefgh", 0), "\\…");
  // Nobody can write the mark.
  EXPECT_EQ(printable("abcd\\…", 100), "abcd\\\\…");
  EXPECT_EQ(printable(std::string(5'000, 'x')).size(), kLongestPrintable);
  EXPECT_EQ(printable(std::string(5'000, 'x'), kUncut), std::string(5'000, 'x'));
}

TEST(Printable, HoldsAnIdOfTheUsualLimitHoweverItMustBeWritten) {
  constexpr std::size_t kTextBytes = 256;  // limits.text_bytes
  const std::string worst(kTextBytes, '\x01');
  EXPECT_EQ(printable(worst).size(), 4 * kTextBytes);
  EXPECT_THAT(printable(worst), ::testing::Not(EndsWith("\\…")));
}

TEST(Printable, EscapesWhatMeansSomethingWhereTheValueIsPut) {
  EXPECT_EQ(printable("x;bill_to=SG\n\\", kUncut, ";="), R"(x\x3bbill_to\x3dSG\n\\)");
}

TEST(PrintableWord, QuotesWhatIsNoWord) {
  EXPECT_EQ(printable_word("SG"), "SG");
  EXPECT_EQ(printable_word("acme-42.eu_x/é:1"), "acme-42.eu_x/é:1");
  EXPECT_EQ(printable_word(R"(a\b)"), R"(a\\b)");
  EXPECT_EQ(printable_word(""), "\"\"");
  EXPECT_EQ(printable_word("Blackwell Ultra"), "\"Blackwell Ultra\"");
  EXPECT_EQ(printable_word("SG] 1.0"), "\"SG] 1.0\"");
  EXPECT_EQ(printable_word("a=b"), "\"a=b\"");
  EXPECT_EQ(printable_word("say \"no\""), R"("say \"no\"")");
  EXPECT_EQ(printable_word("\u3000"), "\"\u3000\"");
  EXPECT_EQ(printable_word("\u2800\n"), "\"\u2800\\n\"");
  EXPECT_THAT(printable_word(std::string(100, ' '), 20), EndsWith("\\…\""));
  EXPECT_EQ(printable_word(std::string(100, ' '), 20).size(), 20U);
}

TEST(PrintableLine, LeavesWhatIsEscapedAlready) {
  const std::string value = printable("a\n\\\u202e");
  EXPECT_EQ(printable_line("party " + value), "party " + value);
  EXPECT_EQ(printable_line("party a\n"), R"(party a\n)");
}

// Of the alphabet of the Unicode Standard, what is not to be let through, by name.
TEST(IsHidden, NamesWhatShowsAsNothingOrMovesOthers) {
  for (const char32_t hidden :
       {U'\0',         U'\x1f',       U'\x7f',       U'\u0080',     U'\u009f',     U'\u00ad',
        U'\u034f',     U'\u061c',     U'\u115f',     U'\u180e',     U'\u200b',     U'\u200f',
        U'\u2028',     U'\u2029',     U'\u202a',     U'\u202e',     U'\u2060',     U'\u2064',
        U'\u2065',     U'\u2066',     U'\u2069',     U'\u206f',     U'\u3164',     U'\ufdd0',
        U'\ufdef',     U'\ufe00',     U'\ufe0f',     U'\ufeff',     U'\uffa0',     U'\ufff0',
        U'\ufff9',     U'\ufffb',     U'\ufffe',     U'\uffff',     U'\U000110bd', U'\U0001d173',
        U'\U0001fffe', U'\U000e0000', U'\U000e0001', U'\U000e007f', U'\U000e0100', U'\U000e01ef',
        U'\U000e0fff', U'\U0010ffff'}) {
    EXPECT_TRUE(is_hidden(hidden)) << std::hex << static_cast<std::uint32_t>(hidden);
  }
  for (const char32_t shown :
       {U' ',          U'~',          U'\u00a0',    U'\u00ac', U'\u00ae',     U'\u05d0',
        U'\u061b',     U'\u061d',     U'\u2007',    U'\u200a', U'\u2010',     U'\u2027',
        U'\u202f',     U'\u205f',     U'\u2070',    U'\u3163', U'\ufdcf',     U'\ufdf0',
        U'\ufe10',     U'\uffef',     U'\ufffc',    U'\ufffd', U'\U00010000', U'\U0001f600',
        U'\U000dfffd', U'\U000e1000', U'\U0010fffd'}) {
    EXPECT_FALSE(is_hidden(shown)) << std::hex << static_cast<std::uint32_t>(shown);
  }
}

TEST(Printable, OfEveryHostileTextIsSafeAndTellsItApart) {
  std::set<std::string> seen;
  for (const test::Hostile& hostile : test::hostile_texts()) {
    SCOPED_TRACE(hostile.what);
    for (const std::string& shown :
         {printable(hostile.text), printable_word(hostile.text), printable_line(hostile.text)}) {
      EXPECT_THAT(shown, test::IsSafeToShow());
      EXPECT_LE(shown.size(), kLongestLine);
    }
    EXPECT_TRUE(seen.insert(printable(hostile.text, kUncut)).second);
    EXPECT_EQ(test::unescaped(printable(hostile.text, kUncut)), hostile.text);
    EXPECT_EQ(test::unescaped_word(printable_word(hostile.text, kUncut)), hostile.text);
  }
}

}  // namespace
}  // namespace surgewatch
