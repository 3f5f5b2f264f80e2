#include "aggregate/documents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/document_index.h"
#include "aggregate/document_records.h"

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

// Beside a map, through splits, erasures and buckets that leave.
TEST(DocumentIndex, FindsWhatIsThereAndNothingElse) {
  DocumentIndex index;
  std::mt19937_64 random(3);
  std::map<std::uint64_t, std::pair<RecordLocation, std::int64_t>> expected;  // by n
  std::vector<DocumentKey> by_location(1);
  const auto is = [&](const DocumentKey& key) {
    return [&](RecordLocation location) { return by_location.at(location) == key; };
  };
  std::int64_t oldest = -5;
  std::size_t most = 0;
  index.advance(oldest);
  for (int i = 0; i < 400'000; ++i) {
    const std::uint64_t n = random() % 60'000;
    const DocumentKey its_key = key(n);
    const auto found = index.find(its_key, is(its_key));
    const auto known = expected.find(n);
    ASSERT_EQ(found.location, known == expected.end() ? 0 : known->second.first) << i;
    if (known == expected.end()) {
      const std::int64_t bucket = oldest + static_cast<std::int64_t>(random() % 16);
      by_location.push_back(its_key);
      const auto location = static_cast<RecordLocation>(by_location.size() - 1);
      index.insert(its_key, static_cast<std::size_t>(bucket) % DocumentIndex::kPlaces, location);
      expected[n] = {location, bucket};
    } else {
      ASSERT_EQ(found.place, static_cast<std::size_t>(known->second.second) % 16);
      if (random() % 4 == 0) {
        index.erase(its_key, is(its_key));
        expected.erase(known);
      }
    }
    most = std::max(most, expected.size());
    if (i % 20'000 == 19'999) {
      oldest += static_cast<std::int64_t>(random() % 4 == 0 ? random() % 20 : random() % 3);
      index.advance(oldest);
      std::erase_if(expected, [&](const auto& one) { return one.second.second < oldest; });
    }
  }
  EXPECT_GT(most, 40'000u);
}

// Ids made to collide in the 32 bits that the index knows.
TEST(DocumentIndex, KeepsKeysThatAllWantOnePlace) {
  DocumentIndex index;
  index.advance(0);
  const auto is = [](RecordLocation wanted) {
    return [wanted](RecordLocation location) { return location == wanted; };
  };
  constexpr RecordLocation kCount = 5'000;
  for (RecordLocation i = 1; i <= kCount; ++i) {
    index.insert({.low = i, .high = 0xabcdef12}, i % 16, i);
    index.insert(key(i), i % 16, i + kCount);
  }
  for (RecordLocation i = 1; i <= kCount; ++i) {
    ASSERT_EQ(index.find({.low = i, .high = 0xabcdef12}, is(i)).location, i);
    ASSERT_EQ(index.find(key(i), is(i + kCount)).location, i + kCount);
  }
  EXPECT_LT(index.bytes(), 2 * kCount * 64u);
  index.erase({.low = kCount, .high = 0xabcdef12}, is(kCount));
  EXPECT_EQ(index.find({.low = kCount, .high = 0xabcdef12}, is(kCount)).location, 0u);
  index.advance(4);  // buckets 0 to 3 leave
  for (RecordLocation i = 1; i < kCount; ++i) {
    ASSERT_EQ(index.find({.low = i, .high = 0xabcdef12}, is(i)).location, i % 16 < 4 ? 0 : i);
  }
}

TEST(DocumentRecords, KeepWhatTheyAreGivenUntilTheirPlaceIsFreed) {
  DocumentRecords records;
  std::mt19937_64 random(3);
  struct Given {
    std::size_t place;
    std::uint64_t low;
    DocumentState state;
    std::vector<Contribution> contributions;
  };
  std::map<RecordLocation, Given> given;
  for (std::size_t place = 0; place < 3; ++place) records.restart(place, 1'000);
  for (int i = 0; i < 20'000; ++i) {
    Given one{.place = random() % 3, .low = random(), .state = {}, .contributions = {}};
    one.state = {.has_document = true,
                 .is_cancelled = random() % 2 == 0,
                 .has_extra = random() % 2 == 0,
                 .revision = random() % 2 == 0 ? 1 : static_cast<std::int32_t>(random()),
                 .latest_time = 1'000 + static_cast<Micros>(random() % 1'000'000),
                 .document_time = 5 - static_cast<Micros>(random() % 1'000'000)};
    if (random() % 2 == 0) one.state.latest_time = one.state.latest_time / 1'000 * 1'000 + 1'000;
    if (random() % 2 == 0) one.state.document_time = one.state.latest_time;
    if (one.state.is_cancelled) one.state.cancel_revision = static_cast<std::int32_t>(random());
    for (auto count = random() % 6; count > 0; --count) {
      one.contributions.push_back(contribution(static_cast<std::uint32_t>(random()),
                                               static_cast<std::int64_t>(random() % 3) - 1));
    }
    const RecordLocation at = records.append(one.place, one.low, one.state, one.contributions);
    ASSERT_NE(at, 0u);
    ASSERT_TRUE(given.emplace(at, one).second);
    if (i % 5'000 == 4'999) {
      const std::size_t freed = random() % 3;
      records.restart(freed, 1'000);
      std::erase_if(given, [&](const auto& entry) { return entry.second.place == freed; });
    }
    if (i % 500 != 0) continue;
    for (const auto& [location, expected] : given) {
      ASSERT_EQ(records.low(location), expected.low);
      const DocumentState state = records.state(expected.place, location);
      ASSERT_EQ(state.is_cancelled, expected.state.is_cancelled);
      ASSERT_EQ(state.has_extra, expected.state.has_extra);
      ASSERT_EQ(state.revision, expected.state.revision);
      ASSERT_EQ(state.cancel_revision, expected.state.cancel_revision);
      ASSERT_EQ(state.latest_time, expected.state.latest_time);
      ASSERT_EQ(state.document_time, expected.state.document_time);
      std::vector<Contribution> found;
      records.contributions(location, &found);
      ASSERT_EQ(found, expected.contributions);
    }
  }
}

TEST(DocumentRecords, ExtremeValuesAndLongRecordsFit) {
  DocumentRecords records;
  records.restart(0, 0);
  std::vector<Contribution> many;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    many.push_back({.slot = i, .values = {}});
    many.back().values.values = {INT64_MAX, -INT64_MAX, static_cast<std::int64_t>(i), 0, -1};
  }
  const auto first = records.append(0, 1, {.has_document = true, .revision = INT32_MAX}, {});
  const auto second =
      records.append(0, 2, {.is_cancelled = true, .cancel_revision = INT32_MIN}, many);
  const auto third = records.append(0, 3, {.has_document = true, .revision = 7}, {});
  EXPECT_EQ(records.state(0, first).revision, INT32_MAX);
  EXPECT_EQ(records.state(0, second).cancel_revision, INT32_MIN);
  EXPECT_FALSE(records.state(0, second).has_document);
  std::vector<Contribution> found;
  records.contributions(second, &found);
  EXPECT_EQ(found, many);
  EXPECT_EQ(records.state(0, third).revision, 7);
  const std::size_t before = records.bytes();
  records.restart(0, 0);
  EXPECT_LT(records.bytes(), before / 2);
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
    const Micros watermark = time - 100;
    documents.apply(event, watermark, {contribution(1, 1)});
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

// Applied at watermark 1,000; ahead of it by more than the 100 that the buckets are made for.
TEST(Documents, OneThatIsAheadIsKnownLikeAnyOtherFromItsOwnTime) {
  constexpr Micros kHorizon = 10'000;
  constexpr Micros kAhead = 900'000;
  Documents documents(kHorizon, 100);
  std::vector<Contribution> old;
  Micros old_time = 0;
  const auto event = [&](std::uint64_t id, std::int32_t revision, Micros time) {
    return DocumentEvent{
        .key = key(id), .revision = revision, .is_cancellation = false, .time = time};
  };
  const auto decide = [&](const DocumentEvent& one, std::optional<Micros> watermark) {
    return documents.decide(one, watermark, &old, &old_time);
  };
  // Before there is a watermark all are.
  EXPECT_EQ(decide(event(1, 2, kAhead), std::nullopt), DocumentAction::kApply);
  EXPECT_EQ(documents.apply_ahead(event(1, 2, kAhead), std::nullopt, {contribution(1, 5)}), kAhead);
  EXPECT_EQ(decide(event(1, 2, kAhead), std::nullopt), DocumentAction::kDuplicate);
  EXPECT_EQ(decide(event(1, 1, kAhead), std::nullopt), DocumentAction::kSuperseded);
  EXPECT_EQ(decide(event(1, 1, kAhead), 1'000), DocumentAction::kDuplicate);
  EXPECT_EQ(documents.size(), 1u);

  // Replaced by a revision of an earlier time it is ahead all the same.
  EXPECT_EQ(decide(event(1, 3, 1'000), 1'000), DocumentAction::kReplace);
  EXPECT_EQ(old, std::vector{contribution(1, 5)});
  EXPECT_EQ(old_time, kAhead);
  EXPECT_EQ(documents.apply_ahead(event(1, 3, 1'000), 1'000, {contribution(2, 6)}), kAhead);
  EXPECT_EQ(decide(event(1, 2, kAhead), 1'000), DocumentAction::kDuplicate);
  EXPECT_EQ(decide(event(1, 1, kAhead), 1'000), DocumentAction::kDuplicate);

  for (const Micros watermark :
       {Micros{200'000}, kAhead - 101, kAhead - 100, kAhead, kAhead + kHorizon}) {
    EXPECT_EQ(decide(event(1, 3, 1'000), watermark), DocumentAction::kDuplicate) << watermark;
    EXPECT_EQ(decide(event(1, 1, 1'000), watermark), DocumentAction::kDuplicate) << watermark;
    EXPECT_EQ(documents.size(), 1u) << watermark;
  }
  EXPECT_EQ(decide(event(1, 4, kAhead), kAhead + kHorizon), DocumentAction::kReplace);
  EXPECT_EQ(old, std::vector{contribution(2, 6)});
  EXPECT_EQ(old_time, 1'000);
  documents.apply_ahead(event(1, 4, kAhead), kAhead + kHorizon, {contribution(3, 7)});
  EXPECT_EQ(decide(event(1, 4, kAhead), kAhead + kHorizon + 1), DocumentAction::kApply);
}

// Where there is no room, the oldest of fourteen parts of the horizon is forgotten first; those
// that are left are known as ever.
TEST(Documents, ForgetTheOldestBeforeTheirTimeWhereThereIsNoRoom) {
  constexpr Micros kHorizon = 14'000'000;
  constexpr std::size_t kMost = 4'000'000;
  Documents documents(kHorizon, 0, kMost);
  std::vector<Contribution> old;
  Micros old_time = 0;
  const auto event = [](Micros time) {
    return DocumentEvent{.key = key(static_cast<std::uint64_t>(time)),
                         .revision = 1,
                         .is_cancellation = false,
                         .time = time};
  };
  constexpr Micros kApart = 100;
  Micros time = 0;
  for (; documents.forgotten() == 0; time += kApart) {
    ASSERT_LT(time, kHorizon);
    ASSERT_FALSE(documents.may_have_forgotten(time));
    ASSERT_EQ(documents.decide(event(time), time, &old, &old_time), DocumentAction::kApply);
    documents.apply(event(time), time, {contribution(1, 1)});
  }
  EXPECT_GT(documents.size(), kMost / 100);
  EXPECT_EQ(documents.forgotten() + documents.size(), static_cast<std::uint64_t>(time / kApart));
  EXPECT_TRUE(documents.may_have_forgotten(time));
  // A bucket is a fourteenth of the horizon: 10,000 documents.
  EXPECT_EQ(documents.forgotten(), 10'000u);
  EXPECT_EQ(documents.decide(event(999'900), time, &old, &old_time), DocumentAction::kApply);
  EXPECT_EQ(documents.decide(event(1'000'000), time, &old, &old_time), DocumentAction::kDuplicate);
  EXPECT_EQ(documents.decide(event(time - kApart), time, &old, &old_time),
            DocumentAction::kDuplicate);
  // One of a time that has been forgotten is not known again.
  documents.decide(event(5), time, &old, &old_time);
  documents.apply(event(5), time, {contribution(1, 1)});
  EXPECT_EQ(documents.decide(event(5), time, &old, &old_time), DocumentAction::kApply);

  // It goes on like that, and takes no more.
  for (const Micros end = 3 * kHorizon; time < end; time += kApart) {
    ASSERT_EQ(documents.decide(event(time), time, &old, &old_time), DocumentAction::kApply);
    documents.apply(event(time), time, {contribution(1, 1)});
    ASSERT_EQ(documents.decide(event(time), time, &old, &old_time), DocumentAction::kDuplicate);
  }
  EXPECT_LE(documents.bytes(), kMost + (std::size_t{4} << 20));  // of pools, blocks of 2 MiB
}

TEST(Documents, RememberNoneMoreWhereAllAreOfOneTime) {
  constexpr std::size_t kMost = 2'000'000;
  Documents documents(14'000'000, 0, kMost);
  std::vector<Contribution> old;
  Micros old_time = 0;
  for (std::uint64_t id = 0; id < 100'000; ++id) {
    const DocumentEvent event{.key = key(id), .revision = 1, .is_cancellation = false, .time = 1};
    ASSERT_EQ(documents.decide(event, 1, &old, &old_time), DocumentAction::kApply);
    documents.apply(event, 1, {contribution(1, 1)});
  }
  EXPECT_GT(documents.forgotten(), 0u);
  EXPECT_EQ(documents.forgotten() + documents.size(), 100'000u);
  EXPECT_LE(documents.bytes(), kMost + (std::size_t{4} << 20));
  const DocumentEvent first{.key = key(0), .revision = 1, .is_cancellation = false, .time = 1};
  EXPECT_EQ(documents.decide(first, 1, &old, &old_time), DocumentAction::kDuplicate);
}

// Revisions of one document without end.
TEST(Documents, CountRevisionsThatAreRememberedToo) {
  constexpr std::size_t kMost = 2'000'000;
  Documents documents(14'000'000, 0, kMost);
  std::vector<Contribution> old;
  Micros old_time = 0;
  for (std::int32_t revision = 1; revision < 200'000; ++revision) {
    const DocumentEvent event{
        .key = key(1), .revision = revision, .is_cancellation = false, .time = 1};
    const DocumentAction action = documents.decide(event, 1, &old, &old_time);
    ASSERT_TRUE(action == DocumentAction::kApply || action == DocumentAction::kReplace);
    documents.apply(event, 1, {contribution(1, 1)});
  }
  EXPECT_GT(documents.forgotten(), 0u);
  EXPECT_LE(documents.bytes(), kMost + (std::size_t{4} << 20));
}

// At any number of them, whatever has just been split.
TEST(Documents, APlainOneTakesAtMostSixtyFourBytes) {
  Documents documents(120 * kMicrosPerDay, 0);
  std::vector<Contribution> old;
  Micros old_time = 0;
  constexpr int kCount = 1'000'000;
  double most = 0, least = 1'000;
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
    documents.apply(event, event.time, contributions);
    if (i < 100'000 || i % 1'000 != 0) continue;  // what any source holds counts for little then
    const double each = static_cast<double>(documents.bytes()) / (i + 1);
    most = std::max(most, each);
    least = std::min(least, each);
  }
  RecordProperty("most_bytes_per_document", std::to_string(most));
  RecordProperty("least_bytes_per_document", std::to_string(least));
  EXPECT_LE(most, 64);
  EXPECT_GT(least, 40);  // else something is not counted
}

}  // namespace
}  // namespace surgewatch::aggregate
