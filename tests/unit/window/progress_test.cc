// Who must go on does go on while one thread is stopped at any of the named points of
// lib/window/points.h: the writer whatever the flusher and readers do, flusher and readers whatever
// the writer does. The library is compiled for this test with its points (see CMakeLists.txt).
//
// A thread that reaches the point at which the test wants it stopped waits there. Then each of the
// others must finish a number of operations within a deadline that is far beyond what they take: a
// lock, or a reader that waits for the writer, would never finish.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "window/window.h"

#ifndef SURGEWATCH_WINDOW_POINTS
#error "to be compiled with the points"
#endif

namespace surgewatch::window {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds kDeadline{60};
constexpr std::uint64_t kOperations = 150;

// Stops the first thread that comes to the point.
class Gate {
 public:
  void close(Point point) {
    const std::lock_guard lock(mutex_);
    wanted_ = point;
    is_held_ = false;
    is_closed_.store(true);
  }
  void open() {
    const std::lock_guard lock(mutex_);
    is_closed_.store(false);
    is_held_ = false;
    changed_.notify_all();
  }
  void pass(Point point) {
    if (!is_closed_.load(std::memory_order_relaxed)) return;
    std::unique_lock lock(mutex_);
    if (!is_closed_.load() || is_held_ || point != wanted_) return;
    is_held_ = true;
    holder_ = std::this_thread::get_id();
    changed_.notify_all();
    changed_.wait(lock, [this] { return !is_closed_.load(); });
  }
  // The thread that is stopped; none within the deadline is no thread.
  std::thread::id wait_held() {
    std::unique_lock lock(mutex_);
    const bool held = changed_.wait_for(lock, kDeadline, [this] { return is_held_; });
    return held ? holder_ : std::thread::id();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> is_closed_{false};
  Point wanted_ = Point::kCount;
  bool is_held_ = false;
  std::thread::id holder_;
};

Gate gate, second_gate;

constexpr Micros kPane = 100;
constexpr Micros kLateness = 300;
constexpr Micros kBegin = 100'000;
constexpr std::uint64_t kHotReads = 4;

// Writer, flusher and two readers over one window, for as long as the test wants.
class Crew {
 public:
  // The gates are closed when the window is there: making it passes points, too.
  explicit Crew(Point point, Point second = Point::kCount) {
    gate.close(point);
    second_gate.close(second);
    threads_[0] = std::thread([this] { run(0, [this](std::uint64_t n) { write(n); }); });
    threads_[1] = std::thread([this] { run(1, [this](std::uint64_t) { flush(); }); });
    threads_[2] = std::thread([this] { run(2, [this](std::uint64_t n) { read(n); }); });
    threads_[3] = std::thread([this] { run(3, [this](std::uint64_t n) { read(n + 7); }); });
  }
  ~Crew() {
    is_over_.store(true);
    gate.open();
    second_gate.open();
    for (std::thread& thread : threads_) thread.join();
  }

  // Whether every thread but the stopped ones does so many operations from now on.
  testing::AssertionResult all_but(const std::vector<std::thread::id>& stopped) {
    std::array<std::uint64_t, 4> goal;
    for (std::size_t i = 0; i < goal.size(); ++i) goal[i] = done_[i].load() + kOperations;
    const auto until = steady_clock::now() + kDeadline;
    for (std::size_t i = 0; i < goal.size(); ++i) {
      const std::thread::id id = threads_[i].get_id();
      if (std::find(stopped.begin(), stopped.end(), id) != stopped.end()) continue;
      while (done_[i].load() < goal[i]) {
        if (steady_clock::now() > until) {
          return testing::AssertionFailure() << kNames[i] << " does not go on";
        }
        std::this_thread::yield();
      }
    }
    return testing::AssertionSuccess();
  }

 private:
  static constexpr std::array<const char*, 4> kNames{"the writer", "the flusher", "reader 1",
                                                     "reader 2"};

  template <typename Operation>
  void run(std::size_t who, Operation&& operation) {
    for (std::uint64_t n = 0; !is_over_.load(std::memory_order_relaxed); ++n) {
      operation(n);
      done_[who].fetch_add(1);
    }
  }

