// In the steady state the window allocates nothing: panes, slots, texts, chunks of corrections and
// tables come round. Counts every call of operator new, so it has a program of its own.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "window/window.h"

namespace {
std::size_t allocations = 0;  // one thread
}  // namespace

// Not inlined: the compiler would see free() beside a `new` that it does not know for this one.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  if (void* memory = std::aligned_alloc(static_cast<std::size_t>(alignment), size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace surgewatch::window {
namespace {

TEST(Allocation, ThereIsNoneInTheSteadyState) {
  constexpr Micros kPane = 1'000;
  Window window({{.pane_length = kPane, .dimensions = 2, .max_keys = 3'000},
                 {.pane_length = 3 * kPane, .dimensions = 1, .max_keys = 100'000}},
                {.allowed_lateness = 3 * kPane,
                 .out_of_orderness = kPane,
                 .correction_horizon = 10 * kPane,
                 .dirty_ring_capacity = 1 << 10});
  std::vector<std::string> names;
  for (int i = 0; i < 100'000; ++i) names.push_back("party " + std::to_string(10'000'000 + i));
  std::mt19937 random(1);
  Collected collected;
  std::int64_t offset = 0;
  std::size_t corrections = 0;
  // Keys come and go; ten flushes a pane; some contributions are corrections.
  const auto run = [&](int events) {
    for (int i = 0; i < events; ++i) {
      const Micros now = offset;
      window.begin_event();
      window.advance(now - kPane);
      const std::string& name =
          names[(static_cast<std::size_t>(offset) / 4 + random() % 500) % names.size()];
      const std::array<std::string_view, kMaxDimensions> texts{name, names[random() % 3]};
      MeasureValues values;
      values.values.fill(1);
      const Micros back = random() % 50 == 0 ? 20 * kPane : static_cast<Micros>(random() % kPane);
      for (std::size_t series = 0; series < 2; ++series) {
        const auto slot =
            window.slot(series, {kNoValue, series == 0 ? kNoValue : 0, 0, 0}, texts).slot;
        window.add(slot, now - back, values, offset);
      }
      window.publish(++offset);
      if (offset % 100 == 0) {
        window.collect(&collected);
        corrections += collected.corrections.size();
      }
    }
  };
  run(400'000);
  const std::size_t early = allocations;
  EXPECT_GT(early, 100u);  // they are counted at all
  // An index, whose entries waver in number, takes a larger table when it finds more than ever at
  // the end of one. That comes ever less often: the steady state is here when it has not come.
  constexpr int kStretches = 8;
  std::size_t before = 0;
  for (int stretch = 0; stretch < kStretches; ++stretch) {
    before = allocations;
    corrections = 0;
    run(400'000);
    if (allocations == before) break;
  }
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_LT(allocations - early, 20u);
  EXPECT_GT(corrections, 10'000u);
  names.clear();
  names.shrink_to_fit();
}

}  // namespace
}  // namespace surgewatch::window
