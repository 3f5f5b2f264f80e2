// What a pane says of its largest document: exact or a bound, for a new key nothing of the former
// one, and to the flusher never less than what it was promised.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "window/largest_documents.h"
#include "window/window.h"

namespace surgewatch::window {
namespace {

Largest exactly(std::int64_t amount) { return {.known = amount, .bound = 0}; }
Largest at_most(std::int64_t amount) { return {.known = 0, .bound = amount}; }

TEST(LargestDocuments, SayTheLargest) {
  LargestDocuments documents;
  EXPECT_EQ(documents.largest(), exactly(0));
  documents.take_in(5);
  documents.take_in(9);
  documents.take_in(7);
  EXPECT_EQ(documents.largest(), exactly(9));
}

TEST(LargestDocuments, PassOverWhatSubtracts) {
  LargestDocuments documents;
  documents.take_in(-9);
  documents.take_in(0);
  documents.take_out(-9);
  EXPECT_EQ(documents.largest(), exactly(0));
  documents.take_in(1);
  documents.take_out(-9);
  EXPECT_EQ(documents.largest(), exactly(1));
}

TEST(LargestDocuments, AreExactWhileOneThatWasKeptIsLeft) {
  LargestDocuments documents;
  for (const std::int64_t amount : {4, 8, 6, 2}) documents.take_in(amount);
  documents.take_out(8);
  EXPECT_EQ(documents.largest(), exactly(6));
  documents.take_out(6);
  EXPECT_EQ(documents.largest(), exactly(4));
  documents.take_out(4);
  EXPECT_EQ(documents.largest(), at_most(2));
}

TEST(LargestDocuments, AreExactToTheLastIfNoneWasEverLeftOut) {
  LargestDocuments documents;
  for (const std::int64_t amount : {4, 8, 6}) documents.take_in(amount);
  for (const std::int64_t amount : {8, 4}) documents.take_out(amount);
  EXPECT_EQ(documents.largest(), exactly(6));
  documents.take_out(6);
  EXPECT_EQ(documents.largest(), exactly(0));
}

TEST(LargestDocuments, AreKnownAgainFromTheBoundUp) {
  LargestDocuments documents;
  for (const std::int64_t amount : {10, 10, 10, 10}) documents.take_in(amount);
  for (int i = 0; i < 3; ++i) documents.take_out(10);
  EXPECT_EQ(documents.largest(), at_most(10));
  documents.take_in(9);
  EXPECT_EQ(documents.largest(), at_most(10));
  documents.take_in(10);
  EXPECT_EQ(documents.largest(), exactly(10));
  documents.take_in(11);
  EXPECT_EQ(documents.largest(), exactly(11));
}

TEST(LargestDocuments, TakingOneOutThatWasNotKeptChangesNothing) {
  LargestDocuments documents;
  for (const std::int64_t amount : {4, 8, 6, 2}) documents.take_in(amount);
  documents.take_out(2);
  EXPECT_EQ(documents.largest(), exactly(8));
}

TEST(LargestDocuments, NeverSayWhatIsNotSo) {
  std::mt19937 random(3);
  std::uint64_t exact = 0, bounds = 0;
  for (int round = 0; round < 2'000; ++round) {
    LargestDocuments documents;
    std::multiset<std::int64_t> truth;
    const int range = round % 2 == 0 ? 6 : 100'000;  // with and without equal ones
    int taken_out = 0;
    for (int i = 0; i < 60; ++i) {
      if (!truth.empty() && random() % 3 == 0) {
        // Mostly the largest.
        auto victim = std::prev(truth.end());
        if (random() % 4 == 0) {
          victim = std::next(truth.begin(), static_cast<std::ptrdiff_t>(random() % truth.size()));
        }
        documents.take_out(*victim);
        truth.erase(victim);
        ++taken_out;
      } else {
        const auto amount = static_cast<std::int64_t>(1 + random() % static_cast<unsigned>(range));
        documents.take_in(amount);
        truth.insert(amount);
      }
      const Largest largest = documents.largest();
      const std::int64_t most = truth.empty() ? 0 : *truth.rbegin();
      if (largest.is_exact()) {
        ASSERT_EQ(largest.known, most);
      } else {
        ASSERT_GE(largest.bound, most);
      }
      if (taken_out < 3) {
        ASSERT_TRUE(largest.is_exact());
      }
      ++(largest.is_exact() ? exact : bounds);
    }
  }
  EXPECT_GT(bounds, 1'000u);
  EXPECT_GT(exact, bounds);
}

TEST(Largest, IsTheSameAfterTheJournal) {
  for (const Largest& one : {exactly(0), exactly(7), at_most(7), Largest::nothing_known()}) {
    EXPECT_EQ(Largest::decoded(one.encoded()), one);
  }
  EXPECT_EQ(Largest::decoded(INT64_MIN), Largest::nothing_known());
}

TEST(Largest, OfSeveralIsExactUnlessABoundIsHigher) {
  Largest both = exactly(5);
  both.merge(at_most(5));
  EXPECT_TRUE(both.is_exact());
  both.merge(at_most(6));
  EXPECT_FALSE(both.is_exact());
  EXPECT_EQ(both.at_most(), 6);
  both.merge(exactly(6));
  EXPECT_TRUE(both.is_exact());
}

MeasureValues revenue(std::int64_t amount) {
  MeasureValues values;
  values[Measure::kDocuments] = amount < 0 ? -1 : 1;
  values[Measure::kRevenueUsd] = amount;
  return values;
}

constexpr Micros kPane = 100;

SeriesSpec spec(bool keeps) {
  return {.pane_length = kPane,
          .dimensions = 1,
          .max_keys = 1'000,
          .largest = keeps ? std::optional<Measure>(Measure::kRevenueUsd) : std::nullopt};
}

class Writer {
 public:
  explicit Writer(Window* window) : window_(window) {}

  void add(std::size_t series, std::string_view key, Micros time, std::int64_t amount,
           Effect effect = Effect::kTakeIn) {
    window_->begin_event();
    window_->advance(time);
    const std::array<std::string_view, kMaxDimensions> texts{key};
    const SlotId slot = window_->slot(series, {kNoValue}, texts).slot;
    const MeasureValues values = revenue(amount);
    window_->add(slot, time, effect == Effect::kTakeIn ? values : values.negated(), offset_,
                 effect);
    window_->publish(++offset_);
  }

 private:
  Window* window_;
  std::int64_t offset_ = 0;
};

// By key and pane.
std::map<std::pair<std::string, PaneIndex>, Largest> largest_of(Window* window) {
  std::map<std::pair<std::string, PaneIndex>, Largest> result;
  Collected collected;
  window->collect(&collected);
  for (const Collected::PaneLargest& one : collected.largest) {
    const PaneSnapshot& pane = collected.panes[one.pane];
    result[{std::string(window->key_text(pane.slot, 0)), pane.pane_index}] = one.document;
  }
  return result;
}

TEST(WindowLargest, ComesWithEachPaneOfASeriesThatKeepsIt) {
  Window window({spec(true), spec(false)}, {.allowed_lateness = 500});
  Writer writer(&window);
  writer.add(0, "SG", 1'000, 7);
  writer.add(1, "SG", 1'000, 100);
  writer.add(0, "SG", 1'001, 9);
  writer.add(0, "US", 1'100, 3);
  auto found = largest_of(&window);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ((found[{"SG", 10}]), exactly(9));
  EXPECT_EQ((found[{"US", 11}]), exactly(3));
  writer.add(0, "SG", 1'001, 9, Effect::kTakeOut);
  found = largest_of(&window);
  EXPECT_EQ((found[{"SG", 10}]), exactly(7));
}

TEST(WindowLargest, OfACreditNoteThatIsTakenOutIsNone) {
  Window window({spec(true)}, {.allowed_lateness = 500});
  Writer writer(&window);
  writer.add(0, "SG", 1'000, -7);
  EXPECT_EQ((largest_of(&window)[{"SG", 10}]), exactly(0));
  writer.add(0, "SG", 1'000, -7, Effect::kTakeOut);
  EXPECT_EQ((largest_of(&window)[{"SG", 10}]), exactly(0));
}

TEST(WindowLargest, OfARecycledPaneKnowsNothingOfTheFormer) {
  Window window({spec(true)}, {.allowed_lateness = 500});
  Writer writer(&window);
  for (int i = 0; i < 10; ++i) writer.add(0, "SG", 1'000, 1'000'000);
  std::uint32_t capacity = 0;
  for (Micros time = 1'100; time < 20'000; time += kPane) {
    writer.add(0, "SG", time, 5);
    const auto found = largest_of(&window);
    const auto it = found.find({"SG", time / kPane});
    ASSERT_NE(it, found.end());
    ASSERT_EQ(it->second, exactly(5)) << time;
    if (time == 10'000) capacity = window.pane_capacity();
  }
  EXPECT_EQ(window.pane_capacity(), capacity) << "that panes were recycled";
}

// The writer takes documents in and out; of each event it is known, before it happens, what the
// pane then has. What a flush says of a pane must have been so after an event at or behind its
// offset, and behind what was said before.
TEST(WindowLargestStress, FlushesSayWhatAPrefixNoShorterThanPromisedHas) {
  constexpr int kEvents = 200'000;
  constexpr int kKeys = 5;
  struct Event {
    int key = 0;
    Micros time = 0;
    std::int64_t amount = 0;
    Effect effect = Effect::kTakeIn;
  };
  std::mt19937 random(11);
  std::vector<Event> events;
  // After each event of the pane: its number and the largest.
  using History = std::vector<std::pair<std::int64_t, Largest>>;
  std::map<std::pair<int, PaneIndex>, History> histories;
  {
    std::map<std::pair<int, PaneIndex>, LargestDocuments> panes;
    std::map<std::pair<int, PaneIndex>, std::vector<std::int64_t>> held;
    Micros now = 100'000;
    for (int i = 0; i < kEvents; ++i) {
      now += static_cast<Micros>(random() % 3);
      const int key = static_cast<int>(random() % kKeys);
      const std::pair pane{key, pane_of(now, kPane)};
      std::vector<std::int64_t>& amounts = held[pane];
      const Micros time = now;
      if (!amounts.empty() && random() % 3 == 0) {
        const auto victim = random() % 2 == 0 ? std::max_element(amounts.begin(), amounts.end())
                                              : std::prev(amounts.end());
        events.push_back({key, time, *victim, Effect::kTakeOut});
        panes[pane].take_out(*victim);
        amounts.erase(victim);
      } else {
        const auto amount = static_cast<std::int64_t>(1 + random() % 1'000);
        events.push_back({key, time, amount, Effect::kTakeIn});
        panes[pane].take_in(amount);
        amounts.push_back(amount);
      }
      histories[pane].emplace_back(i, panes[pane].largest());
    }
  }

  // A ring that is often full, and panes that leave soon.
  Window window({spec(true)}, {.allowed_lateness = kPane, .dirty_ring_capacity = 4});
  std::atomic<bool> is_done{false};
  std::atomic<int> flushes{0};
  std::thread writer_thread([&] {
    Writer writer(&window);
    for (int i = 0; i < kEvents; ++i) {
      const Event& event = events[static_cast<std::size_t>(i)];
      writer.add(0, std::to_string(event.key), event.time, event.amount, event.effect);
      if (i % 500 == 0) {
        const int before = flushes.load(std::memory_order_acquire);
        while (flushes.load(std::memory_order_acquire) == before) std::this_thread::yield();
      }
    }
    is_done.store(true, std::memory_order_release);
  });
  std::map<std::pair<int, PaneIndex>, Largest> last;
  std::uint64_t wrong = 0, seen = 0;
  for (bool is_last = false; !is_last;) {
    is_last = is_done.load(std::memory_order_acquire);
    Collected collected;
    window.collect(&collected);
    for (const Collected::PaneLargest& one : collected.largest) {
      const PaneSnapshot& pane = collected.panes[one.pane];
      const std::pair key{std::stoi(std::string(window.key_text(pane.slot, 0))), pane.pane_index};
      const History& history = histories[key];
      // From the last event below the offset on.
      auto from = std::lower_bound(
          history.begin(), history.end(), collected.progress.next_offset,
          [](const auto& entry, std::int64_t offset) { return entry.first < offset; });
      if (from != history.begin()) --from;
      wrong += std::none_of(from, history.end(),
                            [&](const auto& entry) { return entry.second == one.document; })
                   ? 1
                   : 0;
      last[key] = one.document;
      ++seen;
    }
    flushes.fetch_add(1, std::memory_order_acq_rel);
  }
  writer_thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(seen, histories.size());
  ASSERT_EQ(last.size(), histories.size());
  for (const auto& [key, history] : histories) {
    EXPECT_EQ(last[key], history.back().second) << key.first << " " << key.second;
  }
}

}  // namespace
}  // namespace surgewatch::window