  // A hot key, keys that come and go, time that moves on, what is too late, and sums that are too
  // much for 64 bits.
  void write(std::uint64_t n) {
    const auto offset = static_cast<std::int64_t>(n);
    const Micros now = kBegin + static_cast<Micros>(n) * 7;
    window_.begin_event();
    window_.advance(now);
    add("hot", now, 1, offset);
    for (std::uint64_t part = 0; part < 4; ++part) {
      add("key" + std::to_string((n * 4 + part) % 5'000), now, 1, offset);
    }
    add("late", now - 10 * kLateness, 1, offset);
    if (n % 16 == 0) add("much", now, INT64_MAX / 2, offset);
    window_.publish(offset + 1);
  }
  void add(const std::string& key, Micros time, std::int64_t count, std::int64_t offset) {
    const std::array<std::string_view, kMaxDimensions> texts{key};
    const SlotId slot = window_.slot(0, {kNoValue}, texts).slot;
    MeasureValues values;
    values.values.fill(count);
    window_.add(slot, time, values, offset);
  }

  void flush() { window_.collect(&collected_); }

  // The hot key's newest panes, which the writer is likely to be in, and any others.
  void read(std::uint64_t n) {
    const Micros watermark = window_.progress().watermark.value_or(kBegin);
    const std::uint32_t slots = window_.slot_count();
    if (slots == 0) return;
    const PaneIndex newest = pane_of(watermark, kPane);
    PaneSnapshot snapshot;
    for (std::uint64_t i = 0; i < kHotReads; ++i) {
      window_.read(0, newest, &snapshot);
      window_.read(0, newest + 1, &snapshot);
    }
    const auto slot = static_cast<SlotId>(n * 2'654'435'761u % slots);
    window_.read(slot, newest - static_cast<PaneIndex>(n % 4), &snapshot);
    Window::Key key;
    window_.read_key(slot, &key);
  }

  Window window_{{{.pane_length = kPane, .dimensions = 1, .max_keys = 100'000}},
                 {.allowed_lateness = kLateness,
                  .out_of_orderness = 0,
                  .correction_horizon = 2'000,
                  .dirty_ring_capacity = 32}};
  Collected collected_;
  std::atomic<bool> is_over_{false};
  std::array<std::atomic<std::uint64_t>, 4> done_{};
  std::array<std::thread, 4> threads_;
};

class StoppedAt : public testing::TestWithParam<int> {};

TEST_P(StoppedAt, NobodyWaitsForAThreadThatIsStopped) {
  const auto point = static_cast<Point>(GetParam());
  Crew crew(point);
  const std::thread::id stopped = gate.wait_held();
  ASSERT_NE(stopped, std::thread::id()) << "nobody came to this point";
  EXPECT_TRUE(crew.all_but({stopped}));
  // Nor does the stop leave anything behind.
  gate.open();
  EXPECT_TRUE(crew.all_but({}));
}

// That one needs the writer in a write: a test of its own.
constexpr bool needs_another(int point) {
  return static_cast<Point>(point) == Point::kReadingOutcome;
}
std::vector<int> points() {
  std::vector<int> points;
  for (int point = 0; point < static_cast<int>(Point::kCount); ++point) {
    if (!needs_another(point)) points.push_back(point);
  }
  return points;
}

INSTANTIATE_TEST_SUITE_P(AtEachPoint, StoppedAt, testing::ValuesIn(points()),
                         [](const testing::TestParamInfo<int>& point) {
                           return std::string(kPointNames[static_cast<std::size_t>(point.param)]);
                         });

// The writer is stopped in a write, and another thread while it reads what that write will bring.
TEST(StoppedAtOnce, NobodyWaitsForTwoThreadsThatAreStopped) {
  Crew crew(Point::kAdding, Point::kReadingOutcome);
  const std::thread::id writer = gate.wait_held();
  ASSERT_NE(writer, std::thread::id());
  const std::thread::id other = second_gate.wait_held();
  ASSERT_NE(other, std::thread::id());
  EXPECT_TRUE(crew.all_but({writer, other}));
  gate.open();
  EXPECT_TRUE(crew.all_but({other}));
  second_gate.open();
  EXPECT_TRUE(crew.all_but({}));
}

// ---- What a reader sees of a write that has stopped, exactly -----------------------------------

// The writer is stopped in an addition to a pane that holds 1: whoever reads it meanwhile gets what
// it will hold, 3, and the flusher, whose offset does not cover that addition, gets it too.
TEST(StoppedWrite, IsReadAsItWillBe) {
  Window window({{.pane_length = kPane, .dimensions = 1, .max_keys = 10}},
                {.allowed_lateness = kLateness, .out_of_orderness = 0});
  const std::array<std::string_view, kMaxDimensions> texts{"a"};
  const auto event = [&](std::int64_t count, std::int64_t offset) {
    window.begin_event();
    window.advance(1'000);
    MeasureValues values;
    values.values.fill(count);
    window.add(window.slot(0, {kNoValue}, texts).slot, 1'000, values, offset);
    window.publish(offset + 1);
  };
  event(1, 0);
  gate.close(Point::kAdding);
  std::thread writer([&] { event(2, 1); });
  EXPECT_EQ(gate.wait_held(), writer.get_id());

  PaneSnapshot snapshot;
  EXPECT_TRUE(window.read(0, 10, &snapshot));
  for (const std::int64_t value : snapshot.values.values) EXPECT_EQ(value, 3);
  EXPECT_EQ(window.progress().next_offset, 1);
  Collected collected;
  EXPECT_TRUE(window.collect(&collected));
  EXPECT_EQ(collected.progress.next_offset, 1);
  ASSERT_EQ(collected.panes.size(), 1u);
  EXPECT_EQ(collected.panes[0].values.values[0], 3);

  gate.open();
  writer.join();
  EXPECT_TRUE(window.collect(&collected));
  EXPECT_EQ(collected.progress.next_offset, 2);
}

// A pane that is being given to another key is nobody's until that is done.
TEST(StoppedWrite, OfATagIsAMiss) {
  Window window({{.pane_length = kPane, .dimensions = 1, .max_keys = 10}},
                {.allowed_lateness = kLateness, .out_of_orderness = 0});
  const std::array<std::string_view, kMaxDimensions> texts{"a"};
  gate.close(Point::kAssigning);
  std::thread writer([&] {
    window.begin_event();
    window.advance(1'000);
    window.add(window.slot(0, {kNoValue}, texts).slot, 1'000, {}, 0);
    window.publish(1);
  });
  EXPECT_EQ(gate.wait_held(), writer.get_id());
  PaneSnapshot snapshot;
  EXPECT_FALSE(window.read(0, 10, &snapshot));
  gate.open();
  writer.join();
  EXPECT_TRUE(window.read(0, 10, &snapshot));
}

}  // namespace

void at_point(Point point) {
  gate.pass(point);
  second_gate.pass(point);
}

}  // namespace surgewatch::window
