// The window's parts, each by itself on one thread; stress_test.cc has them on several.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "window/chunk_queue.h"
#include "window/chunked_array.h"
#include "window/dictionary.h"
#include "window/dirty_ring.h"
#include "window/pane_pool.h"
#include "window/pane_table.h"

namespace surgewatch::window {
namespace {

TEST(ChunkedArray, ElementsStayWhereTheyAreAsItGrows) {
  ChunkedArray<std::string, 4> array;
  std::vector<const std::string*> places;
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    ASSERT_EQ(array.append(std::to_string(i)), i);
    places.push_back(&array[i]);
  }
  EXPECT_EQ(array.size(), 1'000u);
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    EXPECT_EQ(places[i], &array[i]);
    EXPECT_EQ(array[i], std::to_string(i));
  }
}

TEST(Dictionary, ATextHasOneNumberForEver) {
  Dictionary dictionary;
  EXPECT_EQ(dictionary.find("SG"), kNoValue);
  const ValueId id = dictionary.intern("SG");
  EXPECT_EQ(dictionary.intern("US"), id + 1);
  EXPECT_EQ(dictionary.intern("SG"), id);
  for (int i = 0; i < 10'000; ++i) dictionary.intern(std::to_string(i));
  EXPECT_EQ(dictionary.find("SG"), id);
  EXPECT_EQ(dictionary.text(id), "SG");
}

TEST(DirtyRing, TakesItsCapacityAndNoMore) {
  DirtyRing ring(4);
  for (PaneRef pane = 0; pane < 4; ++pane) EXPECT_TRUE(ring.push(pane));
  EXPECT_FALSE(ring.push(4));
  std::vector<PaneRef> panes;
  ring.pop_until(ring.tail() - 2, &panes);
  EXPECT_EQ(panes, (std::vector<PaneRef>{0, 1}));
  EXPECT_TRUE(ring.push(5));
  EXPECT_TRUE(ring.push(6));
  EXPECT_FALSE(ring.push(7));
  panes.clear();
  ring.pop_until(ring.tail(), &panes);
  EXPECT_EQ(panes, (std::vector<PaneRef>{2, 3, 5, 6}));
}

TEST(ChunkQueue, KeepsOrderThroughItsChunks) {
  ChunkQueue<int, 4> queue;
  std::mt19937 random(1);
  int pushed = 0, popped = 0;
  while (popped < 10'000) {
    for (auto n = random() % 20; n > 0; --n) queue.push(pushed++);
    for (auto n = random() % 20; n > 0; --n) {
      const int* front = queue.front();
      ASSERT_EQ(front == nullptr, popped == pushed);
      if (front == nullptr) break;
      ASSERT_EQ(*front, popped++);
      queue.pop();
    }
  }
}

TEST(PaneTable, FindsWhatIsThereAndNothingElse) {
  PanePool pool;
  PaneTable table(&pool);
  std::mt19937 random(2);
  std::map<std::pair<SlotId, PaneIndex>, PaneRef> expected;
  for (int i = 0; i < 50'000; ++i) {
    const SlotId slot = static_cast<SlotId>(random() % 50);
    const PaneIndex index = static_cast<PaneIndex>(random() % 20) - 10;
    const auto found = expected.find({slot, index});
    ASSERT_EQ(table.find(slot, index), found == expected.end() ? kNoPane : found->second);
    PaneSnapshot snapshot;
    ASSERT_EQ(table.read(slot, index, &snapshot), found != expected.end());
    if (found != expected.end()) {
      table.erase(found->second);
      pool.give_back(found->second);
      expected.erase(found);
    } else {
      const PaneRef pane = pool.take();
      pool.assign(pane, slot, index);
      table.insert(pane);
      expected[{slot, index}] = pane;
    }
    ASSERT_EQ(table.size(), expected.size());
  }
}

class PaneTest : public testing::Test {
 protected:
  PaneTest() { pool.assign(pane, 3, -4); }
  bool add(std::int64_t units) {
    MeasureValues values;
    values[Measure::kUnits] = units;
    return pool.add(pane, values);
  }
  std::uint32_t read() { return pool.read(pane, &snapshot, &exact); }
  WideMeasures::Sum exact_units() {
    return exact.values[static_cast<std::size_t>(Measure::kUnits)];
  }

  PanePool pool;
  const PaneRef pane = pool.take();
  PaneSnapshot snapshot;
  WideMeasures exact;
};

TEST_F(PaneTest, SumsBeyond64BitsAreExactAndReadAsTheNearestThatFits) {
  EXPECT_TRUE(add(INT64_MAX));
  read();
  EXPECT_FALSE(snapshot.is_wide);
  EXPECT_FALSE(add(1));
  read();
  EXPECT_TRUE(snapshot.is_wide);
  EXPECT_EQ(snapshot.slot, 3u);
  EXPECT_EQ(snapshot.pane_index, -4);
  EXPECT_EQ(snapshot.values[Measure::kUnits], INT64_MAX);
  EXPECT_EQ(snapshot.values[Measure::kChips], 0);
  EXPECT_TRUE(exact_units() == static_cast<WideMeasures::Sum>(INT64_MAX) + 1);
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(add(INT64_MAX));
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(add(-INT64_MAX));
  EXPECT_TRUE(add(-1));
  read();
  EXPECT_FALSE(snapshot.is_wide);
  EXPECT_EQ(snapshot.values[Measure::kUnits], INT64_MAX);
}

TEST_F(PaneTest, SumsBelow64BitsAreExactToo) {
  EXPECT_TRUE(add(-INT64_MAX));
  EXPECT_TRUE(add(-1));
  EXPECT_FALSE(add(-1));
  read();
  EXPECT_EQ(snapshot.values[Measure::kUnits], INT64_MIN);
  EXPECT_TRUE(add(2));
  read();
  EXPECT_EQ(snapshot.values[Measure::kUnits], INT64_MIN + 1);
}

TEST_F(PaneTest, AWidePaneGivenBackIsNobodysAndItsPlaceAnothers) {
  add(INT64_MAX);
  add(1);
  pool.give_back(pane);
  read();
  EXPECT_EQ(snapshot.slot, kNoSlot);
  EXPECT_FALSE(snapshot.is_wide);
  ASSERT_EQ(pool.take(), pane);
  pool.assign(pane, 5, 6);
  EXPECT_TRUE(add(7));
  read();
  EXPECT_EQ(snapshot.values[Measure::kUnits], 7);
}

TEST_F(PaneTest, EveryChangeMovesTheSequence) {
  const std::uint32_t first = read();
  add(INT64_MAX);
  const std::uint32_t second = read();
  EXPECT_NE(first, second);
  add(1);
  const std::uint32_t third = read();
  EXPECT_NE(second, third);
  add(0);
  const std::uint32_t fourth = read();
  EXPECT_NE(third, fourth);
  add(-1);
  EXPECT_NE(fourth, read());
}

}  // namespace
}  // namespace surgewatch::window
