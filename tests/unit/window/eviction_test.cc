// Keys that leave: when, and what becomes of their slots and texts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "window/key_life.h"
#include "window/window.h"

namespace surgewatch::window {
namespace {

constexpr Micros kPane = 100;
constexpr Micros kLateness = 250;
constexpr Micros kHorizon = 1'600;  // and no out-of-orderness: it is what keys are kept for
constexpr Micros kSpan = 100;       // a sixteenth

MeasureValues units(std::int64_t count) {
  MeasureValues values;
  values[Measure::kUnits] = count;
  return values;
}

class Eviction : public testing::Test {
 protected:
  explicit Eviction(std::size_t max_keys = 1'000'000)
      : window({{.pane_length = kPane, .dimensions = 1, .max_keys = max_keys}},
               {.allowed_lateness = kLateness, .correction_horizon = kHorizon}) {}

  SlotChoice event(const std::string& key, Micros time, std::int64_t count = 1) {
    window.begin_event();
    window.advance(time);
    const std::array<std::string_view, kMaxDimensions> texts{key};
    const auto choice = window.slot(0, {kNoValue}, texts);
    window.add(choice.slot, time, units(count), offset);
    window.publish(++offset);
    return choice;
  }
  // An event of no key.
  void pass(Micros time) {
    window.begin_event();
    window.advance(time);
    window.publish(++offset);
  }
  void flush() {
    window.collect(&collected);
    for (const PaneSnapshot& pane : collected.panes) {
      panes[{std::string(window.key_text(pane.slot, 0)), pane.pane_index}] =
          pane.values[Measure::kUnits];
    }
  }

