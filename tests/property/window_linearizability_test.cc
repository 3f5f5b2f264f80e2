// Is what concurrent threads see of a window what some order of its operations explains?
//
// The log of additions is made first, from a seed, and what each prefix of it makes of each pane is
// known from a sequential reference. Then a writer plays it while a flusher and readers look. Since
// one thread writes, the order of the writes is given, and linearizability comes down to intervals:
// a read must give the value after some prefix that holds every event published before the read
// began, and none that begins after it has ended. All that one reader sees has to fit one growing
// prefix, too.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "window/window.h"

namespace surgewatch::window {
namespace {

constexpr Micros kPane = 100;
constexpr Micros kLateness = 400;
constexpr std::int64_t kEvents = 6'000;
constexpr std::int64_t kPace = 100;

using Where = std::pair<std::string, PaneIndex>;  // key and pane

struct Part {
  std::string key;
  Micros time = 0;
  MeasureValues values;
};
struct Event {
  Micros watermark = 0;
  std::vector<Part> parts;
};

struct Plan {
  const char* name;
  unsigned seed;
  unsigned keys;                // at once
  std::int64_t events_per_key;  // after so many events the keys are others; 0: never
  std::size_t ring;
  unsigned time_step;
};
void PrintTo(const Plan& plan, std::ostream* out) { *out << plan.name; }

std::vector<Event> make_log(const Plan& plan) {
  std::mt19937 random(plan.seed);
  std::vector<Event> log;
  Micros now = 50'000;
  for (std::int64_t offset = 0; offset < kEvents; ++offset) {
    now += static_cast<Micros>(random() % plan.time_step);
    Event event{.watermark = now, .parts = {}};
    const std::int64_t age = plan.events_per_key == 0 ? 0 : offset / plan.events_per_key;
    for (auto parts = 1 + random() % 3; parts > 0; --parts) {
      const Micros back =
          random() % 12 == 0 ? 3 * kLateness : static_cast<Micros>(random() % kLateness);
      MeasureValues values;
      const auto weight = static_cast<std::int64_t>(1 + random() % 9);
      for (std::size_t i = 0; i < kMeasureCount; ++i) {
        values.values[i] = weight * static_cast<std::int64_t>(i + 1);
      }
      event.parts.push_back(
          {std::to_string(age) + "/" + std::to_string(random() % plan.keys), now - back, values});
    }
    log.push_back(std::move(event));
  }
  return log;
}

// What every prefix of the log makes of every pane.
class Reference {
 public:
  explicit Reference(const std::vector<Event>& log) {
    for (const Event& event : log) {
      const auto offset = static_cast<std::int64_t>(watermarks_.size());
      watermarks_.push_back(event.watermark);
      for (const Part& part : event.parts) {
        const Where where{part.key, pane_of(part.time, kPane)};
        if (where.second < floor_at(offset)) {
          corrections_.push_back({where, part.values, offset});
          continue;
        }
        std::vector<State>& states = panes_[where];
        State next{offset, states.empty() ? MeasureValues{} : states.back().values};
        next.values.add(part.values);
        states.push_back(next);
      }
    }
  }

  struct State {
    std::int64_t offset = 0;  // of the event that made it
    MeasureValues values;
  };
  struct Late {
    Where where;
    MeasureValues values;
    std::int64_t offset = 0;
  };

  // Additions to a pane in events below an offset.
  std::size_t below(const Where& where, std::int64_t offset) const {
    const auto found = panes_.find(where);
    if (found == panes_.end()) return 0;
    const auto end = std::partition_point(found->second.begin(), found->second.end(),
                                          [&](const State& s) { return s.offset < offset; });
    return static_cast<std::size_t>(end - found->second.begin());
  }
  // How many additions make these values; none: no number does.
  std::optional<std::size_t> additions(const Where& where, const MeasureValues& values) const {
    if (values.is_zero()) return 0;
    const auto found = panes_.find(where);
    if (found == panes_.end()) return std::nullopt;
    const auto state =
        std::partition_point(found->second.begin(), found->second.end(),
                             [&](const State& s) { return s.values.values[0] < values.values[0]; });
    if (state == found->second.end() || !(state->values == values)) return std::nullopt;
    return static_cast<std::size_t>(state - found->second.begin()) + 1;
  }
  // The event of a pane's nth addition, from 1.
  std::int64_t offset_of(const Where& where, std::size_t addition) const {
    return panes_.at(where)[addition - 1].offset;
  }
  // The floor once the event has been begun; the last one's afterwards.
  PaneIndex floor_at(std::int64_t offset) const {
    return pane_of(watermark_at(offset) - kLateness, kPane);
  }
  Micros watermark_at(std::int64_t offset) const {
    const auto last = static_cast<std::int64_t>(watermarks_.size()) - 1;
    return watermarks_[static_cast<std::size_t>(std::min(offset, last))];
  }
  const std::vector<Late>& corrections() const { return corrections_; }
  const std::map<Where, std::vector<State>>& panes() const { return panes_; }

