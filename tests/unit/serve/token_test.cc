#include "serve/token.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace surgewatch::serve {
namespace {

TEST(ResumeToken, ComesBackAsItWas) {
  for (const std::int64_t offset : {std::int64_t{0}, std::int64_t{1}, INT64_MAX}) {
    const ResumeToken token{
        .next_offset = offset, .identity = UINT64_MAX - 7, .issued_at = 1'700'000'000};
    const auto parsed = parse_resume_token(make_token(token));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, token);
  }
}

TEST(ResumeToken, IsSafeInAQueryAndAHeader) {
  for (std::int64_t offset = 0; offset < 2'000; ++offset) {
    const std::string text =
        make_token(ResumeToken{.next_offset = offset, .issued_at = offset * 7});
    EXPECT_EQ(
        text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        std::string::npos)
        << text;
  }
}

TEST(ResumeToken, AnyChangedCharacterIsFound) {
  const std::string text = make_token(ResumeToken{.next_offset = 42, .issued_at = 1'700'000'000});
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(parse_resume_token(changed).ok()) << i;
    EXPECT_FALSE(parse_resume_token(text.substr(0, i)).ok()) << i;
  }
  EXPECT_FALSE(parse_resume_token(text + "A").ok());
  EXPECT_FALSE(parse_resume_token(text + "=").ok());
  EXPECT_FALSE(parse_resume_token(" " + text).ok());
}

TEST(ResumeToken, OthersAreInvalid) {
  EXPECT_TRUE(absl::IsInvalidArgument(parse_resume_token("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(parse_resume_token("17").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(parse_resume_token(std::string(100'000, 'A')).status()));
  EXPECT_FALSE(parse_resume_token(make_token(ResumeToken{.next_offset = -1})).ok());
  EXPECT_FALSE(parse_resume_token(make_token(PageToken{})).ok());
}

// Well sealed, as anybody can who reads how.
TEST(ForgedTokens, OutsideOfWhatCanBeComputedWithAreInvalid) {
  for (const std::int64_t time : {INT64_MIN, std::int64_t{-1}, kMaxTime, INT64_MAX}) {
    const ResumeToken resume{.next_offset = 1, .issued_at = time};
    EXPECT_TRUE(absl::IsInvalidArgument(parse_resume_token(make_token(resume)).status())) << time;
    const PageToken page{.resume = resume, .onset = 0, .alert_id = "a"};
    EXPECT_TRUE(absl::IsInvalidArgument(parse_page_token(make_token(page)).status())) << time;
  }
  for (const std::int64_t offset : {INT64_MIN, std::int64_t{-1}}) {
    const PageToken page{.resume = {.next_offset = offset}, .onset = 0, .alert_id = "a"};
    EXPECT_TRUE(absl::IsInvalidArgument(parse_page_token(make_token(page)).status())) << offset;
  }
  for (const Micros onset : {INT64_MIN, kMinTime - 1, kMaxTime + 1, INT64_MAX}) {
    const PageToken page{.resume = {.next_offset = 1}, .onset = onset, .alert_id = "a"};
    EXPECT_TRUE(absl::IsInvalidArgument(parse_page_token(make_token(page)).status())) << onset;
  }
  for (const Micros onset : {kMinTime, kMaxTime}) {
    const PageToken page{.resume = {.next_offset = INT64_MAX}, .onset = onset, .alert_id = "a"};
    EXPECT_TRUE(parse_page_token(make_token(page)).ok()) << onset;
  }
}

TEST(PageToken, ComesBackAsItWas) {
  for (const char* id : {"a", "", "with:colons::", "\xc3\xa9"}) {
    const PageToken token{.resume = {.next_offset = 3, .identity = 0xab, .issued_at = 5},
                          .onset = -7'000'001,
                          .alert_id = id};
    const auto parsed = parse_page_token(make_token(token));
    ASSERT_TRUE(parsed.ok()) << id;
    EXPECT_EQ(*parsed, token);
  }
}

TEST(PageToken, OthersAreInvalid) {
  EXPECT_FALSE(parse_page_token("").ok());
  EXPECT_FALSE(parse_page_token(make_token(ResumeToken{})).ok());
  const std::string text = make_token(PageToken{.alert_id = "a"});
  EXPECT_FALSE(parse_page_token(text.substr(1)).ok());
}

// Written by the gateway before tokens said which topic they are of; what their offsets mean is not
// known any more.
TEST(EarlierForm, IsTooOldAndNeverMisread) {
  const auto resume = parse_resume_token("cjE6NDI6MTcwMDAwMDAwMDpjMWNkOGU1ZQ");
  EXPECT_TRUE(absl::IsOutOfRange(resume.status())) << resume.status();
  const auto page = parse_page_token("cDE6NDI6MTcwMDAwMDAwMDo3MDAwMDAwOmFsLTE6N2E2ZDIwN2M");
  EXPECT_TRUE(absl::IsOutOfRange(page.status())) << page.status();
  // One that was cut is none.
  EXPECT_TRUE(
      absl::IsInvalidArgument(parse_resume_token("cjE6NDI6MTcwMDAwMDAwMDpjMWNkO").status()));
}

TEST(Usable, OnlyInTheTopicThatItIsOfAndForSevenDays) {
  constexpr std::int64_t kNow = 1'700'000'000;
  const ResumeToken token{.next_offset = 3, .identity = 0xa, .issued_at = kNow};
  EXPECT_TRUE(usable(token, 0xa, kNow).ok());
  EXPECT_TRUE(absl::IsOutOfRange(usable(token, 0xb, kNow)));
  EXPECT_TRUE(absl::IsOutOfRange(usable(token, 0, kNow))) << "that topic is empty, so it is new";
  EXPECT_TRUE(usable(token, 0xa, kNow + kTokenLifeSeconds).ok());
  EXPECT_TRUE(absl::IsOutOfRange(usable(token, 0xa, kNow + kTokenLifeSeconds + 1)));
}

TEST(Usable, WhoHasSeenNothingMayBeginInAnyTopic) {
  constexpr std::int64_t kNow = 1'700'000'000;
  EXPECT_TRUE(usable({.next_offset = 0, .issued_at = kNow}, 0xb, kNow).ok());
  EXPECT_TRUE(usable({.next_offset = 0, .issued_at = kNow}, 0, kNow).ok());
  // Of a topic that does not say which it is: good in such a one alone.
  EXPECT_TRUE(usable({.next_offset = 1, .issued_at = kNow}, 0, kNow).ok());
  EXPECT_TRUE(absl::IsOutOfRange(usable({.next_offset = 1, .issued_at = kNow}, 0xb, kNow)));
}

}  // namespace
}  // namespace surgewatch::serve
