// What a window could be instead, written well: panes in a ring beside each key, the same hash, no
// allocation once a key is there. Each has
//   event(key, time, values)  one contribution, by the one writer that is measured;
//   sample(key, time)         one pane as a reader sees it, from another thread.
#pragma once

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
  // As the window does: a division only when the pane changes.
  PaneIndex index_of(Micros time) const { return pane_of(time, length_); }
  const Micros length_;
};

template <typename Map>
class MutexAndMap : public Contender {
 public:
  explicit MutexAndMap(const Load& load) : Contender(load) {
    for (std::uint32_t i = 0; i < load.series; ++i) rings_[key_of(i)];
  }
  void event(const window::KeyValues& key, Micros time, const MeasureValues& values) {
    const std::lock_guard lock(mutex_);
    rings_[key].add(index_of(time), values);
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
  void event(const window::KeyValues& key, Micros time, const MeasureValues& values) {
    Rings::accessor at;
    rings_.insert(at, key);
    at->second.add(index_of(time), values);
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
  void event(const window::KeyValues& key, Micros time, const MeasureValues& values) {
    const PaneIndex index = index_of(time);
    Pane& pane = rings_[numbers_.find(key)->second][static_cast<std::size_t>(index) % kRing];
    PaneIndex there = pane.index.load(std::memory_order_acquire);
    if (there != index && pane.index.compare_exchange_strong(there, index)) {
      for (auto& sum : pane.sums) sum.store(0, std::memory_order_relaxed);
    }
    for (std::size_t i = 0; i < kMeasureCount; ++i) {
      pane.sums[i].fetch_add(values.values[i], std::memory_order_relaxed);
    }
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
  absl::flat_hash_map<window::KeyValues, std::uint32_t, KeyHash> numbers_;
  std::vector<std::array<Pane, kRing>> rings_;
};

// No pane at all: what finding the key costs.
class BareProbe : public Contender {
 public:
  explicit BareProbe(const Load& load) : Contender(load) {
    for (std::uint32_t i = 0; i < load.series; ++i) numbers_[key_of(i)] = i;
  }
  void event(const window::KeyValues& key, Micros, const MeasureValues&) {
    sum_ += numbers_.find(key)->second;
  }
  MeasureValues sample(const window::KeyValues&, Micros) { return {}; }
  std::uint64_t sum() const { return sum_; }

 private:
  absl::flat_hash_map<window::KeyValues, std::uint32_t, KeyHash> numbers_;
  std::uint64_t sum_ = 0;
};

}  // namespace surgewatch::bench