 private:
  std::vector<Micros> watermarks_;
  std::map<Where, std::vector<State>> panes_;
  std::vector<Late> corrections_;
};

class Linearizability : public testing::TestWithParam<Plan> {
 protected:
  Linearizability()
      : log_(make_log(GetParam())),
        reference_(log_),
        window_({{.pane_length = kPane, .dimensions = 1, .max_keys = 100'000}},
                {.allowed_lateness = kLateness,
                 .out_of_orderness = 0,
                 .correction_horizon = 2'000,
                 .dirty_ring_capacity = GetParam().ring}) {}

  void write() {
    for (std::int64_t offset = 0; offset < kEvents; ++offset) {
      const Event& event = log_[static_cast<std::size_t>(offset)];
      window_.begin_event();
      window_.advance(event.watermark);
      for (const Part& part : event.parts) {
        const std::array<std::string_view, kMaxDimensions> texts{part.key};
        window_.add(window_.slot(0, {kNoValue}, texts).slot, part.time, part.values, offset);
      }
      window_.publish(offset + 1);
      if (offset % kPace == 0) wait_for_others();
    }
    is_done_.store(true, std::memory_order_release);
  }

  // However few cores there are, the others get on as well.
  void wait_for_others() {
    const std::int64_t looks = looks_.load(std::memory_order_relaxed) + kPace;
    const std::int64_t flushes = flushes_.load(std::memory_order_relaxed) + 1;
    while (looks_.load(std::memory_order_relaxed) < looks ||
           flushes_.load(std::memory_order_relaxed) < flushes) {
      std::this_thread::yield();
    }
  }

  // ---- Readers.
  struct Seen {
    std::int64_t prefix = 0;                 // every event below it must be seen
    std::map<Where, std::size_t> additions;  // of each pane
    std::int64_t hits = 0;
  };

  std::int64_t check_progress() {
    const Progress progress = window_.progress();
    const std::int64_t offset = progress.next_offset;
    if (offset > 0 && progress.watermark != reference_.watermark_at(offset - 1)) {
      fail("progress: the watermark is not that of the offset");
    }
    return offset;
  }

  void read(unsigned seed) {
    std::mt19937 random(seed);
    Seen seen;
    while (!is_done_.load(std::memory_order_acquire)) {
      looks_.fetch_add(1, std::memory_order_relaxed);
      const std::uint32_t slots = window_.slot_count();
      if (slots == 0) continue;
      const auto slot = static_cast<SlotId>(random() % slots);
      Window::Key key;
      if (!window_.read_key(slot, &key)) continue;
      const std::int64_t before = check_progress();
      if (before < seen.prefix - 1) fail("progress goes back behind what was seen");
      const Micros now = reference_.watermark_at(before);
      const Where where{key.values[0], pane_of(now, kPane) - static_cast<PaneIndex>(random() % 6)};
      PaneSnapshot snapshot;
      const bool found = window_.read(slot, key.generation, where.second, &snapshot);
      const std::int64_t after = check_progress();
      check_read(where, before, after, found ? &snapshot : nullptr, &seen);
    }
    hits_ += seen.hits;
  }

  void check_read(const Where& where, std::int64_t before, std::int64_t after,
                  const PaneSnapshot* snapshot, Seen* seen) {
    const std::size_t least =
        std::max(reference_.below(where, std::max(before, seen->prefix)), seen->additions[where]);
    if (snapshot == nullptr) {
      // Not there yet, or it may have gone.
      if (least > 0 && where.second >= reference_.floor_at(after)) fail("a pane is missed");
      return;
    }
    const auto additions = reference_.additions(where, snapshot->values);
    if (!additions) return fail("a pane holds what no prefix makes of it");
    if (*additions < least) fail("a pane is older than what was published or seen before");
    if (*additions > reference_.below(where, after + 1)) fail("a pane is ahead of the log");
    seen->additions[where] = *additions;
    ++seen->hits;
    if (*additions == 0) return;
    // Of the event that made it only this part need be there.
    seen->prefix = std::max(seen->prefix, reference_.offset_of(where, *additions));
  }

  // ---- The flusher.
  void flush() {
    std::map<Where, std::size_t> reported;
    std::size_t corrections = 0;
    std::int64_t last = 0;
    Collected collected;
    while (true) {
      const bool is_last = is_done_.load(std::memory_order_acquire);
      flushes_.fetch_add(1, std::memory_order_relaxed);
      if (window_.collect(&collected)) {
        const std::int64_t stamp = collected.progress.next_offset;
        check_panes(collected, check_progress(), &reported);
        // Whatever an event below the stamp has changed is there.
        for (std::int64_t offset = last; offset < stamp; ++offset) {
          for (const Part& part : log_[static_cast<std::size_t>(offset)].parts) {
            const Where where{part.key, pane_of(part.time, kPane)};
            if (reported[where] < reference_.below(where, stamp)) fail("a flush lacks an event");
          }
        }
        check_corrections(collected, stamp, &corrections);
        last = stamp;
      }
      if (is_last) break;
      std::this_thread::yield();
    }
    if (last != kEvents) fail("the last flush is not the end");
    for (const auto& [where, states] : reference_.panes()) {
      if (reported[where] != states.size()) fail("the end is not what the log makes");
    }
  }

  void check_panes(const Collected& collected, std::int64_t after,
                   std::map<Where, std::size_t>* reported) {
    const std::int64_t stamp = collected.progress.next_offset;
    for (const PaneSnapshot& pane : collected.panes) {
      const Where where{std::string(window_.key_text(pane.slot, 0)), pane.pane_index};
      const auto additions = reference_.additions(where, pane.values);
      if (!additions) {
        fail("a flush brings what no prefix makes of a pane");
        continue;
      }
      if (*additions < reference_.below(where, stamp)) fail("a flushed pane is behind its stamp");
      if (*additions < (*reported)[where]) fail("a flushed pane goes back");
      if (*additions > reference_.below(where, after + 1)) fail("a flushed pane is ahead");
      (*reported)[where] = *additions;
    }
  }

  void check_corrections(const Collected& collected, std::int64_t stamp, std::size_t* next) {
    for (const Correction& correction : collected.corrections) {
      const auto& all = reference_.corrections();
      if (*next == all.size()) return fail("a correction too many");
      if (correction.offset >= stamp) fail("a correction of an event in progress");
      const Reference::Late& expected = all[(*next)++];
      if (correction.offset != expected.offset || !(correction.values == expected.values) ||
          Where(std::string(window_.key_text(correction.slot, 0)), correction.pane_index) !=
              expected.where) {
        fail("another correction was due");
      }
    }
    const auto& all = reference_.corrections();
    if (*next < all.size() && all[*next].offset < stamp) fail("a correction is late");
  }

  void fail(const std::string& what) {
    const std::lock_guard lock(mutex_);
    failures_.insert(what);
  }

  const std::vector<Event> log_;
  const Reference reference_;
  Window window_;
  std::atomic<bool> is_done_{false};
  std::atomic<std::int64_t> looks_{0}, flushes_{0}, hits_{0};
  std::mutex mutex_;
  std::set<std::string> failures_;
};

TEST_P(Linearizability, EveryHistoryFitsTheLog) {
  std::thread flusher([this] { flush(); });
  std::vector<std::thread> readers;
  for (unsigned reader = 1; reader <= 2; ++reader) {
    readers.emplace_back([this, reader] { read(GetParam().seed * 10 + reader); });
  }
  write();
  flusher.join();
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(failures_, std::set<std::string>{});
  EXPECT_GT(hits_.load(), kEvents / 50);
}

INSTANTIATE_TEST_SUITE_P(Window, Linearizability,
                         testing::Values(Plan{"FewKeys", 1, 3, 0, 1 << 10, 20},
                                         Plan{"ManyKeys", 2, 200, 0, 1 << 10, 20},
                                         Plan{"RingOftenFull", 3, 50, 0, 8, 20},
                                         Plan{"PanesComeAndGo", 4, 10, 0, 1 << 10, 150},
                                         Plan{"KeysComeAndGo", 5, 20, 300, 1 << 10, 60},
                                         Plan{"OnePane", 6, 1, 0, 1 << 10, 2}),
                         [](const testing::TestParamInfo<Plan>& plan) {
                           return std::string(plan.param.name);
                         });

}  // namespace

// Gives way in the middle of things, now and then: on few cores the interleavings that matter would
// hardly happen otherwise.
void at_point(Point) {
  static std::atomic<unsigned> threads{0};
  thread_local std::minstd_rand random(++threads);
  if (random() % 128 == 0) std::this_thread::yield();
}

}  // namespace surgewatch::window
