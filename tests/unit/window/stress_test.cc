// Writer, flusher and readers at once. Run under ThreadSanitizer for the memory orders, and without
// for speed and the sums.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "window/window.h"

namespace surgewatch::window {
namespace {

constexpr Micros kPane = 100;
constexpr Micros kLateness = 500;
// Events after which the writer of a test waits for one more flush, at least.
constexpr std::int64_t kEventsAFlush = 500;

// Every measure the same, so that a torn read shows.
MeasureValues all(std::int64_t count) {
  MeasureValues values;
  values.values.fill(count);
  return values;
}
bool is_torn(const MeasureValues& values) {
  for (const std::int64_t value : values.values) {
    if (value != values.values[0]) return true;
  }
  return false;
}

using Key = std::pair<std::string, PaneIndex>;

// What a key's contributions are multiples of, so that sums of another key show. `other` gets all.
std::int64_t unit_of(std::string_view key) {
  if (key == "other") return 1;
  std::int64_t number = 0;
  for (const char digit : key) number = number * 10 + (digit - '0');
  return 1 + number % 97;
}

struct Plan {
  const char* name = "";
  int events = 0;
  std::size_t ring = 0;
  std::size_t max_keys = 0;
  unsigned keys = 0;        // 0: more and more
  unsigned time_step = 20;  // below a pane: how many events share one
  int per_new_key = 0;      // unless 0: keys come and go, one each so many events
};

void PrintTo(const Plan& plan, std::ostream* out) { *out << plan.name; }

class Stress : public testing::TestWithParam<Plan> {
 protected:
  Stress()
      : window_({{.pane_length = kPane, .dimensions = 1, .max_keys = GetParam().max_keys}},
                {.allowed_lateness = kLateness,
                 .out_of_orderness = 0,
                 .dirty_ring_capacity = GetParam().ring}) {}

  // Keys grow as it goes on; time moves on slowly, so that panes leave and come; some contributions
  // lie far behind.
  void write() {
    std::mt19937 random(7);
    Micros now = 100'000;
    for (std::int64_t offset = 0; offset < GetParam().events; ++offset) {
      now += static_cast<Micros>(random() % GetParam().time_step);
      window_.begin_event();
      window_.advance(now);
      for (int part = 0; part < 2; ++part) {
        const unsigned keys =
            GetParam().keys != 0 ? GetParam().keys : 1 + static_cast<unsigned>(offset) / 20;
        const auto first = GetParam().per_new_key == 0
                               ? 0u
                               : static_cast<unsigned>(offset / GetParam().per_new_key);
        const std::string key = std::to_string(first + static_cast<unsigned>(random()) % keys);
        const std::array<std::string_view, kMaxDimensions> texts{key};
        const SlotId slot = window_.slot(0, {kNoValue}, texts).slot;
        const bool is_hot = GetParam().keys != 0 && random() % 4 != 0;
        const Micros back = is_hot               ? 0
                            : random() % 10 == 0 ? 5'000
                                                 : static_cast<Micros>(random() % kLateness);
        const std::string text(window_.key_text(slot, 0));
        window_.add(slot, now - back, all(unit_of(key)), offset);
        written_[{text, pane_of(now - back, kPane)}] += unit_of(key);
      }
      window_.publish(offset + 1);
      if (offset % kEventsAFlush == 0) await_flush();
    }
    is_done_.store(true, std::memory_order_release);
  }

  // Panes, slots and texts come back through the flusher: how many are needed at once is a function
  // of its pace, which the scheduler must not decide.
  void await_flush() const {
    const std::int64_t before = flushes_.load(std::memory_order_acquire);
    while (flushes_.load(std::memory_order_acquire) == before) std::this_thread::yield();
  }

  std::string text_of(SlotId slot) const { return std::string(window_.key_text(slot, 0)); }

  void flush() {
    bool is_last = false;
    Collected collected;
    while (true) {
      is_last = is_done_.load(std::memory_order_acquire);
      if (window_.collect(&collected)) {
        for (const PaneSnapshot& pane : collected.panes) {
          torn_ += is_torn(pane.values) ? 1 : 0;
          snapshots_[{text_of(pane.slot), pane.pane_index}] = pane.values.values[0];
        }
        for (const Correction& correction : collected.corrections) {
          disorder_ += correction.offset < last_offset_ ? 1 : 0;
          last_offset_ = correction.offset;
          corrections_[{text_of(correction.slot), correction.pane_index}] +=
              correction.values.values[0];
        }
      }
      if (is_last) return;
      flushes_.fetch_add(1, std::memory_order_release);
      std::this_thread::yield();
    }
  }

