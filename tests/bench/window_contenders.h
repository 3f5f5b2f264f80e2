// What a window could be instead, written well: panes in a ring beside each key, the same hash, no
// allocation once a key is there. Each has
//   events(ahead)      a group of contributions, by the one writer that is measured;
//   sample(key, time)  one pane as a reader sees it, from another thread.
// Who can looks ahead, as the window does; who locks does it once for the group.
#pragma once

#include <benchmark/benchmark.h>
#include <tbb/concurrent_hash_map.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "window_events.h"

namespace surgewatch::bench {

// Panes that can be live at once; a power of two.
constexpr std::size_t kRing = 4;

struct RingPane {
  PaneIndex index = -1;
  MeasureValues sums;
};

struct Ring {
  std::array<RingPane, kRing> panes;

  void add(PaneIndex index, const MeasureValues& values) {
    RingPane& pane = panes[static_cast<std::size_t>(index) % kRing];
    if (pane.index != index) pane = {index, {}};
    pane.sums.add(values);
  }
  MeasureValues read(PaneIndex index) const {
    const RingPane& pane = panes[static_cast<std::size_t>(index) % kRing];
    return pane.index == index ? pane.sums : MeasureValues{};
  }
};

class Contender {
 public:
  explicit Contender(const Load& load) : length_(pane_length(load.series)) {}

 protected:
  // 32 bits are enough here, and divide faster.
  PaneIndex index_of(Micros time) const {
    return static_cast<std::uint32_t>(time) / static_cast<std::uint32_t>(length_);
  }
  static void prefetch_to_write(const void* address) {
#ifdef __x86_64__
    asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
    __builtin_prefetch(address, 1);
#endif
  }
  const Micros length_;
};

template <typename Map>
class MutexAndMap : public Contender {
 public:
  explicit MutexAndMap(const Load& load) : Contender(load) {
    for (std::uint32_t i = 0; i < load.series; ++i) rings_[key_of(i)];
  }
  void events(const Ahead& ahead) {
    const std::lock_guard lock(mutex_);
    if constexpr (requires { rings_.prefetch(window::KeyValues{}); }) {
      for (const Event& event : ahead[2]) rings_.prefetch(event.key);
    }
    for (const Event& event : ahead[0]) rings_[event.key].add(index_of(event.time), *event.values);
  }
  MeasureValues sample(const window::KeyValues& key, Micros time) {
    const std::lock_guard lock(mutex_);
    return rings_[key].read(index_of(time));
  }

 private:
  std::mutex mutex_;
  Map rings_;
};

using MutexAndTree = MutexAndMap<std::map<window::KeyValues, Ring>>;
using MutexAndUnordered = MutexAndMap<std::unordered_map<window::KeyValues, Ring, KeyHash>>;
using MutexAndFlat = MutexAndMap<absl::flat_hash_map<window::KeyValues, Ring, KeyHash>>;

class TbbMap : public Contender {
 public:
  explicit TbbMap(const Load& load) : Contender(load) {
    for (std::uint32_t i = 0; i < load.series; ++i) rings_.insert({key_of(i), {}});
  }
  void events(const Ahead& ahead) {
    for (const Event& event : ahead[0]) {
      Rings::accessor at;
      rings_.insert(at, event.key);
      at->second.add(index_of(event.time), *event.values);
    }
  }
  MeasureValues sample(const window::KeyValues& key, Micros time) {
    Rings::const_accessor at;
    return rings_.find(at, key) ? at->second.read(index_of(time)) : MeasureValues{};
  }

