#include "window/window.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace surgewatch::window {
namespace {

constexpr Micros kPane = 100;

MeasureValues units(std::int64_t count) {
  MeasureValues values;
  values[Measure::kUnits] = count;
  return values;
}

// One dimension, panes of 100 µs, the watermark 10 behind, lateness 250.
class Bench {
 public:
  explicit Bench(std::size_t max_keys = 1'000, std::size_t ring = 64)
      : window({{.pane_length = kPane, .dimensions = 1, .max_keys = max_keys}},
               {.allowed_lateness = 250, .out_of_orderness = 10, .dirty_ring_capacity = ring}) {}

  SlotChoice slot(const std::string& key) {
    const std::array<std::string_view, kMaxDimensions> texts{key};
    return window.slot(0, {kNoValue}, texts);
  }

  // A whole event.
  void event(const std::string& key, Micros time, std::int64_t count) {
    window.begin_event();
    add(key, time, count);
    publish();
  }
  void add(const std::string& key, Micros time, std::int64_t count) {
    window.advance(time - 10);
    window.add(slot(key).slot, time, units(count), offset);
  }
  void publish() { window.publish(++offset); }

  // What collect() brings, by key and pane.
  using Panes = std::map<std::pair<std::string, PaneIndex>, std::int64_t>;
  Panes collect() {
    window.collect(&collected);
    Panes panes;
    for (const PaneSnapshot& pane : collected.panes) {
      const auto key = std::pair(std::string(window.key_text(pane.slot, 0)), pane.pane_index);
      EXPECT_EQ(panes.count(key), 0u) << "twice";
      panes[key] = pane.values[Measure::kUnits];
    }
    return panes;
  }

  std::int64_t offset = 0;
  Window window;
  Collected collected;
};

TEST(Window, SumsByKeyAndPane) {
  Bench bench;
  bench.event("a", 1'000, 1);
  bench.event("b", 1'099, 2);
  bench.event("a", 1'050, 4);
  bench.event("a", 1'100, 8);
  EXPECT_EQ(bench.collect(), (Bench::Panes{{{"a", 10}, 5}, {{"b", 10}, 2}, {{"a", 11}, 8}}));
  EXPECT_EQ(bench.collected.progress.next_offset, 4);
  EXPECT_EQ(bench.collected.progress.watermark, 1'090);
}

TEST(Window, PanesBefore1970AreAsLongAsAnyOther) {
  Bench bench;
  bench.event("a", -1, 1);
  bench.event("a", -100, 2);
  bench.event("a", -101, 4);
  bench.event("a", 0, 8);
  EXPECT_EQ(bench.collect(), (Bench::Panes{{{"a", -1}, 3}, {{"a", -2}, 4}, {{"a", 0}, 8}}));
}

TEST(Window, CollectBringsOnlyWhatChanged) {
  Bench bench;
  EXPECT_EQ(bench.collect(), Bench::Panes{});
  bench.event("a", 1'000, 1);
  bench.event("b", 1'000, 1);
  EXPECT_EQ(bench.collect().size(), 2u);
  EXPECT_FALSE(bench.window.collect(&bench.collected));
  bench.event("b", 1'000, 1);
  EXPECT_EQ(bench.collect(), (Bench::Panes{{{"b", 10}, 2}}));
  bench.publish();  // an event that changed nothing
  EXPECT_TRUE(bench.window.collect(&bench.collected));
  EXPECT_TRUE(bench.collected.panes.empty());
}

// The writer has begun its event before the flusher's new epoch, and changes a pane that has just
// been read: the next collect() brings it, though the writer had no reason to hand it over again.
TEST(Window, AChangeMadeInTheOldEpochIsFoundByTheNextCollect) {
  Bench bench;
  bench.event("a", 1'000, 1);
  bench.window.begin_event();
  EXPECT_EQ(bench.collect(), (Bench::Panes{{{"a", 10}, 1}}));
  bench.add("a", 1'000, 2);
  bench.publish();
  EXPECT_EQ(bench.collect(), (Bench::Panes{{{"a", 10}, 3}}));
  EXPECT_EQ(bench.collected.progress.next_offset, 2);
}

TEST(Window, AnEventInProgressIsNotPromised) {
  Bench bench;
  bench.event("a", 1'000, 1);
  bench.window.begin_event();
  bench.add("a", 1'000, 2);
  bench.collect();
  EXPECT_EQ(bench.collected.progress.next_offset, 1);
  EXPECT_FALSE(bench.window.collect(&bench.collected));  // not with the same stamp again
  bench.publish();
  bench.event("b", 1'000, 1);
  // Wherever the change was seen first: it is there now, or was there with the stamp before.
  const Bench::Panes panes = bench.collect();
  const auto found = panes.find({"a", 10});
  if (found != panes.end()) {
    EXPECT_EQ(found->second, 3);
  }
  PaneSnapshot snapshot;
  ASSERT_TRUE(bench.window.read(bench.slot("a").slot, 10, &snapshot));
  EXPECT_EQ(snapshot.values[Measure::kUnits], 3);
}

// Lateness 250: at watermark 1,550 an event at 1,300 is the oldest to be taken; at 1,649 still.
TEST(Window, APaneIsLiveUntilLatenessHasPassedItsEnd) {
  Bench bench;
  bench.event("a", 1'300, 1);
  bench.event("z", 1'659, 1);  // watermark 1,649: 1,399 can still come
  bench.event("a", 1'300, 2);
  EXPECT_EQ(bench.collect()[std::pair(std::string("a"), PaneIndex{13})], 3);
  EXPECT_TRUE(bench.collected.corrections.empty());
  bench.event("z", 1'660, 1);  // watermark 1,650: nothing before 1,400
  bench.event("a", 1'399, 4);
  bench.event("a", 1'400, 8);
  const Bench::Panes panes = bench.collect();
  EXPECT_EQ(panes.count({"a", 13}), 0u);
  EXPECT_EQ(panes.at({"a", 14}), 8);
  ASSERT_EQ(bench.collected.corrections.size(), 1u);
  const Correction& correction = bench.collected.corrections[0];
  EXPECT_EQ(correction.slot, bench.slot("a").slot);
  EXPECT_EQ(correction.pane_index, 13);
  EXPECT_EQ(correction.values, units(4));
  EXPECT_EQ(correction.offset, 4);
}

// Where the watermark does not follow the event, its pane is further above the floor than the ring
// is long: 4 panes.
TEST(Window, PanesFarAheadOfTheWatermarkAreLikeAnyOther) {
  Bench bench;
  bench.window.begin_event();
  for (const auto& [time, count] : std::vector<std::pair<Micros, std::int64_t>>{
           {50'000, 1}, {1'000, 2}, {900'000, 4}, {1'000'000'000'000, 8}, {50'099, 16}}) {
    bench.window.add(bench.slot("a").slot, time, units(count), bench.offset);  // no watermark yet
  }
  bench.publish();
  using Key = std::pair<std::string, PaneIndex>;
  EXPECT_EQ(bench.collect(), (Bench::Panes{{Key("a", 500), 17},
                                           {Key("a", 10), 2},
                                           {Key("a", 9'000), 4},
                                           {Key("a", 10'000'000'000), 8}}));
  EXPECT_EQ(bench.collected.progress.watermark, std::nullopt);

  bench.event("a", 1'010, 1);  // the first watermark: 1,000
  EXPECT_EQ(bench.collect(), (Bench::Panes{{Key("a", 10), 3}}));
  bench.event("a", 49'700, 0);  // the ring comes to pane 500
  bench.window.begin_event();
  bench.window.add(bench.slot("a").slot, 50'000, units(100), bench.offset);
  bench.publish();
  EXPECT_EQ(bench.collect().at(Key("a", 500)), 117);
  const auto is_there = [&](PaneIndex pane) {
    PaneSnapshot snapshot;
    return bench.window.read(bench.slot("a").slot, pane, &snapshot);
  };
  bench.event("a", 50'359, 0);  // watermark 50,349: 50,099 can still come
  for (int i = 0; i < 10; ++i) bench.event("a", 50'359, 0);
  EXPECT_TRUE(is_there(500));
  bench.event("a", 50'360, 0);
  for (int i = 0; i < 10; ++i) bench.event("a", 50'360, 0);
  EXPECT_FALSE(is_there(500));
  EXPECT_TRUE(is_there(9'000));
  bench.event("a", 2'000'000, 0);  // past pane 9,000 at once
  for (int i = 0; i < 10; ++i) bench.event("a", 2'000'000, 0);
  EXPECT_FALSE(is_there(9'000));
  EXPECT_TRUE(is_there(10'000'000'000));
  bench.collect();
  bench.event("a", 900'000, 32);
  bench.collect();
  ASSERT_EQ(bench.collected.corrections.size(), 1u);
  EXPECT_EQ(bench.collected.corrections[0].pane_index, 9'000);
}

TEST(Window, APaneFarAheadDoesNotTurnTheUsualOneAway) {
  Bench bench;
  bench.event("a", 1'000, 1);
  for (int i = 0; i < 1'000; ++i) {
    bench.window.begin_event();
    bench.window.add(bench.slot("a").slot, 90'000, units(1), bench.offset);
    bench.publish();
    bench.event("a", 1'000, 1);
  }
  const Bench::Panes panes = bench.collect();
  EXPECT_EQ(panes.at({"a", 10}), 1'001);
  EXPECT_EQ(panes.at({"a", 900}), 1'000);
}

TEST(Window, CorrectionsOfAnEventInProgressWaitForIt) {
  Bench bench;
  bench.event("z", 10'000, 1);
  bench.window.begin_event();
  bench.add("a", 100, 1);
  bench.window.publish(1);  // as it was
  bench.collect();
  EXPECT_TRUE(bench.collected.corrections.empty());
  bench.add("a", 200, 1);
  bench.publish();
  bench.collect();
  ASSERT_EQ(bench.collected.corrections.size(), 2u);
  EXPECT_EQ(bench.collected.corrections[0].offset, bench.collected.corrections[1].offset);
}

TEST(Window, CorrectionsAreNeverLostHoweverMany) {
  Bench bench;
  bench.event("z", 1'000'000, 1);
  for (int i = 0; i < 5'000; ++i) bench.event("a", i, 1);
  bench.collect();
  ASSERT_EQ(bench.collected.corrections.size(), 5'000u);
  for (std::size_t i = 0; i < 5'000; ++i) {
    EXPECT_EQ(bench.collected.corrections[i].offset, static_cast<std::int64_t>(i) + 1);
  }
}

TEST(Window, AFullRingMakesTheFlusherLookAtEveryPane) {
  Bench bench(1'000, 4);
  for (int i = 0; i < 100; ++i) bench.event(std::to_string(i), 1'000, i);
  const Bench::Panes all = bench.collect();
  EXPECT_EQ(all.size(), 100u);
  for (const auto& [key, count] : all) EXPECT_EQ(std::to_string(count), key.first);
  bench.event("7", 1'000, 1);
  EXPECT_EQ(bench.collect(), (Bench::Panes{{{"7", 10}, 8}}));
  bench.event("8", 1'000, 1);
  EXPECT_EQ(bench.collect(), (Bench::Panes{{{"8", 10}, 9}}));
}

TEST(Window, ADirtyPaneThatHasLeftIsKeptUntilItIsCollected) {
  Bench bench;
  for (int i = 0; i < 50; ++i) bench.event("old" + std::to_string(i), 1'000, i + 1);
  for (int i = 0; i < 500; ++i) bench.event("new", 100'000 + i * kPane, 1);  // all else has left
  const Bench::Panes panes = bench.collect();
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(panes.at({"old" + std::to_string(i), 10}), i + 1);
  }
  EXPECT_EQ(panes.size(), 550u);
}

TEST(Window, PanesAreRecycledOnceTheyAreSettled) {
  Bench bench;
  std::uint32_t after_warm_up = 0;
  for (int i = 0; i < 2'000; ++i) {
    for (int key = 0; key < 10; ++key) bench.event(std::to_string(key), i * kPane, 1);
    bench.collect();
    if (i == 200) after_warm_up = bench.window.pane_capacity();
  }
  EXPECT_EQ(bench.window.pane_capacity(), after_warm_up);
  EXPECT_LE(after_warm_up, 100u);
}

TEST(Window, AReaderOfAPaneThatHasGoneSeesNothing) {
  Bench bench;
  bench.event("a", 1'000, 1);
  const SlotId slot = bench.slot("a").slot;
  PaneSnapshot snapshot;
  EXPECT_TRUE(bench.window.read(slot, 10, &snapshot));
  EXPECT_FALSE(bench.window.read(slot, 11, &snapshot));
  for (int i = 0; i < 100; ++i) {
    bench.event("b", 100'000 + i * kPane, 1);
    bench.collect();
  }
  EXPECT_FALSE(bench.window.read(slot, 10, &snapshot));
}

TEST(Window, KeysBeyondTheLimitCountUnderOther) {
  Bench bench(2);
  const auto a = bench.slot("a"), b = bench.slot("b"), c = bench.slot("c"), d = bench.slot("d");
  EXPECT_FALSE(a.is_over_limit);
  EXPECT_FALSE(b.is_over_limit);
  EXPECT_TRUE(c.is_over_limit);
  EXPECT_EQ(c.slot, d.slot);
  EXPECT_EQ(bench.window.key_text(c.slot, 0), "other");
  EXPECT_EQ(bench.slot("a").slot, a.slot);
  EXPECT_EQ(bench.window.slot_count(), 3u);
  EXPECT_EQ(bench.window.dictionary().find("c"), kNoValue);  // no memory for it either
}

TEST(Window, AKeyThatIsCalledOtherIsNotOverTheLimit) {
  Bench bench(1);
  const auto other = bench.slot("other");
  EXPECT_FALSE(other.is_over_limit);
  EXPECT_FALSE(bench.slot("a").is_over_limit);
  EXPECT_EQ(bench.slot("b").slot, other.slot);
  EXPECT_FALSE(bench.slot("other").is_over_limit);
}

TEST(Window, SlotsKeepTheirNumbersAsTheyGrow) {
  Bench bench(100'000);
  std::vector<SlotId> slots;
  for (int i = 0; i < 20'000; ++i) slots.push_back(bench.slot(std::to_string(i)).slot);
  for (int i = 0; i < 20'000; ++i) {
    const SlotId slot = slots[static_cast<std::size_t>(i)];
    ASSERT_EQ(bench.slot(std::to_string(i)).slot, slot);
    ASSERT_EQ(bench.window.key_text(slot, 0), std::to_string(i));
  }
}

TEST(Window, ASeriesWithoutDimensionsHasOneKey) {
  Window window({{.pane_length = kPane, .dimensions = 0, .max_keys = 1}}, {});
  EXPECT_EQ(window.slot(0, {}, {}).slot, 0u);
  EXPECT_EQ(window.slot(0, {}, {}).slot, 0u);
  EXPECT_FALSE(window.slot(0, {}, {}).is_over_limit);
}

}  // namespace
}  // namespace surgewatch::window