  void read(unsigned seed) {
    std::mt19937 random(seed);
    while (!is_done_.load(std::memory_order_acquire)) {
      const std::uint32_t slots = window_.slot_count();
      const auto watermark = window_.progress().watermark;
      if (slots == 0 || !watermark) continue;
      const SlotId slot = static_cast<SlotId>(random() % slots);
      const PaneIndex index =
          pane_of(*watermark, kPane) - static_cast<PaneIndex>(random() % 7) * (random() % 2);
      Window::Key key;
      if (!window_.read_key(slot, &key)) continue;
      if (key.values[0].empty()) ++bad_reads_;
      PaneSnapshot snapshot;
      if (!window_.read(slot, key.generation, index, &snapshot)) continue;
      if (is_torn(snapshot.values) || snapshot.slot != slot || snapshot.pane_index != index ||
          snapshot.values.values[0] % unit_of(key.values[0]) != 0) {
        ++bad_reads_;
      }
      ++good_reads_;
      // A pane far above the floor does not go: missing it now would be the index's fault. (The
      // event in progress may be ahead of the watermark by a time step, two panes at most.)
      if (window_.read(slot, key.generation, index, &snapshot)) continue;
      if (index > pane_of(*window_.progress().watermark, kPane) - 2) ++bad_reads_;
    }
  }

  Window window_;
  std::atomic<bool> is_done_{false};
  std::atomic<std::int64_t> flushes_{0};
  std::map<Key, std::int64_t> written_;                  // writer's
  std::map<Key, std::int64_t> snapshots_, corrections_;  // flusher's
  std::int64_t torn_ = 0, disorder_ = 0, last_offset_ = 0;
  std::atomic<std::int64_t> bad_reads_{0}, good_reads_{0};
};

TEST_P(Stress, NothingIsLostTornOrCountedTwice) {
  std::thread flusher([this] { flush(); });
  std::vector<std::thread> readers;
  for (unsigned seed = 1; seed <= 2; ++seed) readers.emplace_back([this, seed] { read(seed); });
  write();
  flusher.join();
  for (std::thread& reader : readers) reader.join();

  std::map<Key, std::int64_t> merged = snapshots_;
  for (const auto& [key, count] : corrections_) merged[key] += count;
  EXPECT_TRUE(merged == written_);
  EXPECT_FALSE(corrections_.empty());
  EXPECT_EQ(torn_, 0);
  EXPECT_EQ(disorder_, 0);
  EXPECT_EQ(bad_reads_, 0);
  // Panes were recycled: far fewer than were ever written.
  EXPECT_LT(window_.pane_capacity(), written_.size());
  if (GetParam().per_new_key == 0) return;
  // So were slots and texts.
  const auto ever = static_cast<std::uint32_t>(GetParam().events / GetParam().per_new_key);
  EXPECT_GT(ever, 4'000u);
  EXPECT_LT(window_.slot_count(), ever / 2);
  EXPECT_LT(window_.dictionary().size(), ever / 2);
}

INSTANTIATE_TEST_SUITE_P(
    Window, Stress,
    testing::Values(Plan{"Usual", 30'000, 1 << 14, 100'000},
                    Plan{"RingOftenFull", 30'000, 8, 100'000},
                    Plan{"KeysOverTheLimit", 30'000, 1 << 10, 20},
                    Plan{"AllAtOnePane", 200'000, 1 << 10, 20, 1, 2},
                    Plan{"EverAnotherPane", 100'000, 1 << 10, 20, 1, 200},
                    Plan{"KeysComeAndGo", 30'000, 1 << 10, 100'000, 20, 20, 5},
                    Plan{"KeysComeAndGoAtTheLimit", 30'000, 64, 30, 20, 20, 5}),
    [](const testing::TestParamInfo<Plan>& plan) { return std::string(plan.param.name); });

}  // namespace
}  // namespace surgewatch::window