 private:
  struct Compare {
    static std::size_t hash(const window::KeyValues& key) { return KeyHash{}(key); }
    static bool equal(const window::KeyValues& a, const window::KeyValues& b) { return a == b; }
  };
  using Rings = tbb::concurrent_hash_map<window::KeyValues, Ring, Compare>;
  Rings rings_;
};

// Panes that any thread may add to; keys are known beforehand. A reader may see a document counted
// and its units not yet, and an addition may meet a pane that is being emptied: less than we
// promise.
class FetchAdd : public Contender {
 public:
  explicit FetchAdd(const Load& load) : Contender(load), rings_(load.series) {
    for (std::uint32_t i = 0; i < load.series; ++i) numbers_[key_of(i)] = i;
  }
  void events(const Ahead& ahead) {
    for (const Event& event : ahead[2]) numbers_.prefetch(event.key);
    for (std::size_t i = 0; i < kGroup; ++i) {
      const Event& event = ahead[1][i];
      const auto place = static_cast<std::size_t>(index_of(event.time)) % kRing;
      next_[i] = &rings_[numbers_.find(event.key)->second][place];
      prefetch_to_write(next_[i]);
    }
    for (std::size_t i = 0; i < kGroup; ++i) {
      const Event& event = ahead[0][i];
      if (now_[i] != nullptr)
        add(now_[i], index_of(event.time), *event.values);  // not in the first group
    }
    now_ = next_;
  }
  MeasureValues sample(const window::KeyValues& key, Micros time) {
    const PaneIndex index = index_of(time);
    Pane& pane = rings_[numbers_.find(key)->second][static_cast<std::size_t>(index) % kRing];
    MeasureValues sums;
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      sums.values[i] = pane.sums[i].load(std::memory_order_relaxed);
    }
    return sums;
  }

 private:
  struct alignas(64) Pane {
    std::atomic<PaneIndex> index{-1};
    std::array<std::atomic<std::int64_t>, kMeasureCount> sums{};
  };
  static void add(Pane* pane, PaneIndex index, const MeasureValues& values) {
    PaneIndex there = pane->index.load(std::memory_order_acquire);
    if (there != index && pane->index.compare_exchange_strong(there, index)) {
      for (auto& sum : pane->sums) sum.store(0, std::memory_order_relaxed);
    }
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      pane->sums[i].fetch_add(values.values[i], std::memory_order_relaxed);
    }
  }

  absl::flat_hash_map<window::KeyValues, std::uint32_t, KeyHash> numbers_;
  std::vector<std::array<Pane, kRing>> rings_;
  std::array<Pane*, kGroup> now_{}, next_{};
};

// What the machine itself takes: no key is looked up and nothing is promised to readers, who see
// mixtures. A key's number is its place, and a pane a cache line of which the writer changes five
// words. With a reader it says what it costs that two cores want the same lines.
class BareLine : public Contender {
 public:
  explicit BareLine(const Load& load) : Contender(load), panes_(2 * load.series) {}
  void events(const Ahead& ahead) {
    for (const Event& event : ahead[1]) prefetch_to_write(&pane(event.key, index_of(event.time)));
    for (const Event& event : ahead[0]) {
      Pane& to = pane(event.key, index_of(event.time));
      for (std::size_t i = 0; i < kMeasureCount; ++i) {
        to.sums[i].store(to.sums[i].load(std::memory_order_relaxed) + event.values->values[i],
                         std::memory_order_relaxed);
      }
    }
  }
  MeasureValues sample(const window::KeyValues& key, Micros time) {
    MeasureValues sums;
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      sums.values[i] = pane(key, index_of(time)).sums[i].load(std::memory_order_relaxed);
    }
    return sums;
  }

 private:
  struct alignas(64) Pane {
    std::array<std::atomic<std::int64_t>, kMeasureCount> sums{};
  };
  Pane& pane(const window::KeyValues& key, PaneIndex index) {
    return panes_[2 * std::size_t{number_of(key)} + static_cast<std::size_t>(index) % 2];
  }
  std::vector<Pane> panes_;
};

// No pane at all: what finding the key costs.
class BareProbe : public Contender {
 public:
  explicit BareProbe(const Load& load) : Contender(load) {
    for (std::uint32_t i = 0; i < load.series; ++i) numbers_[key_of(i)] = i;
  }
  void events(const Ahead& ahead) {
    for (const Event& event : ahead[2]) numbers_.prefetch(event.key);
    for (const Event& event : ahead[0]) sum_ += numbers_.find(event.key)->second;
    benchmark::DoNotOptimize(sum_);
  }
  MeasureValues sample(const window::KeyValues&, Micros) { return {}; }

 private:
  absl::flat_hash_map<window::KeyValues, std::uint32_t, KeyHash> numbers_;
  std::uint64_t sum_ = 0;
};

// What the benchmark itself takes.
class Nothing {
 public:
  explicit Nothing(const Load&) {}
  void events(const Ahead& ahead) {
    const Group* now = &ahead[0];
    benchmark::DoNotOptimize(now);
  }
  MeasureValues sample(const window::KeyValues&, Micros) { return {}; }
};

}  // namespace surgewatch::bench
