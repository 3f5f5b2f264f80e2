// What bounds the window: memory for each pane, and keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "window/window.h"

namespace surgewatch::window {
namespace {

constexpr Micros kPane = 1'000;

MeasureValues units(std::int64_t count) {
  MeasureValues values;
  values[Measure::kUnits] = count;
  return values;
}

// Bytes a pane, of pool, tables, slots, texts and lists, for keys of two dimensions with so many
// panes each and a text of their own: at the worst load of the tables, somewhere on the way.
double worst_bytes_per_pane(int panes) {
  Window window({{.pane_length = kPane, .dimensions = 2, .max_keys = 1'000'000}},
                {.allowed_lateness = panes * kPane});
  window.begin_event();
  window.advance(panes * kPane);
  double worst = 0;
  const int keys = 640'000 / panes;
  for (int key = 0; key < keys; ++key) {
    const std::string party = "customer-" + std::to_string(key);
    const std::array<std::string_view, kMaxDimensions> texts{"SG", party};
    const SlotId slot = window.slot(0, {kNoValue, kNoValue}, texts).slot;
    for (int pane = 0; pane < panes; ++pane) window.add(slot, pane * kPane, units(1), 0);
    if (key < 5'000) continue;  // below, the first pages and arenas weigh
    worst = std::max(worst, static_cast<double>(window.bytes()) / window.pane_capacity());
  }
  EXPECT_EQ(window.pane_capacity(), static_cast<std::uint32_t>(keys * panes));
  return worst;
}

TEST(Memory, APaneTakes96BytesAtMostAllOverheadInFromEightPanesAKeyOn) {
  for (const int panes : {8, 10, 16, 64}) {
    const double worst = worst_bytes_per_pane(panes);
    std::printf("bytes a pane: %.1f at worst, %d panes a key\n", worst, panes);
    EXPECT_LE(worst, 96.0) << panes;
  }
}

// The rest is the key's own: slot, entry of its index, and what its text takes.
TEST(Memory, AKeyTakes120BytesAtMostBesideItsPanes) {
  constexpr int kKeys = 200'000;
  Window window({{.pane_length = kPane, .dimensions = 2, .max_keys = 1'000'000}}, {});
  double worst = 0;
  for (int key = 0; key < kKeys; ++key) {
    const std::string party = "customer-" + std::to_string(key);
    const std::array<std::string_view, kMaxDimensions> texts{"SG", party};
    window.slot(0, {kNoValue, kNoValue}, texts);
    if (key < 20'000) continue;
    worst = std::max(worst, static_cast<double>(window.bytes()) / (key + 1));
  }
  std::printf("bytes a key: %.1f at worst\n", worst);
  EXPECT_LE(worst, 120.0);
}

// However many panes may be live, memory follows those that are.
TEST(Memory, ALongLatenessOfShortPanesTakesNothingByItself) {
  constexpr Micros kLong = 10'000 * kMicrosPerDay;
  Window window({{.pane_length = kMicrosPerSecond, .dimensions = 0, .max_keys = 1}},
                {.allowed_lateness = kLong, .out_of_orderness = kLong});
  EXPECT_LT(window.bytes(), 1'000'000U);
  window.begin_event();
  window.advance(0);
  window.add(window.slot(0, {}, {}).slot, kLong, units(1), 0);
  window.publish(1);
  EXPECT_LT(window.bytes(), 1'000'000U);
}

// More panes than a ring has places, in any order, as the watermark comes to them and leaves them:
// each is there until lateness has passed it, and what comes afterwards is a correction.
TEST(Memory, PanesBeyondTheRingAreLikeAnyOther) {
  constexpr Micros kLateness = 3 * SeriesPanes::kMaxPlaces;
  Window window({{.pane_length = 1, .dimensions = 0, .max_keys = 1}},
                {.allowed_lateness = kLateness, .out_of_orderness = 10});
  std::mt19937_64 random(1);
  std::map<PaneIndex, std::int64_t> sums;
  std::vector<std::pair<PaneIndex, std::int64_t>> corrections;
  Collected collected;
  Micros watermark = 0;
  std::int64_t offset = 0;
  const auto add = [&](Micros time) {
    window.begin_event();
    window.advance(watermark);
    const auto count = static_cast<std::int64_t>(random() % 9 + 1);
    window.add(window.slot(0, {}, {}).slot, time, units(count), offset);
    if (time >= watermark - kLateness) {
      sums[time] += count;
    } else {
      corrections.emplace_back(time, count);
    }
    window.publish(++offset);
  };
  for (int round = 0; round < 400; ++round) {
    watermark += static_cast<Micros>(random() % (round % 40 == 0 ? 2 * kLateness : kLateness / 20));
    for (int i = 0; i < 500; ++i) {
      add(watermark + 10 - static_cast<Micros>(random() % (kLateness + kLateness / 50)));
    }
    window.collect(&collected);
    for (const Correction& correction : collected.corrections) {
      ASSERT_FALSE(corrections.empty());
      EXPECT_EQ(correction.pane_index, corrections.front().first);
      EXPECT_EQ(correction.values[Measure::kUnits], corrections.front().second);
      corrections.erase(corrections.begin());
    }
    EXPECT_TRUE(corrections.empty());
    sums.erase(sums.begin(), sums.lower_bound(watermark - kLateness));
    for (const auto& [pane, sum] : sums) {
      PaneSnapshot snapshot;
      ASSERT_TRUE(window.read(0, pane, &snapshot)) << pane;
      EXPECT_EQ(snapshot.values[Measure::kUnits], sum);
    }
  }
  const std::map<PaneIndex, std::int64_t> last = std::exchange(sums, {});
  watermark += 2 * kLateness;
  for (std::size_t i = 0; i < 2 * last.size(); ++i) add(watermark);
  for (const auto& [pane, sum] : last) {
    PaneSnapshot snapshot;
    EXPECT_FALSE(window.read(0, pane, &snapshot)) << pane;
  }
}

// A million countries: the cap holds, `other` is exact, known keys are unaffected, memory stands.
TEST(KeyCap, AMillionKeysBeyondItCountUnderOtherAndTakeNoMemory) {
  constexpr std::size_t kCap = 1'000;
  Window window({{.pane_length = kPane, .dimensions = 1, .max_keys = kCap}},
                {.allowed_lateness = 10 * kPane});
  std::int64_t offset = 0;
  std::size_t bytes = 0;
  std::size_t over_limit = 0;
  for (int key = 0; key < 1'000'000; ++key) {
    window.begin_event();
    window.advance(offset / 1'000);
    const std::string known = std::to_string(key % 100);
    for (const std::string& text : {known, std::to_string(key)}) {
      const std::array<std::string_view, kMaxDimensions> texts{text};
      const auto choice = window.slot(0, {kNoValue}, texts);
      over_limit += choice.is_over_limit ? 1 : 0;
      window.add(choice.slot, 5, units(key % 7 + 1), offset);
    }
    window.publish(++offset);
    if (key == 10'000) bytes = window.bytes();
  }
  EXPECT_EQ(over_limit, 1'000'000 - kCap);
  EXPECT_EQ(window.key_count(), kCap + 1);
  EXPECT_EQ(window.slot_count(), kCap + 1);
  EXPECT_LE(window.bytes(), bytes);

  std::int64_t other = 0, known_42 = 0;
  for (int key = 0; key < 1'000'000; ++key) {
    if (key >= static_cast<int>(kCap)) other += key % 7 + 1;
    if (key % 100 == 42) known_42 += key % 7 + 1;
    if (key == 42) known_42 += key % 7 + 1;
  }
  std::int64_t found_other = 0, found_42 = 0;
  for (SlotId slot = 0; slot < window.slot_count(); ++slot) {
    PaneSnapshot snapshot;
    ASSERT_TRUE(window.read(slot, 0, &snapshot));
    if (window.key_text(slot, 0) == "other") found_other = snapshot.values[Measure::kUnits];
    if (window.key_text(slot, 0) == "42") found_42 = snapshot.values[Measure::kUnits];
  }
  EXPECT_EQ(found_other, other);
  EXPECT_EQ(found_42, known_42);
}

// Nothing stops at a border, nor when a table grows: see also growth in
// tests/bench/window_bench.cc.
TEST(HashTable, GrowsWithEachInsertionAndLosesNothing) {
  HashTable table;
  const auto hash = [](std::uint32_t n) { return mix(n, 1); };
  const auto there = [&](std::uint32_t n) {
    return table.find(hash(n), [&](std::uint32_t found) { return found == n; }) == n;
  };
  const auto read = [&](std::uint32_t n) {
    return table.read(hash(n), [&](std::uint32_t found) { return found == n; });
  };
  // A queue of ever new numbers, at first longer and longer.
  std::uint32_t first = 0, next = 0;
  for (int i = 0; i < 200'000; ++i) {
    ASSERT_FALSE(there(next));
    table.insert(hash(next), next);
    ASSERT_TRUE(there(next));
    ++next;
    if (i % 3 == 0 || next - first > 20'000) {
      ASSERT_TRUE(there(first));
      table.erase(hash(first), first);
      ASSERT_FALSE(there(first));
      ASSERT_FALSE(read(first));
      ++first;
    }
    if (first == next) continue;
    const std::uint32_t some = first + (next - first) / 3;
    ASSERT_TRUE(there(some));
    ASSERT_TRUE(read(some));
    ASSERT_EQ(table.size(), next - first);
  }
  for (std::uint32_t n = first; n < next; ++n) ASSERT_TRUE(there(n) && read(n));
  EXPECT_LT(table.bytes(), (next - first) * std::size_t{8} * 6);
}

}  // namespace
}  // namespace surgewatch::window
