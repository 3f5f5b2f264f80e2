#include "observe/money.h"

#include <gtest/gtest.h>

namespace surgewatch::observe {
namespace {

constexpr std::int64_t kUsd = 1'000'000'000;

TEST(Money, ValidityIsThatOfGoogleTypeMoney) {
  EXPECT_TRUE(is_valid_money(1, 999'999'999));
  EXPECT_FALSE(is_valid_money(1, 1'000'000'000));
  EXPECT_TRUE(is_valid_money(-1, -999'999'999));
  EXPECT_FALSE(is_valid_money(-1, -1'000'000'000));
  EXPECT_FALSE(is_valid_money(1, -1));
  EXPECT_FALSE(is_valid_money(-1, 1));
  EXPECT_TRUE(is_valid_money(0, -1));
  EXPECT_TRUE(is_valid_money(0, 0));
}

TEST(Money, WholeDollarsAreExact) {
  EXPECT_EQ(usd_micros(3, 30'000, 0, kUsd), 90'000'000'000);
  EXPECT_EQ(usd_micros(1, 0, 0, kUsd), 0);
}

TEST(Money, TiesGoToTheEvenMicro) {
  EXPECT_EQ(usd_micros(1, 0, 500, kUsd), 0);    // 0.5 µ$
  EXPECT_EQ(usd_micros(1, 0, 1'500, kUsd), 2);  // 1.5
  EXPECT_EQ(usd_micros(1, 0, 2'500, kUsd), 2);  // 2.5
  EXPECT_EQ(usd_micros(1, 0, 501, kUsd), 1);
  EXPECT_EQ(usd_micros(1, 0, 499, kUsd), 0);
  EXPECT_EQ(usd_micros(1, 0, 1'499, kUsd), 1);
}

TEST(Money, TiesGoToTheEvenMicroInOtherCurrenciesToo) {
  const std::int64_t half = kUsd / 2;  // 50 cents a unit
  EXPECT_EQ(usd_micros(1, 0, 1'000, half), 0);
  EXPECT_EQ(usd_micros(1, 0, 3'000, half), 2);
  EXPECT_EQ(usd_micros(1, 0, 5'000, half), 2);
  EXPECT_EQ(usd_micros(1, 0, 1'001, half), 1);
  EXPECT_EQ(usd_micros(1, 0, 999, half), 0);
  EXPECT_EQ(usd_micros(1, 1'000'000, 1'000, half), 500'000'000'000);  // beyond 64 bits inside
  EXPECT_EQ(usd_micros(1, 1'000'000, 3'000, half), 500'000'000'002);
}

TEST(Money, IsRoundedOnceForTheLineAndNotForEachUnit) {
  EXPECT_EQ(usd_micros(1'000, 0, 499, kUsd), 499);
  EXPECT_EQ(usd_micros(3, 0, 500, kUsd), 2);  // 1.5, and not three times 0.5
}

TEST(Money, WhatDoesNotFitIsSaidSo) {
  EXPECT_EQ(usd_micros(1, 9'223'372'036'854, 775'807'000, kUsd), INT64_MAX);
  EXPECT_EQ(usd_micros(1, 9'223'372'036'854, 775'807'499, kUsd), INT64_MAX);
  EXPECT_EQ(usd_micros(1, 9'223'372'036'854, 775'807'500, kUsd), std::nullopt);  // a tie, upward
  EXPECT_EQ(usd_micros(INT64_MAX, INT64_MAX, 999'999'999, kUsd), std::nullopt);
  EXPECT_EQ(usd_micros(INT64_MAX, INT64_MAX, 999'999'999, INT64_MAX), std::nullopt);
  EXPECT_EQ(usd_micros(1, INT64_MAX, 0, INT64_MAX), std::nullopt);
}

}  // namespace
}  // namespace surgewatch::observe
