#include "aggregate/documents.h"

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "aggregate/document_filter.h"
#include "aggregate/document_store.h"

namespace surgewatch::aggregate {
namespace {

DocumentKey key(std::uint64_t n) {
  std::mt19937_64 random(n);
  const std::uint64_t low = random();
  return {low, static_cast<std::uint32_t>(random())};
}

Contribution contribution(std::uint32_t slot, std::int64_t base) {
  Contribution result{.slot = slot, .values = {}};
  for (std::size_t i = 0; i < kMeasureCount; ++i) {
    result.values.values[i] = base * static_cast<std::int64_t>(i + 1);
  }
  return result;
}

TEST(DocumentBucket, KeepsWhatItIsGivenThroughGrowthAndErasure) {
  DocumentBucket bucket;
  bucket.clear(1'000);
  std::mt19937_64 random(3);
  std::map<std::uint64_t, std::vector<Contribution>> expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t n = random() % 3'000;
    DocumentBucket::Position position;
    const bool is_there = bucket.find(key(n), &position);
    ASSERT_EQ(is_there, expected.count(n) > 0);
    if (is_there) {
      const DocumentState state = bucket.state(position);
      ASSERT_EQ(state.revision, static_cast<std::int32_t>(n) - 1'000);
      ASSERT_EQ(state.latest_time, 1'000 + static_cast<Micros>(n));
      ASSERT_EQ(state.document_time, 5);
      std::vector<Contribution> found;
      bucket.contributions(position, &found);
      ASSERT_EQ(found, expected[n]);
      bucket.erase(position);
      expected.erase(n);
      continue;
    }
    std::vector<Contribution>& some = expected[n];
    for (auto count = random() % 6; count > 0; --count) {
      some.push_back(contribution(static_cast<std::uint32_t>(random()),
                                  static_cast<std::int64_t>(random() % 3) - 1));
    }
    bucket.insert(key(n),
                  {.has_document = true,
                   .revision = static_cast<std::int32_t>(n) - 1'000,
                   .latest_time = 1'000 + static_cast<Micros>(n),
                   .document_time = 5},
                  some);
    ASSERT_EQ(bucket.size(), expected.size());
  }
}

TEST(DocumentBucket, ExtremeValuesAndLongRecordsFit) {
  DocumentBucket bucket;
  bucket.clear(0);
  std::vector<Contribution> many;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    many.push_back({.slot = i, .values = {}});
    many.back().values.values = {INT64_MAX, -INT64_MAX, static_cast<std::int64_t>(i), 0, -1};
  }
  bucket.insert(key(1), {.is_cancelled = true, .cancel_revision = INT32_MIN}, many);
  bucket.insert(key(2), {.has_document = true, .revision = INT32_MAX}, {});
  DocumentBucket::Position position;
  ASSERT_TRUE(bucket.find(key(1), &position));
  EXPECT_EQ(bucket.state(position).cancel_revision, INT32_MIN);
  EXPECT_FALSE(bucket.state(position).has_document);
  std::vector<Contribution> found;
  bucket.contributions(position, &found);
  EXPECT_EQ(found, many);
  ASSERT_TRUE(bucket.find(key(2), &position));
  EXPECT_EQ(bucket.state(position).revision, INT32_MAX);
}

TEST(DocumentFilter, NeverMissesAndSeldomNamesABucketInVain) {
  DocumentFilter filter;
  constexpr std::size_t kEach = 10'000;
  filter.reset_for(kEach);
  EXPECT_FALSE(filter.is_dense(kEach));
  std::mt19937_64 random(4);
  std::vector<std::uint64_t> hashes;
  for (std::size_t i = 0; i < kEach * DocumentFilter::kBuckets; ++i) {
    hashes.push_back(random());
    filter.insert(hashes.back(), i % DocumentFilter::kBuckets);
  }
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    ASSERT_TRUE((filter.find(hashes[i]) >> i % DocumentFilter::kBuckets & 1) != 0);
  }
  int in_vain = 0;
  for (int i = 0; i < 100'000; ++i) in_vain += std::popcount(filter.find(random()));
  EXPECT_LT(in_vain, 10'000);
  filter.clear(3);
  EXPECT_EQ(filter.find(hashes[3]) >> 3 & 1, 0);
  EXPECT_NE(filter.find(hashes[4]) >> 4 & 1, 0);
}

// Documents in every bucket of the horizon, found and forgotten to the microsecond.
TEST(Documents, AreKnownForTheHorizonAcrossAllBuckets) {
  constexpr Micros kHorizon = 10'000;
  Documents documents(kHorizon, 100);
  std::vector<Contribution> old;
  Micros old_time = 0;
  for (Micros time = 0; time < 50'000; time += 7) {
    const Micros before = time - 107;
    const DocumentEvent event{.key = key(static_cast<std::uint64_t>(time)),
                              .revision = 1,
                              .is_cancellation = false,
                              .time = time};
    ASSERT_EQ(documents.decide(event, before, &old, &old_time), DocumentAction::kApply);
    documents.apply(event, {contribution(1, 1)});
    documents.advance(time - 100);
    const Micros watermark = time - 100;
    for (const Micros age :
         {Micros{0}, kHorizon / 2, kHorizon + 93, kHorizon + 100, kHorizon + 107}) {
      const Micros at = (time - age) / 7 * 7;
      if (at < 0 || time < age) continue;
      DocumentEvent again = event;
      again.key = key(static_cast<std::uint64_t>(at));
      again.time = at;
      if (at >= watermark - kHorizon) {
        ASSERT_EQ(documents.decide(again, watermark, &old, &old_time), DocumentAction::kDuplicate);
      } else {
        ASSERT_EQ(documents.decide(again, watermark, &old, &old_time), DocumentAction::kApply);
      }
    }
  }
  EXPECT_LT(documents.size(), 10'000u / 7 * 2);
}

TEST(Documents, APlainOneTakesFiftyToSeventyFiveBytes) {
  Documents documents(120 * kMicrosPerDay, 0);
  std::vector<Contribution> old;
  Micros old_time = 0;
  constexpr int kCount = 500'000;
  // Three series share the one line of each: units, chips, cents, TPP.
  std::vector<Contribution> contributions(3);
  for (int i = 0; i < kCount; ++i) {
    for (std::uint32_t series = 0; series < 3; ++series) {
      contributions[series] = {.slot = series * 5'000 + static_cast<std::uint32_t>(i % 5'000),
                               .values = {{1, 8, 64, 8 * 249'999'990'000, 64 * 15'824}}};
    }
    const DocumentEvent event{.key = key(static_cast<std::uint64_t>(i)),
                              .revision = 1,
                              .is_cancellation = false,
                              .time = i * (100 * kMicrosPerDay / kCount)};
    documents.decide(event, event.time, &old, &old_time);
    documents.apply(event, contributions);
  }
  const auto each = static_cast<double>(documents.bytes()) / kCount;
  RecordProperty("bytes_per_document", std::to_string(each));
  EXPECT_LT(each, 75);
  EXPECT_GT(each, 50);  // else the figure above is wrong
}

}  // namespace
}  // namespace surgewatch::aggregate
