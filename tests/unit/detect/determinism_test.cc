#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/sanitized.h"
#include "unit/detect/all_rules.h"

namespace surgewatch {
namespace {

using test::all_rules;
using test::kDollar;
using test::progress;

// A flush: updates of one source, then its progress.
struct Flush {
  SourceId source;
  std::int64_t offset = 0;
  std::vector<test::Value> updates;
  Micros watermark = 0;
};

constexpr Micros kFirstWatermark = -kMicrosPerDay;

std::vector<Flush> random_flushes(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::vector<std::string> countries{"SG", "US", "MY", "CN", "ZZ", "KZ"};
  std::map<std::pair<int, std::vector<std::string>>, std::map<PaneIndex, std::int64_t>> state;
  std::vector<Flush> flushes;
  std::array<std::int64_t, 3> offset{};
  for (PaneIndex day = 0; day < 60; ++day) {
    for (int s = 0; s < 3; ++s) {
      const SourceId source = s < 2 ? SourceId{Topic::kInvoices, s} : test::kShipments0;
      Flush flush{source, offset[static_cast<std::size_t>(s)] += 10, {}, (day - 1) * kMicrosPerDay};
      for (int i = 0; i < 6; ++i) {
        const std::size_t known = day < 40 ? 5 : 6;  // one comes late
        std::vector<std::string> key{countries[random() % known]};
        if (s < 2) key.push_back(countries[random() % known]);
        const PaneIndex pane = std::max<PaneIndex>(0, day - static_cast<PaneIndex>(random() % 4));
        std::int64_t& value = state[{s, key}][pane];
        value += static_cast<std::int64_t>(random() % 1'000) * test::kDollar;
        if (random() % 10 == 0) value /= 2;
        std::erase_if(flush.updates,
                      [&](const test::Value& v) { return v.key == key && v.pane == pane; });
        flush.updates.push_back({key, pane, value, value / (40 * test::kDollar)});
      }
      flushes.push_back(flush);
    }
  }
  return flushes;
}

// `refused`: are applied after each batch.
std::string run(const std::vector<Flush>& flushes, std::size_t batch_size, bool reverse_updates,
                const std::vector<v1::JournalRecord>& refused = {}) {
  test::World world(all_rules());
  world.apply(test::topology(2, 1));
  for (const Flush& flush : flushes) {
    std::vector<test::Value> updates = flush.updates;
    if (reverse_updates) std::reverse(updates.begin(), updates.end());
    const std::string series = flush.source.topic == Topic::kInvoices ? "billed" : "shipped";
    for (std::size_t i = 0; i < updates.size(); i += batch_size) {
      test::Batch batch(flush.source, flush.offset, series);
      for (std::size_t j = i; j < std::min(i + batch_size, updates.size()); ++j) {
        batch.update(updates[j]);
      }
      world.apply(batch);
      for (const v1::JournalRecord& record : refused) world.apply(record);
    }
    world.apply(progress(flush.source, flush.offset, flush.watermark));
  }
  EXPECT_EQ(world.detector.stats().refused.total() > 0, !refused.empty());
  for (const SourceId source : {test::kInvoices0, test::kInvoices1, test::kShipments0}) {
    world.apply(progress(source, 1'000'000, std::nullopt, true));
  }
  return test::as_text(world.out);
}

TEST(Determinism, TheSameJournalGivesTheSameBytes) {
  const auto flushes = random_flushes(1);
  const std::string text = run(flushes, 100, false);
  EXPECT_EQ(text, run(flushes, 100, false));
  for (const char* word :
       {"SURGE_SINCE", "TYPE_SURGE\"", "SHARE_SHIFT", "TYPE_RAMP", "NEW_ENTITY", "DIVERGENCE",
        "CONCENTRATION", "CAPACITY", "INTERMEDIARY", "EARLY", "ON_TIME", "FINAL", "RESOLVED",
        "LIFE_PENDING", "\"money\"", "\"tree\"", "\"part\""}) {
    EXPECT_NE(text.find(word), std::string::npos) << "the case is too tame: no " << word;
  }
  EXPECT_EQ(text.find("nan"), std::string::npos);
  EXPECT_EQ(text.find("NaN"), std::string::npos);
  EXPECT_EQ(text.find("Infinity"), std::string::npos);
}

// Rules that read both topics begin before those that read one, and so have more to close at an
// instant: shipments that nobody waits for any more, then invoices.
TEST(Determinism, HowMuchIsSaidAtATimeChangesNothing) {
  std::vector<v1::JournalRecord> records{test::topology(1, 1)};
  records.push_back(test::Batch(test::kShipments0, 1, "shipped").update({{"SG"}, 0, 3 * kDollar}));
  records.push_back(
      test::Batch(test::kInvoices0, 1, "billed").update({{"SG", "SG"}, 0, 3 * kDollar}));
  records.push_back(progress(test::kShipments0, 1, 0));
  records.push_back(test::idle(test::kShipments0, true));
  for (const PaneIndex day : {3, 9}) {
    records.push_back(test::Batch(test::kInvoices0, day + 1, "billed")
                          .update({{"SG", "US"}, day - 1, 900 * kDollar}));
    records.push_back(progress(test::kInvoices0, day + 1, day * kMicrosPerDay));
  }
  const auto config = std::make_shared<const config::Config>(all_rules());
  const auto said = [&](std::size_t limit) {
    detect::Detector detector(config);
    detect::Emissions out;
    std::int64_t offset = 0;
    for (const v1::JournalRecord& record : records) {
      detector.take(record, offset++);
      for (bool more = true; more;) {
        detect::Emissions piece;
        more = detector.say(limit, &piece);
        std::ranges::move(piece.alerts, std::back_inserter(out.alerts));
        std::ranges::move(piece.points, std::back_inserter(out.points));
      }
    }
    return test::as_text(out);
  };
  const std::string at_once = said(SIZE_MAX);
  EXPECT_NE(at_once, "");
  for (std::size_t limit = 1; limit < 8; ++limit) EXPECT_EQ(said(limit), at_once) << limit;
}

TEST(Determinism, HowAFlushIsCutIntoBatchesChangesNothing) {
  for (std::uint64_t seed = 1; seed <= test::cases(5U, 2U); ++seed) {
    const auto flushes = random_flushes(seed);
    const std::string whole = run(flushes, 100, false);
    EXPECT_EQ(run(flushes, 1, false), whole);
    EXPECT_EQ(run(flushes, 2, true), whole);
  }
}

// Half of a flush is not judged because of them.
TEST(Determinism, WhatIsRefusedBetweenItsBatchesChangesNothing) {
  const std::vector<v1::JournalRecord> refused{
      {},
      test::idle({Topic::kInvoices, 9'999}, false),
      progress(test::kInvoices0, std::int64_t{1} << 62, kFirstWatermark),
      test::by(1, test::idle(test::kInvoices0, false)),
  };
  const auto flushes = random_flushes(1);
  EXPECT_TRUE(run(flushes, 1, false, refused) == run(flushes, 1, false));
}

TEST(Determinism, ReadingTheJournalTwiceChangesNothing) {
  test::World world(all_rules());
  std::vector<v1::JournalRecord> records;
  for (const Flush& flush : random_flushes(3)) {
    test::Batch batch(flush.source, flush.offset,
                      flush.source.topic == Topic::kInvoices ? "billed" : "shipped");
    for (const test::Value& value : flush.updates) batch.update(value);
    records.push_back(batch);
    records.push_back(progress(flush.source, flush.offset, flush.watermark));
  }
  for (const auto& record : records) world.apply(record);
  world.take();
  for (const auto& record : records) world.apply(record);
  EXPECT_EQ(test::as_text(world.take()), "");
  EXPECT_GT(world.detector.stats().stale_updates, 0u);
}

enum class Arrival { kAsItHappened, kInGulps, kAtOnce };

// The last word on each alert that stands, by its id; numbers of revisions aside.
std::map<std::string, std::string> finals(const std::vector<Flush>& flushes, Arrival arrival) {
  std::mt19937_64 random(flushes.size() + flushes[0].updates.size());
  test::World world(all_rules());
  world.apply(test::topology(2, 1));
  std::vector<v1::JournalRecord> batches;
  std::vector<v1::JournalRecord> rest;
  for (const Flush& flush : flushes) {
    test::Batch batch(flush.source, flush.offset,
                      flush.source.topic == Topic::kInvoices ? "billed" : "shipped");
    for (const test::Value& value : flush.updates) batch.update(value);
    (arrival == Arrival::kAtOnce ? batches : rest).push_back(batch);
    if (arrival == Arrival::kInGulps && random() % 4 != 0) continue;
    rest.push_back(progress(flush.source, flush.offset, flush.watermark, false, kFirstWatermark));
  }
  for (const auto& record : batches) world.apply(record);
  for (const auto& record : rest) world.apply(record);
  for (const SourceId source : {test::kInvoices0, test::kInvoices1, test::kShipments0}) {
    world.apply(progress(source, 1'000'000, std::nullopt, true));
  }
  std::map<std::string, v1::Alert> last;
  for (const v1::Alert& alert : world.out.alerts) last[alert.alert_id()] = alert;
  std::map<std::string, std::string> result;
  for (auto& [id, alert] : last) {
    EXPECT_EQ(alert.timing(), v1::TIMING_FINAL) << to_json(alert);
    if (alert.explanation().starts_with("Withdrawn")) continue;
    alert.clear_revision();
    result[id] = to_json(alert);
  }
  return result;
}

// The same documents arrive in one journal as they happen, late ones after their panes have closed;
// in another with three of four flushes joined to a later one; in another all before the first
// close.
TEST(Determinism, WhatIsFinalIsAFunctionOfTheInput) {
  for (std::uint64_t seed = 1; seed <= test::cases(20U, 5U); ++seed) {
    const auto flushes = random_flushes(seed);
    const auto at_once = finals(flushes, Arrival::kAtOnce);
    EXPECT_GT(at_once.size(), 10u);
    for (const Arrival arrival : {Arrival::kAsItHappened, Arrival::kInGulps}) {
      const auto other = finals(flushes, arrival);
      for (const auto& [id, text] : at_once) {
        const auto found = other.find(id);
        EXPECT_EQ(found == other.end() ? "" : found->second, text) << "seed " << seed;
      }
      EXPECT_EQ(other.size(), at_once.size()) << "seed " << seed;
    }
  }
}

TEST(ForEachPane, VisitsClosedPanesInOrder) {
  config::Config config = test::two_series();
  std::swap(config.series[0], config.series[1]);  // shipped, billed
  test::World world(std::move(config), {.keep_all_panes = true});
  world.bill("US", 1, 5);
  world.bill("SG", 1, 3);
  world.bill("SG", 0, 1);
  world.bill("SG", 2, 1);
  world.bill("SG", 3, 0);
  world.ship("MY", 0, 2);
  world.pass(1);
  world.pass_shipments(0);
  std::vector<std::string> seen;
  const auto look = [&] {
    seen.clear();
    world.detector.for_each_pane([&](const detect::ClosedPane& pane) {
      std::string text = std::to_string(pane.series) + " " + std::to_string(pane.pane);
      for (const std::string& value : pane.key) text += " " + value;
      seen.push_back(text + " " + std::to_string(pane.values[Measure::kRevenueUsd] / 1'000'000));
    });
  };
  look();
  EXPECT_EQ(seen,
            (std::vector<std::string>{"1 0 SG US 1", "1 1 SG US 3", "1 1 US US 5", "0 0 MY 2"}));
  world.apply(progress(test::kInvoices0, 1'000, std::nullopt, true));
  look();
  EXPECT_EQ(seen.size(), 5u);
}

TEST(ForEachPane, KeepsEverythingOnlyIfAsked) {
  for (const bool keep : {false, true}) {
    test::World world(all_rules(), {.keep_all_panes = keep});
    world.apply(progress(test::kShipments0, 1, 1'000 * kMicrosPerDay));
    for (PaneIndex pane = 0; pane < 1'000; ++pane) {
      world.bill("SG", pane, 10);
      world.pass(pane);
    }
    std::size_t panes = 0;
    world.detector.for_each_pane([&](const detect::ClosedPane&) { ++panes; });
    if (keep) {
      EXPECT_EQ(panes, 1'000u);
    } else {
      EXPECT_LT(panes, 150u);
    }
  }
}

}  // namespace
}  // namespace surgewatch
