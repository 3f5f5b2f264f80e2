// Whatever is written, what is shown of it is safe, bounded, and the only thing that gives it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/printable.h"
#include "support/hostile.h"
#include "support/shown.h"

namespace surgewatch {
namespace {

constexpr int kTexts = 20'000;
constexpr char32_t kCharacters = 0x110000;
constexpr std::string_view kMark = "\\…";

bool is_surrogate(char32_t character) { return character >= 0xD800 && character <= 0xDFFF; }

// Texts of pieces that mean something to those who show them, and of anything.
class Texts {
 public:
  Texts() {
    for (const test::Hostile& hostile : test::hostile_texts()) {
      pieces_.push_back(hostile.text.substr(0, 40));  // mostly no UTF-8 any more where it cuts
    }
    for (const char* piece : {"\\", "\\n", "\\x", "\\u202e", "\\…", "…", "\"", "a", " ", "é"}) {
      pieces_.emplace_back(piece);
    }
  }

  std::string next() {
    std::string text;
    for (std::size_t left = below(8); left > 0; --left) text += piece();
    return text;
  }

 private:
  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  std::string piece() {
    switch (below(4)) {
      case 0:
        return {static_cast<char>(below(256))};
      case 1:
        return test::utf8_of(static_cast<char32_t>(below(0xD800)));
      case 2:
        return test::utf8_of(static_cast<char32_t>(0xE000 + below(kCharacters - 0xE000)));
      default:
        return pieces_[below(pieces_.size())];
    }
  }

  std::mt19937_64 random_{1};
  std::vector<std::string> pieces_;
};

TEST(PrintableProperty, IsSafeAndCanBeReadBack) {
  Texts texts;
  for (int i = 0; i < kTexts; ++i) {
    const std::string text = texts.next();
    const std::string shown = printable(text, kUncut);
    ASSERT_THAT(shown, test::IsSafeToShow());
    ASSERT_EQ(test::unescaped(shown), text);
    const std::string word = printable_word(text, kUncut);
    ASSERT_THAT(word, test::IsSafeToShow());
    ASSERT_EQ(test::unescaped_word(word), text);
    const std::string with_more = printable(text, kUncut, ";=");
    ASSERT_EQ(with_more.find_first_of(";="), std::string::npos);
    ASSERT_EQ(test::unescaped(with_more), text);
  }
}

TEST(PrintableProperty, IsCutToAnyLengthBetweenCharactersAndSaysSo) {
  Texts texts;
  for (int i = 0; i < kTexts; ++i) {
    const std::string text = texts.next();
    const std::string whole = printable(text, kUncut);
    const std::size_t limit = static_cast<std::size_t>(i) % 64;
    const std::string shown = printable(text, limit);
    ASSERT_THAT(shown, test::IsSafeToShow());
    ASSERT_LE(shown.size(), std::max(limit, kMark.size()));
    if (shown == whole) continue;
    ASSERT_GT(whole.size(), limit);
    ASSERT_TRUE(shown.ends_with(kMark));
    const std::string_view kept = std::string_view(shown).substr(0, shown.size() - kMark.size());
    ASSERT_TRUE(whole.starts_with(kept));
    // Of whole characters and escapes: it is what a beginning of the text gives.
    const std::string beginning = test::unescaped(kept);
    ASSERT_TRUE(text.starts_with(beginning));
    ASSERT_EQ(printable(beginning, kUncut), kept);
    ASSERT_LE(printable_word(text, limit).size(), std::max<std::size_t>(limit, kMark.size() + 2));
  }
}

TEST(PrintableProperty, LinesOfWhatIsPrintableStayAsTheyAre) {
  Texts texts;
  for (int i = 0; i < kTexts; ++i) {
    const std::string text = texts.next();
    ASSERT_THAT(printable_line(text), test::IsSafeToShow());
    const std::string line = "[" + printable_word(text) + "] " + printable(text);
    ASSERT_EQ(printable_line(line, kUncut), line);
  }
}

TEST(PrintableProperty, EveryCharacterIsEitherShownOrEscaped) {
  for (char32_t character = 0; character < kCharacters; ++character) {
    if (is_surrogate(character)) continue;
    const std::string text = test::utf8_of(character);
    const std::string shown = printable(text);
    ASSERT_EQ(shown == text, !is_hidden(character) && character != U'\\') << shown;
    ASSERT_EQ(test::unescaped(shown), text);
  }
}

}  // namespace
}  // namespace surgewatch