  Window window;
  Collected collected;
  std::int64_t offset = 0;
  std::map<std::pair<std::string, PaneIndex>, std::int64_t> panes;
};

class EvictionOfTwo : public Eviction {
 protected:
  EvictionOfTwo() : Eviction(2) {}
};

// a's span ends with the watermark 10,040 and is over at the first rise from beyond 11,640.
TEST_F(EvictionOfTwo, APlaceUnderTheLimitComesBackAtTheBorderAndNotBefore) {
  event("a", 10'000);
  event("b", 10'040);
  event("b", 10'000 + kSpan);
  EXPECT_TRUE(event("c", 10'040 + kHorizon).is_over_limit);
  EXPECT_TRUE(event("c", 10'040 + kHorizon + 1).is_over_limit);
  EXPECT_EQ(window.key_count(), 3u);
  EXPECT_FALSE(event("c", 10'040 + kHorizon + 2).is_over_limit);
  EXPECT_TRUE(event("a", 10'040 + kHorizon + 2).is_over_limit);
  EXPECT_EQ(window.key_count(), 3u);
}

TEST_F(EvictionOfTwo, UseKeepsAKey) {
  event("a", 10'000);
  event("b", 10'000);
  const SlotId slot = event("a", 10'000).slot;
  for (Micros time = 10'000; time < 20'000; time += 50) {
    EXPECT_EQ(event("a", time).slot, slot);
    event("b", time);
    EXPECT_TRUE(event("c", time).is_over_limit);
  }
}

// Held until the watermark is 30,000, as if used then: its span ends with 30,040.
TEST_F(EvictionOfTwo, AKeyThatIsHeldIsThereAndThenCountsAsUsed) {
  window.hold(event("a", 10'000).slot, 30'000);
  event("b", 10'000);
  for (Micros time = 10'000; time < 30'000; time += 50) {
    event("b", time);
    EXPECT_TRUE(event("c", time).is_over_limit);
  }
  event("b", 30'000);
  event("b", 30'040);
  event("b", 30'000 + kSpan);
  event("b", 30'040 + kHorizon);
  EXPECT_TRUE(event("c", 30'040 + kHorizon + 1).is_over_limit);
  EXPECT_FALSE(event("c", 30'040 + kHorizon + 2).is_over_limit);
  EXPECT_EQ(window.key_count(), 3u);
}

// With its pane, which is where it was.
TEST_F(EvictionOfTwo, AKeyThatIsHeldIsThereAfterALongJump) {
  const SlotId slot = event("a", 10'000).slot;
  window.add(slot, 5'000'000, units(7), 0);
  window.hold(slot, 5'000'000);
  window.hold(slot, 3'000'000);
  for (const Micros jump : {100'000, 2'000'000, 3'500'000, 4'999'999}) pass(jump);
  EXPECT_EQ(event("a", 4'999'999).slot, slot);
  PaneSnapshot snapshot;
  ASSERT_TRUE(window.read(slot, 50'000, &snapshot));
  EXPECT_EQ(snapshot.values, units(7));
}

TEST_F(EvictionOfTwo, OtherNeedsNoHolding) {
  event("a", 10'000);
  event("b", 10'000);
  const auto other = event("c", 10'000);
  ASSERT_TRUE(other.is_over_limit);
  window.hold(other.slot, 20'000);
  pass(20'000);
  pass(20'001);
  EXPECT_FALSE(event("c", 20'001).is_over_limit);
  EXPECT_FALSE(event("d", 20'001).is_over_limit);
  EXPECT_EQ(event("e", 20'001).slot, other.slot);
}

TEST_F(Eviction, AKeyThatComesBackBeforeItsSlotIsFoundKeepsIt) {
  for (int i = 0; i < 1'000; ++i) event(std::to_string(i), 10'000);
  const SlotId slot = event("999", 10'000).slot;
  pass(10'200);
  pass(30'000);
  pass(30'001);  // all have left, few have been found
  EXPECT_EQ(window.key_count(), 0u);
  EXPECT_EQ(event("999", 30'001).slot, slot);
  EXPECT_EQ(window.key_count(), 1u);
  for (int i = 0; i < 1'000; ++i) pass(30'001);
  EXPECT_EQ(event("999", 30'001).slot, slot);
  EXPECT_NE(event("998", 30'001).slot, slot);
}

// Two calls of collect() after the key has left: the first may still bring it, and its text is
// asked for until the second.
TEST_F(Eviction, ASlotGoesToAnotherKeyOnlyWhenTheFlusherHasDone) {
  const SlotId slot = event("gone", 10'000).slot;
  window.begin_event();
  window.advance(11'000);
  window.add(slot, 9'000, units(3), offset);  // a correction
  window.publish(++offset);
  pass(20'000);
  for (int i = 0; i < 10; ++i) pass(20'001 + i);
  EXPECT_EQ(window.key_count(), 0u);
  EXPECT_NE(event("x", 20'020).slot, slot);
  flush();
  ASSERT_EQ(collected.corrections.size(), 1u);
  EXPECT_EQ(window.key_text(collected.corrections[0].slot, 0), "gone");
  EXPECT_NE(event("y", 20'021).slot, slot);
  EXPECT_EQ(window.key_text(slot, 0), "gone");
  flush();  // the writer's progress shows that it has left the epoch in which the key left
  EXPECT_NE(event("z", 20'022).slot, slot);
  flush();  // … and the flusher that it has done with that
  EXPECT_EQ(event("new", 20'023).slot, slot);
  flush();
  EXPECT_EQ((panes[{"gone", 100}]), 1);
  EXPECT_EQ((panes[{"new", 200}]), 1);
}

TEST_F(Eviction, AReaderWhoKnowsTheFormerKeySeesNothingOfTheNewOne) {
  const SlotId slot = event("gone", 10'000).slot;
  Window::Key key;
  ASSERT_TRUE(window.read_key(slot, &key));
  EXPECT_EQ(key.values, std::vector<std::string>{"gone"});
  PaneSnapshot snapshot;
  EXPECT_TRUE(window.read(slot, key.generation, 100, &snapshot));
  pass(20'000);
  pass(20'001);
  EXPECT_FALSE(window.is_in(slot, key.generation));
  Window::Key none;
  EXPECT_FALSE(window.read_key(slot, &none));
  for (int i = 0; i < 3; ++i) {
    pass(20'002 + i);
    flush();
  }
  ASSERT_EQ(event("new", 20'010).slot, slot);
  EXPECT_TRUE(window.read(slot, 200, &snapshot));
  EXPECT_FALSE(window.read(slot, key.generation, 200, &snapshot));
  ASSERT_TRUE(window.read_key(slot, &key));
  EXPECT_EQ(key.values, std::vector<std::string>{"new"});
  EXPECT_TRUE(window.read(slot, key.generation, 200, &snapshot));
}

TEST_F(Eviction, ATextStaysAsLongAsOneKeyUsesIt) {
  Window two({{.pane_length = kPane, .dimensions = 2, .max_keys = 100}}, {});
  const auto use = [&](std::string_view a, std::string_view b, Micros time) {
    two.begin_event();
    two.advance(time);
    two.slot(0, {kNoValue, kNoValue}, std::array<std::string_view, kMaxDimensions>{a, b});
    two.publish(++offset);
  };
  use("SG", "acme", 1'000);
  for (Micros time = 1'000; time < 5'000; time += 10) use("SG", "other party", time);
  EXPECT_NE(two.dictionary().find("SG"), kNoValue);
  EXPECT_EQ(two.dictionary().find("acme"), kNoValue);
}

// A million parties that each appear once: neither slots nor texts nor indexes grow with them.
TEST_F(Eviction, MemoryIsThatOfTheKeysThatAreThere) {
  std::size_t bytes_early = 0;
  Micros now = 1'000'000;
  for (int i = 0; i < 1'000'000; ++i) {
    if (i % 10 == 0) ++now;  // 16,000 keys in a horizon
    event("party-" + std::to_string(i), now);
    if (i % 1'000 == 0) window.collect(&collected);
    if (i == 100'000) bytes_early = window.bytes();
  }
  EXPECT_LT(window.key_count(), 19'000u);
  EXPECT_LT(window.slot_count(), 30'000u);
  EXPECT_LT(window.dictionary().in_use(), 30'000u);
  EXPECT_LT(window.dictionary().size(), 30'000u);
  EXPECT_LT(window.bytes(), bytes_early + bytes_early / 4);
}

// Which keys there are, by the rule and by nothing else; whatever the flusher does.
TEST_F(Eviction, IsAFunctionOfTheEventsAlone) {
  struct Span {
    Micros last = 0;
    bool is_over = false;
  };
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    Window tested({{.pane_length = kPane, .dimensions = 1, .max_keys = 20}},
                  {.allowed_lateness = kLateness, .correction_horizon = kHorizon});
    std::map<std::string, std::size_t> keys;  // and their spans
    std::vector<Span> spans(1);
    Micros watermark = 0, begin = 0, time = 5'000;
    std::size_t over_limit = 0, left = 0;
    Collected found;
    for (int i = 0; i < 20'000; ++i) {
      time += static_cast<Micros>(random() % 4 == 0 ? random() % 30 : 0);
      if (random() % 2'000 == 0) time += static_cast<Micros>(random() % 5'000);
      if (i == 0) watermark = begin = time;
      if (time > watermark) {
        for (std::size_t s = 0; s + 1 < spans.size(); ++s) {
          if (!spans[s].is_over && watermark > spans[s].last + kHorizon) {
            spans[s].is_over = true;
            left += std::erase_if(keys, [&](const auto& key) { return key.second == s; });
          }
        }
        if (time >= begin + kSpan) {
          spans.back().last = watermark;
          spans.emplace_back();
          begin = time;
        }
        watermark = time;
      }
      const std::string key = std::to_string(random() % 40 + static_cast<unsigned>(i) / 1'000);
      const bool is_over = keys.count(key) == 0 && keys.size() >= 20;
      if (!is_over) keys[key] = spans.size() - 1;
      over_limit += is_over ? 1 : 0;

      tested.begin_event();
      tested.advance(time);
      const std::array<std::string_view, kMaxDimensions> texts{key};
      const auto choice = tested.slot(0, {kNoValue}, texts);
      ASSERT_EQ(choice.is_over_limit, is_over) << "seed " << seed << ", event " << i;
      ASSERT_EQ(tested.key_text(choice.slot, 0), is_over ? "other" : key);
      tested.publish(i);
      if (random() % (seed * 10) == 0) tested.collect(&found);
    }
    EXPECT_GT(over_limit, 100u);
    EXPECT_GT(left, 10u);
  }
}

// From the eviction on, the slot still has the key's words, and waits: for the panes that left with
// it, then for two flushes. A guess of it is one of nobody's slot.
TEST_F(Eviction, AGuessOfASlotThatWasGivenUpFindsTheKeyNew) {
  const ValueId value = window.dictionary().intern("gone");
  const SlotId slot = event("gone", 10'000).slot;
  const SlotId guess = window.guess(window.prefetch(0, {value}));
  ASSERT_EQ(guess, slot);
  pass(20'000);
  pass(20'001);
  Window::Key key;
  ASSERT_FALSE(window.read_key(slot, &key)) << "that it has been given up";
  ASSERT_EQ(window.key_count(), 0u);
  window.begin_event();
  window.advance(20'002);
  const SlotId again = window.slot(0, {value}, {}, guess).slot;
  ASSERT_NE(again, slot) << "the flusher may still mean the former key by it";
  window.add(again, 20'002, units(1), offset);
  window.publish(++offset);
  ASSERT_TRUE(window.read_key(again, &key));
  EXPECT_EQ(key.values, std::vector<std::string>{"gone"});
  EXPECT_EQ(window.guess(window.prefetch(0, {value})), again);
  EXPECT_EQ(window.key_count(), 1u);
}

// Whoever looks ahead gets the same slots as who does not: with guesses of long ago, of keys that
// have left since, and of nothing at all. `flushed_every` events; those that are rare keep slots
// that were given up waiting, with the words of keys that come back.
void expect_that_guesses_change_nothing(int flushed_every) {
  const SeriesSpec spec{.pane_length = kPane, .dimensions = 2, .max_keys = 35};
  const Options options{.allowed_lateness = kLateness, .correction_horizon = 400};
  Window plain({spec}, options), ahead({spec}, options);
  for (Window* window : {&plain, &ahead}) {
    for (int i = 0; i < 100; ++i) window->dictionary().intern(std::to_string(i));
  }
  std::mt19937 random(5);
  std::array<SlotId, 100> guesses;
  guesses.fill(kNoSlot);
  Collected collected;
  int right = 0, over_limit = 0;
  for (int i = 0; i < 200'000; ++i) {
    const Micros time = i / 4;
    // Keys come in fashion and go: 40 of 100 at a time.
    const ValueId key = (static_cast<ValueId>(random() % 40) + static_cast<ValueId>(i) / 300) % 100;
    const KeyValues values{key, 7};
    if (random() % 3 == 0) {
      guesses[key] = ahead.guess(ahead.prefetch(0, values));
      ahead.prefetch_pane(guesses[key]);
    }
    const SlotId guess = random() % 10 == 0 ? guesses[random() % 100] : guesses[key];
    for (Window* window : {&plain, &ahead}) {
      window->begin_event();
      window->advance(time);
    }
    const SlotChoice expected = plain.slot(0, values, {});
    const SlotChoice got = ahead.slot(0, values, {}, guess);
    ASSERT_EQ(got.slot, expected.slot) << i;
    ASSERT_EQ(got.is_over_limit, expected.is_over_limit) << i;
    right += guess == got.slot ? 1 : 0;
    over_limit += got.is_over_limit ? 1 : 0;
    for (Window* window : {&plain, &ahead}) {
      window->add(got.slot, time, units(1), i);
      window->publish(i + 1);
      if (i % flushed_every == 0) window->collect(&collected);
    }
  }
  EXPECT_GT(right, 80'000);
  EXPECT_GT(over_limit, 100);
  EXPECT_EQ(plain.key_count(), ahead.key_count());
}

TEST(Guess, ChangesNoAnswer) { expect_that_guesses_change_nothing(5'000); }
TEST(Guess, ChangesNoAnswerWhileSlotsWaitForTheFlusher) {
  expect_that_guesses_change_nothing(60'000);
}

}  // namespace
}  // namespace surgewatch::window
