#include "base/bytes.h"

#include <gtest/gtest.h>

#include "base/at_most.h"

namespace surgewatch {
namespace {

TEST(ParseBytes, ReadsANumberAndAUnit) {
  EXPECT_EQ(*parse_bytes("1kB"), 1'000);
  EXPECT_EQ(*parse_bytes("500MB"), 500'000'000);
  EXPECT_EQ(*parse_bytes("16GB"), 16'000'000'000);
  EXPECT_EQ(*parse_bytes("2TB"), 2'000'000'000'000);
  EXPECT_EQ(*parse_bytes("1KiB"), 1'024);
  EXPECT_EQ(*parse_bytes("3MiB"), 3 << 20);
  EXPECT_EQ(*parse_bytes("4GiB"), std::int64_t{4} << 30);
  EXPECT_EQ(*parse_bytes("1TiB"), std::int64_t{1} << 40);
  EXPECT_EQ(*parse_bytes("0MB"), 0);
}

TEST(ParseBytes, SaysWhatItExpects) {
  for (const char* text : {"", "16", "GB", "16 GB", "1.5GB", "-1GB", "16gb", "16GBs", "0x1GB"}) {
    const auto bytes = parse_bytes(text);
    ASSERT_FALSE(bytes.ok()) << text;
    EXPECT_NE(bytes.status().message().find("such as 500MB or 16GB"), std::string::npos) << text;
  }
  EXPECT_EQ(parse_bytes("9000000TB").value(), 9'000'000'000'000'000'000);
  for (const char* text : {"10000000TB", "99999999999999999999GB"}) {
    EXPECT_TRUE(absl::IsOutOfRange(parse_bytes(text).status())) << text;
  }
}

TEST(FormatBytes, RoundsUpToOneDigitBehindThePoint) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1'000), "1 kB");
  EXPECT_EQ(format_bytes(1'001), "1.1 kB");
  EXPECT_EQ(format_bytes(6'850'000'000), "6.9 GB");
  EXPECT_EQ(format_bytes(999'000), "999 kB");
  EXPECT_EQ(format_bytes(999'001), "1 MB");
  EXPECT_EQ(format_bytes(43'500'000'000'000), "43.5 TB");
  EXPECT_EQ(format_bytes(UINT64_MAX - 1), "18.5 EB");
  EXPECT_EQ(format_bytes(Saturating::most()), "more than 18 EB");
}

TEST(Saturating, StaysAtTheMost) {
  const Saturating large = std::int64_t{1} << 40;
  EXPECT_TRUE((large * large).is_most());
  EXPECT_TRUE((Saturating::most() + 1).is_most());
  EXPECT_TRUE((Saturating::most() / 2).is_most());
  EXPECT_EQ(Saturating(-5), Saturating(0));
  EXPECT_EQ(Saturating(5) / 2, Saturating(3));
  EXPECT_EQ(Saturating(5).to_power_of_two(), Saturating(8));
  EXPECT_TRUE(at_most::vector(Saturating::most(), 8).is_most());
  EXPECT_EQ(at_most::vector(0, 8), Saturating(0));
}

}  // namespace
}  // namespace surgewatch
