// Source::process of many records at once, beside the same records one after another.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "aggregate/source.h"
#include "unit/aggregate/builders.h"
#include "unit/aggregate/one_by_one.h"

namespace surgewatch::aggregate {
namespace {

// New documents, duplicates, corrections, cancellations, late ones, and what can't be read.
std::vector<std::string> payloads(std::mt19937_64& random, int count) {
  std::vector<std::string> payloads;
  Micros now = test::kNewYear;
  for (int i = 0; i < count; ++i) {
    now += static_cast<Micros>(random() % test::kHour);
    const std::string id = "i" + std::to_string(random() % 200);
    const auto kind = random() % 20;
    Micros time = now - static_cast<Micros>(random() % test::kHour);
    if (kind == 0) time -= 20 * test::kDay;
    const auto revision = static_cast<std::int32_t>(1 + random() % 3);
    v1::Invoice invoice = kind == 1 ? test::cancellation(id, time, revision)
                                    : test::invoice(id, time, random() % 3 == 0 ? revision : 1);
    if (kind == 2) invoice.mutable_bill_to()->set_country("XX");
    if (kind == 3) invoice.mutable_lines(0)->set_sku("NEW-" + std::to_string(random() % 4));
    if (kind == 4) test::add_line(&invoice, "B200", 3, 40'000);
    payloads.push_back(invoice.SerializeAsString());
    if (kind == 5) payloads.back().resize(payloads.back().size() / 2);
  }
  return payloads;
}

std::vector<std::string> flushed(Source* source) {
  std::vector<v1::JournalRecord> records;
  source->flush(&records);
  std::vector<std::string> bytes;
  for (const v1::JournalRecord& record : records) bytes.push_back(record.SerializeAsString());
  source->recycle(&records);
  EXPECT_TRUE(records.empty());
  return bytes;
}

TEST(Batch, IsTheSameAsOneRecordAfterAnother) {
  std::uint64_t asides = 0, corrections = 0, duplicates = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const std::vector<std::string> given = payloads(random, 2'000);
    std::vector<Record> records;
    std::int64_t offset = 0;
    for (const std::string& payload : given) {
      records.push_back({.offset = offset,
                         .payload = payload,
                         .key = random() % 5 == 0 ? "other" : "order-i1",
                         .has_key = true});
      offset += static_cast<std::int64_t>(1 + random() % 2);
    }
    auto config = test::config();
    config->limits.keys_per_series = 3;
    Source batched(SourceId{}, config, {.is_keyed = true});
    Source single(SourceId{}, config, {.is_keyed = true});
    for (std::span<const Record> left = records; !left.empty();) {
      // Around the size after which progress is published, and the number decoded ahead.
      const std::size_t most = random() % 2 == 0 ? 12 : 2 * Source::kRecordsPerPublication + 2;
      const auto some = left.first(std::min<std::size_t>(random() % most, left.size()));
      left = left.subspan(some.size());
      std::vector<Aside> expected, found;
      for (std::size_t i = 0; i < some.size(); ++i) {
        test::OneOutcome outcome = test::process_one(single, some[i]);
        if (outcome.disposition == Disposition::kLate ||
            outcome.disposition == Disposition::kRejected) {
          expected.push_back({i, std::move(outcome)});
        }
      }
      batched.process(some, &found);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_EQ(found[i].index, expected[i].index);
        ASSERT_EQ(found[i].outcome.disposition, expected[i].outcome.disposition);
        ASSERT_EQ(found[i].outcome.reason, expected[i].outcome.reason);
        ASSERT_EQ(found[i].outcome.detail, expected[i].outcome.detail);
      }
      asides += found.size();
      ASSERT_EQ(batched.stats().next_offset, single.stats().next_offset);
      if (random() % 3 == 0) {
        ASSERT_EQ(flushed(&batched), flushed(&single));
      }
    }
    EXPECT_EQ(flushed(&batched), flushed(&single));
    const SourceStats a = batched.stats(), b = single.stats();
    EXPECT_EQ(a.consumed, b.consumed);
    EXPECT_EQ(a.counted, b.counted);
    EXPECT_EQ(a.duplicate, b.duplicate);
    EXPECT_EQ(a.superseded, b.superseded);
    EXPECT_EQ(a.miskeyed, b.miskeyed);
    EXPECT_EQ(a.corrections, b.corrections);
    EXPECT_EQ(a.unknown_sku_lines, b.unknown_sku_lines);
    EXPECT_EQ(a.over_key_limit, b.over_key_limit);
    EXPECT_EQ(a.watermark, b.watermark);
    EXPECT_EQ(a.keys, b.keys);
    EXPECT_EQ(a.documents_known, b.documents_known);
    corrections += a.corrections;
    duplicates += a.duplicate;
  }
  EXPECT_GT(asides, 2'000u);
  EXPECT_GT(corrections, 1'000u);
  EXPECT_GT(duplicates, 1'000u);
}

TEST(Batch, WithoutDocumentsCountsEveryValidEvent) {
  Source source(SourceId{}, test::config(), {.remembers_documents = false});
  const std::string payload = test::invoice("i1", test::kNewYear).SerializeAsString();
  const std::vector<Record> records{{.offset = 0, .payload = payload},
                                    {.offset = 1, .payload = payload}};
  std::vector<Aside> aside;
  source.process(records, &aside);
  EXPECT_EQ(source.stats().counted, 2u);
  EXPECT_EQ(source.stats().duplicate, 0u);
  std::vector<v1::JournalRecord> journal;
  source.flush(&journal);
  ASSERT_GE(journal.size(), 1u);
  EXPECT_EQ(journal[0].panes().updates(0).measures().units(), 2);
}

// What a caller has added to a record must not come back with it.
TEST(Batch, RecycledRecordsComeBackEmpty) {
  Source source(SourceId{}, test::config());
  std::vector<v1::JournalRecord> journal;
  for (int i = 0; i < 3; ++i) {
    const std::string payload =
        test::invoice("i" + std::to_string(i), test::kNewYear + i).SerializeAsString();
    test::process_one(source, {.offset = i, .payload = payload});
    source.flush(&journal);
    ASSERT_EQ(journal.size(), 2u);
    ASSERT_EQ(journal[0].panes().updates_size(), 1);
    EXPECT_EQ(journal[0].panes().updates(0).key_size(), 2);
    EXPECT_EQ(journal[0].panes().series_size(), 1);
    EXPECT_EQ(journal[0].panes().next_offset(), i + 1);
    EXPECT_EQ(journal[0].panes().updates(0).measures().units(), i + 1);
    source.recycle(&journal);
  }
}

}  // namespace
}  // namespace surgewatch::aggregate
